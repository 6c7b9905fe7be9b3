"""Written agreements: what an agency gets, of whom, what for and until when."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from services.partners.domain.fact import About, Country, Fact
from services.partners.domain.figures import FIGURES, FRAME
from services.partners.domain.rules import (
    AgreementEnded,
    AgreementInForce,
    AgreementWithoutCopy,
    AgreementWithoutDays,
    FiguresAlone,
    FiguresOfNothing,
    OwnAgreement,
    ScopeOfOtherKind,
)
from services.partners.domain.vocabulary import AgencyKind, LegalBasis, PersonField, Precision, Scope, Verdict

#: Which agencies hear of whom: an airline has no nationals, and a donor no cases.
_SCOPES: Mapping[AgencyKind, frozenset[Scope]] = {
    AgencyKind.EMBASSY: frozenset({Scope.OWN_NATIONALS}),
    AgencyKind.EXIT_AUTHORITY: frozenset({Scope.OWN_FLIGHTS, Scope.OWN_REFERRALS}),
    AgencyKind.CARRIER: frozenset({Scope.OWN_FLIGHTS}),
    AgencyKind.RECEIVING_OFFICE: frozenset({Scope.OWN_NATIONALS}),
    AgencyKind.HEALTH_PARTNER: frozenset({Scope.OWN_REFERRALS}),
    AgencyKind.REINTEGRATION_PARTNER: frozenset({Scope.OWN_REFERRALS}),
    AgencyKind.UNHCR: frozenset({Scope.OWN_REFERRALS}),
    AgencyKind.DONOR: frozenset({Scope.FIGURES}),
}


@dataclass(frozen=True)
class Terms:
    """What may leave. What isn't named here stays."""

    #: By event type the members of its data; a type with none is told without data.
    events: Mapping[str, frozenset[str]]
    scope: Scope
    #: ISO 3166 alpha-2 of the countries to which people return; empty for those of the agency alone, and of figures
    #: for all of the programme's.
    countries: frozenset[str] = frozenset()
    person: frozenset[PersonField] = frozenset()
    precision: Precision = Precision.EXACT


@dataclass(frozen=True)
class Agency:
    """Who receives."""

    id: UUID
    name: str
    kind: AgencyKind
    #: Where it is or whose it is, ISO 3166 alpha-2.
    country: str
    #: Of a carrier: the IATA code of its flights.
    carrier: str | None = None
    #: As which authorities it is asked for papers: only these papers does it answer about.
    authorities: frozenset[str] = frozenset()

    def is_asked_as(self, authority: str) -> bool:
        """Whether this is one of its own names, however it is written."""
        return _plain(authority) in map(_plain, self.authorities)


def _plain(authority: str) -> str:
    return " ".join(authority.casefold().split())


@dataclass
class Agreement:
    """One agreement with one agency: entered by one person, and put in force by another once it is signed."""

    id: UUID
    agency: Agency
    legal_basis: LegalBasis
    purpose: str
    terms: Terms
    #: For how long the agency promises to keep what it gets.
    retention_days: int
    contact: str
    valid_from: date
    valid_until: date
    entered_by: str
    #: SHA-256 of the signed copy.
    signed_copy: str | None = None
    approved_by: str | None = None
    ended_on: date | None = None

    @property
    def agency_id(self) -> UUID:
        """With whom it is."""
        return self.agency.id

    def check(self) -> None:
        """Raises what its terms can't be."""
        if self.valid_until < self.valid_from:
            raise AgreementWithoutDays
        fitting = _SCOPES[self.agency.kind]
        if self.terms.scope not in fitting:
            raise ScopeOfOtherKind(scopes=sorted(fitting))
        self._check_figures()

    def attach(self, digest: str) -> None:
        """Keep which file is the signed copy."""
        if self.approved_by:
            raise AgreementInForce
        self.signed_copy = digest

    def approve(self, by: str) -> None:
        """Put it in force, as another than who entered it."""
        if self.ended_on:
            raise AgreementEnded
        if self.signed_copy is None:
            raise AgreementWithoutCopy
        if by == self.entered_by:
            raise OwnAgreement
        self.approved_by = self.approved_by or by

    def end(self, on: date) -> None:
        """Nothing flows from this day on, but what must still be known of what has flowed."""
        self.ended_on = self.ended_on or on

    def in_force(self, on: date) -> bool:
        """Whether anything may flow on this day."""
        return self.approved_by is not None and not self.over(on) and self.valid_from <= on

    def over(self, on: date) -> bool:
        """Whether nothing will be told under it any more."""
        return on > self.valid_until or (self.ended_on is not None and self.ended_on <= on)

    def kept_since(self, on: date) -> date:
        """From which day on what was told is kept on this day: so long as the agency may keep it."""
        return on - timedelta(days=self.retention_days)

    def verdict(self, fact: Fact, about: About, on: date) -> Verdict:
        """Whether the agency hears of this, or the first reason why not."""
        if not self.in_force(on):
            return Verdict.NOT_IN_FORCE
        if fact.type not in self.terms.events:
            return Verdict.TYPE_NOT_AGREED
        return self.stands(about)

    def stands(self, about: About) -> Verdict:
        """Whether the agency has to do with it at all as long as the agreement is in force, or why not."""
        if about.gone:
            return Verdict.GONE
        if outside := self._outside(about):
            return outside
        return Verdict.SENT if about.consents_to(self.agency.kind) else Verdict.NO_CONSENT

    def _check_figures(self) -> None:
        terms = self.terms
        if terms.scope is not Scope.FIGURES:
            if FIGURES in terms.events:
                raise FiguresAlone
            return
        if terms.person or terms.events.keys() - {FIGURES}:
            raise FiguresAlone
        if lacking := FRAME - terms.events.get(FIGURES, FRAME):
            raise FiguresOfNothing(members=sorted(lacking))

    def _outside(self, about: About) -> Verdict | None:
        own = self.agency.country
        countries = self.terms.countries or ({own} if self.terms.scope is Scope.OWN_NATIONALS else frozenset())
        match self.terms.scope:
            case Scope.OWN_NATIONALS if about.country_of_origin != own:
                return Verdict.NOT_OWN_NATIONAL
            case Scope.OWN_FLIGHTS if about.carrier is None or about.carrier != self.agency.carrier:
                return Verdict.NOT_OWN_FLIGHT
            case Scope.OWN_REFERRALS if self.agency.id not in about.referred_to:
                return Verdict.NOT_REFERRED
            case Scope.FIGURES if not isinstance(about, Country):
                return Verdict.TYPE_NOT_AGREED
        return Verdict.OTHER_COUNTRY if countries and about.country_of_origin not in countries else None
