"""Subscriptions: which part of an agreement an agency wants, and how it gets it."""

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from uuid import UUID

from services.partners.domain.agreement import Agreement
from services.partners.domain.fact import About, Fact
from services.partners.domain.rules import (
    NotKeptAnyMore,
    OutsideAgreement,
    ReplayBeforeAgreement,
    SubscriptionEnded,
    SubscriptionUnconfirmed,
)


class Way(StrEnum):
    """How an agency receives."""

    #: It asks, with nothing but an HTTP client.
    FEED = "feed"
    #: We call it.
    WEBHOOK = "webhook"
    #: It consumes from a queue of its own.
    AMQP = "amqp"


class State(StrEnum):
    """Whether anything is delivered."""

    #: Whoever is to be called has not said yet that it wants that; what happens is kept for it.
    UNCONFIRMED = "unconfirmed"
    ACTIVE = "active"
    #: What happens is kept for it, and delivered when it goes on.
    PAUSED = "paused"
    ENDED = "ended"


@dataclass
class Subscription:
    """One subscription, under one agreement."""

    id: UUID
    agency_id: UUID
    agreement_id: UUID
    way: Way
    types: frozenset[str]
    #: Of those that the agreement names, these countries alone; empty for all of them.
    countries: frozenset[str] = frozenset()
    state: State = State.ACTIVE
    #: With what is delivered: addresses and signing secrets.
    secrets: dict[str, str] = field(default_factory=dict)
    paused_on: date | None = None
    ended_on: date | None = None

    def check(self, agreement: Agreement) -> None:
        """Raises OutsideAgreement."""
        terms = agreement.terms
        if unknown := self.types - terms.events.keys():
            raise OutsideAgreement(not_agreed=sorted(unknown), event_types=sorted(terms.events))
        if terms.countries and (other := self.countries - terms.countries):
            raise OutsideAgreement(not_agreed=sorted(other), countries=sorted(terms.countries))

    def wants(self, fact: Fact, about: About) -> bool:
        """Whether the fact passes the subscription's own filters."""
        if fact.correcting and self.id not in about.given:
            return False
        return fact.type in self.types and (not self.countries or about.country_of_origin in self.countries)

    def pause(self, on: date) -> None:
        """Keep what happens and deliver nothing."""
        self._go_on(State.PAUSED)
        self.paused_on = self.paused_on or on

    def resume(self) -> None:
        """Deliver, first what was kept."""
        self._go_on(State.ACTIVE)
        self.paused_on = None

    def over(self, agreement: Agreement, on: date) -> bool:
        """Whether nothing but tombstones will be delivered any more."""
        return self.state is State.ENDED or agreement.over(on)

    def check_replay(self, agreement: Agreement, since: date, today: date) -> None:
        """Raises what forbids that all from a day on is delivered again."""
        self._check_confirmed()
        if since < agreement.valid_from:
            raise ReplayBeforeAgreement(valid_from=agreement.valid_from.isoformat())
        if since < (kept_since := agreement.kept_since(today)):
            raise NotKeptAnyMore(kept_since=kept_since.isoformat())

    def confirm(self) -> None:
        """Whoever is to be called wants it."""
        if self.state is State.ENDED:
            raise SubscriptionEnded
        if self.state is State.UNCONFIRMED:
            self.state = State.ACTIVE

    def end(self, on: date) -> None:
        """Keep nothing any more but what must still be known of what was delivered."""
        self.state, self.ended_on = State.ENDED, self.ended_on or on

    def _go_on(self, state: State) -> None:
        self._check_confirmed()
        self.state = state

    def _check_confirmed(self) -> None:
        if self.state is State.ENDED:
            raise SubscriptionEnded
        if self.state is State.UNCONFIRMED:
            raise SubscriptionUnconfirmed
