"""Referrals: the agency hears of the person from then on, until it says no or the referral is taken back.

Whoever is not referred to an agency any more has nothing that the agency should hold: what it was told for is over, and
a tombstone says so.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Protocol
from uuid import UUID

from services.partners.domain.agreement import Agreement
from services.partners.domain.fact import Case, Fact
from services.partners.domain.referral import Action, Referral, State
from services.partners.domain.rules import NoAgreementOnReferrals, NoSuchReferral, ReferralNotNamed
from services.partners.domain.vocabulary import Scope, Verdict
from services.partners.kept import SOURCE, Gone
from services.partners.offers import REFERRAL_MADE, REFERRAL_WITHDRAWN
from services.partners.repository import Unit
from shared.ids import new_id


def refer(uow: Unit, case: Case, referral: Referral, agreements: Iterable[Agreement]) -> None:
    """Refer the case. ``agreements``: all with the agency. Raises what forbids it."""
    case.refer(referral)
    fact, today = made(case, referral), uow.clock.today()
    own = [each for each in agreements if each.terms.scope is Scope.OWN_REFERRALS]
    verdicts = {each.verdict(fact, case, today) for each in own}
    if Verdict.SENT not in verdicts:
        raise NoAgreementOnReferrals(reasons=sorted(verdicts))
    referral.told = uow.tell(fact, case, to=referral.agency_id)


def withdraw(uow: Unit, case: Case, referral: Referral, reason: str) -> None:
    """Take the referral back, and tell the agency."""
    now = uow.clock.now()
    referral.settle(Action.WITHDRAW, now, reason)
    uow.tell(withdrawn(case, referral, now), case, to=referral.agency_id)
    part(uow, case, referral.agency_id)


def accept(uow: Unit, referral: Referral) -> None:
    """The agency takes the person on."""
    referral.settle(Action.ACCEPT, uow.clock.now())


def reject(uow: Unit, case: Case, referral: Referral, reason: str) -> None:
    """The agency doesn't take the person on."""
    referral.settle(Action.REJECT, uow.clock.now(), reason)
    part(uow, case, referral.agency_id)


class Burying(Protocol):
    """Who tells agencies to destroy what they hold, or says what it would tell them."""

    def bury(self, case: Case, why: Gone, *, referred: UUID) -> None:
        """Tell the agency that was referred to."""


def part(uow: Burying, case: Case, agency_id: UUID) -> None:
    """Tell the agency to destroy what it holds, unless another referral to it is open."""
    if case.leave(agency_id):
        uow.bury(case, Gone.REFERRAL_ENDED, referred=agency_id)


def answered(case: Case, agency_id: UUID, id: UUID | None) -> Referral:
    """Which referral an agency means: the one that it names, or the only one that waits. Raises if there isn't one."""
    own = [each for each in case.referrals if each.agency_id == agency_id]
    if id is None:
        own = [each for each in own if each.state is State.WAITING] or own[-1:]
    else:
        own = [each for each in own if each.id == id]
    if not own:
        raise NoSuchReferral
    if len(own) > 1:
        raise ReferralNotNamed
    return own[0]


def made(case: Case, referral: Referral) -> Fact:
    """What the agency hears first."""
    data = {
        "referral_id": referral.id,
        "services": sorted(each.value for each in referral.services),
        "requested_on": referral.at.date(),
    }
    return Fact(new_id(), SOURCE, REFERRAL_MADE, case.id, referral.at, data)


def withdrawn(case: Case, referral: Referral, at: datetime) -> Fact:
    """What it hears when the office takes the referral back."""
    data = {"referral_id": referral.id, "withdrawn_on": at.date()}
    return Fact(new_id(), SOURCE, REFERRAL_WITHDRAWN, case.id, at, data)
