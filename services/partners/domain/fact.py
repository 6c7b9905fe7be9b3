"""What the services tell, as this one sees it: what happened to whom."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Protocol
from uuid import UUID

from services.partners.domain.referral import Action, Referral
from services.partners.domain.rules import (
    AlreadyReferred,
    CaseEnded,
    NeedOfOtherKind,
    NoConsentToReferral,
    NoSuchReferral,
)
from services.partners.domain.vocabulary import NEEDS, AgeGroup, AgencyKind, Measure, Withdrawal


@dataclass(frozen=True, slots=True)
class Fact:
    """One event of another service. ``data``: Python's values, so that an id or a date is known for one."""

    id: UUID
    source: str
    type: str
    subject: UUID
    time: datetime
    data: Mapping[str, Any]
    #: It puts right what was told: no news to who was told nothing.
    correcting: bool = False


class About(Protocol):
    """What decides who hears of a case or of a flight."""

    id: UUID
    country_of_origin: str | None
    carrier: str | None
    referred_to: set[UUID]
    #: How many events each subscription was given of it.
    given: dict[UUID, int]

    @property
    def gone(self) -> bool:
        """Whether there is nothing more to tell of it."""

    def consents_to(self, recipient: str) -> bool:
        """Whether nobody's will is against that category of recipients hearing of it."""

    def next_for(self, subscription: UUID) -> int:
        """The number of the next event that the subscription gets of it: 1, 2, 3 … without holes."""


@dataclass
class Numbered:
    """Counts what each subscription was given of one subject."""

    id: UUID
    given: dict[UUID, int] = field(default_factory=dict, kw_only=True)

    def next_for(self, subscription: UUID) -> int:
        """The number of the next event that the subscription gets: 1, 2, 3 … without holes."""
        self.given[subscription] = self.given.get(subscription, 0) + 1
        return self.given[subscription]


@dataclass
class Flight(Numbered):
    """A flight; it is about nobody, and nobody need consent."""

    country_of_origin: str | None = None
    carrier: str | None = None
    office: str | None = None
    referred_to: set[UUID] = field(default_factory=set)
    gone: bool = False

    def schedule(self, carrier: str, office: str | None, country_of_origin: str | None) -> None:
        """Learn who operates it, by the carrier's code."""
        self.carrier, self.office, self.country_of_origin = carrier, office, country_of_origin

    def consents_to(self, recipient: str) -> bool:
        """Whether nobody's will is against it."""
        return True


@dataclass
class Country(Numbered):
    """A country of origin, of which figures are told; they are about nobody, and nobody need consent."""

    country_of_origin: str | None
    carrier: str | None = None
    referred_to: set[UUID] = field(default_factory=set)
    gone: bool = False

    def consents_to(self, recipient: str) -> bool:
        """Whether nobody's will is against it."""
        return True


@dataclass
class Case(Numbered):
    """What decides of a case who hears of it. No names are in here."""

    office: str | None = None
    country_of_origin: str | None = None
    flight_id: UUID | None = None
    #: Who flies the person, by the code in the flight's number.
    carrier: str | None = None
    #: The declaration is signed and not withdrawn; None before screening has told of one.
    declared: bool | None = None
    #: The categories of recipients to whom the person consents.
    recipients: set[str] = field(default_factory=set)
    #: The agencies to whom the person was referred.
    referred_to: set[UUID] = field(default_factory=set)
    age_group: AgeGroup | None = None
    #: The month, by its first day, in which the person first reached what is counted.
    reached: dict[Measure, date] = field(default_factory=dict)
    #: Oldest first.
    referrals: list[Referral] = field(default_factory=list)
    merged_into: UUID | None = None
    erased_on: date | None = None

    @property
    def unheard_of(self) -> bool:
        """Whether screening has not told yet that the person has declared: nobody does anything for them before."""
        return self.declared is None and not self.gone

    @property
    def gone(self) -> bool:
        """Whether there is nothing more to tell of it."""
        return self.merged_into is not None or self.erased_on is not None

    def reach(self, measure: Measure, day: date) -> None:
        """The person has reached it; what was reached before stands."""
        self.reached.setdefault(measure, day.replace(day=1))

    def take_back(self, *measures: Measure) -> None:
        """The person hasn't reached these after all."""
        for each in measures:
            self.reached.pop(each, None)

    def erase(self, on: date) -> None:
        """The person is erased. What was counted stays counted, and nothing here says any more where."""
        self.erased_on, self.age_group = on, None
        self.declared, self.flight_id, self.carrier = False, None, None
        for kept in (self.reached, self.recipients, self.referred_to, self.referrals):
            kept.clear()

    def consents_to(self, recipient: str) -> bool:
        """Whether the person agrees that this category of recipients hears of the case."""
        return bool(self.declared) and recipient in self.recipients

    def refer(self, referral: Referral) -> None:
        """Have the agency hear of the case from now on, because the person is referred to it."""
        if self.gone:
            raise CaseEnded
        allowed = NEEDS.get(AgencyKind(referral.recipient), frozenset())
        if not referral.services <= allowed:
            raise NeedOfOtherKind(services=sorted(referral.services - allowed), allowed=sorted(allowed))
        if not self.consents_to(referral.recipient):
            raise NoConsentToReferral(recipient=referral.recipient)
        for other in self.referrals:
            same = other.services & referral.services
            if other.open and other.agency_id == referral.agency_id and same:
                raise AlreadyReferred(services=sorted(same), referral_id=other.id)
        self.referrals.append(referral)
        self.referred_to.add(referral.agency_id)

    def referral(self, id: UUID) -> Referral:
        """Raises NoSuchReferral."""
        for each in self.referrals:
            if each.id == id:
                return each
        raise NoSuchReferral

    def leave(self, agency_id: UUID) -> bool:
        """Have the agency hear no more unless another referral to it is open; whether it doesn't."""
        if any(each.open and each.agency_id == agency_id for each in self.referrals):
            return False
        self.referred_to.discard(agency_id)
        return True

    def end_referrals(self, at: datetime, recipient: str | None = None) -> None:
        """The person's consent or the case has ended: nobody waits for an answer. ``recipient``: of this kind alone."""
        for each in self.referrals:
            if each.open and recipient in (None, each.recipient):
                each.settle(Action.WITHDRAW, at, Withdrawal.CONSENT_OR_CASE_ENDED)
                self.leave(each.agency_id)
