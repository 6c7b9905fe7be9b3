"""What a subscription is told of a fact, and who must destroy what it holds of a case. Nothing here knows whether it is
kept: what a preview shows is decided by the same steps.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from services.partners.domain.agreement import Agreement
from services.partners.domain.fact import About, Case, Fact
from services.partners.domain.redaction import Redacted, redact, stated
from services.partners.domain.vocabulary import OTHER_COUNTRIES, Precision, Scope, Verdict
from services.partners.kept import SOURCE, TOMBSTONE, Gone
from services.partners.registry import Standing
from shared.ids import new_id


@dataclass(frozen=True, slots=True)
class Buried:
    """A tombstone for one subscription, with its number among what that was given of the case."""

    subscription: UUID
    sequence: int
    event: Redacted


def tell(fact: Fact, about: About, standing: Standing, on: date) -> tuple[Verdict, Redacted | None]:
    """Whether the subscription hears of it, or why not, and what leaves."""
    agreement = standing.agreement
    verdict = agreement.verdict(fact, about, on)
    if verdict is not Verdict.SENT:
        return verdict, None
    if not standing.subscription.wants(fact, about):
        return Verdict.NOT_SUBSCRIBED, None
    return verdict, redact(fact, agreement.terms, standing.pseudonyms)


def bury(
    case: Case,
    why: Gone,
    every: Mapping[UUID, Standing],
    now: datetime,
    *,
    of: str | None = None,
    referred: UUID | None = None,
    outside: bool = False,
) -> list[Buried]:
    """Tombstones for those of the subscriptions that were given anything of the case.

    ``of``: agencies of this kind alone. ``referred``: this agency alone, for what it hears as the one referred to.
    ``outside``: those alone whose countries it isn't of.
    """
    given = {id: every[id] for id in sorted(case.given)}
    meant = {id: each for id, each in given.items() if _meant(each.agreement, of, referred)}
    if outside:
        meant = {id: each for id, each in meant.items() if each.agreement.stands(case) in OTHER_COUNTRIES}
    return [Buried(id, case.next_for(id), _tombstone(case, why, each, now)) for id, each in meant.items()]


def _tombstone(case: Case, why: Gone, standing: Standing, now: datetime) -> Redacted:
    names = standing.pseudonyms
    # An id of ours would tell two agencies the millisecond in which both were told.
    id, time = names.of(new_id()), stated(now, Precision.DAY)
    return Redacted(id, SOURCE, TOMBSTONE, names.of(case.id), time, {"reason": why.value})


def _meant(agreement: Agreement, of: str | None, referred: UUID | None) -> bool:
    if referred is not None:
        return agreement.agency_id == referred and agreement.terms.scope is Scope.OWN_REFERRALS
    return of in (None, agreement.agency.kind)
