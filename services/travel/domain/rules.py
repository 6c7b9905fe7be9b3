"""The rules of travel. Each docstring is what the operator reads."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID


class RuleBroken(Exception):
    """A rule of travel forbids this."""

    rule_broken = True

    def __init__(self, message: str = "", **fields: Any) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip().split("\n")[0])
        self.fields = fields


class NotInThisState(RuleBroken):
    """This can't be done in the present state."""

    def __init__(self, noun: str, status: str, action: str, allowed: Iterable[str]) -> None:
        possible = sorted(allowed)
        then = f"possible now: {', '.join(possible)}." if possible else "nothing more can be done with it."
        super().__init__(f"The {noun} is {status}: {action} is not possible; {then}", state=status, allowed=possible)


class PaperValidity(RuleBroken):
    """A paper is valid from its issue to a later day that has not passed: check both dates."""


class IssuedInTheFuture(RuleBroken):
    """A paper can't have been issued on a day to come: check the day of issue."""


class ExpiresTooLate(RuleBroken):
    """No paper is valid for more than twenty years: check the day of expiry."""


class OtherKindOfPaper(RuleBroken):
    """Another kind of paper was asked for: check the paper, or ask for this kind first."""


class OtherAuthority(RuleBroken):
    """Another authority was asked for this paper: check whose paper it is, or ask this authority first."""


class ArrivalDay(RuleBroken):
    """A person arrives on the day of departure or later, and not on a day to come: check the day of arrival."""


class FlightFirst(RuleBroken):
    """This authority issues a travel document only once the flight is known: give a seat first."""


class FlightInThePast(RuleBroken):
    """A flight is planned for a time to come."""


class FlightTooFarAhead(RuleBroken):
    """A flight is planned for the next two years: check the year of departure."""


class WrongOrigin(RuleBroken):
    """The flight does not leave from an airport of its office."""

    def __init__(self, origin: str, office: str, airports: Iterable[str]) -> None:
        known = list(airports)
        super().__init__(f"{origin} is not an airport of the office {office}: {', '.join(known)}.", airports=known)


class DepartureTime(RuleBroken):
    """A flight leaves after its manifest was locked, and not in the future: check the time of departure."""


class FlightFull(RuleBroken):
    """The flight has no seats for the whole travel unit and its escort."""


class ManifestClosed(RuleBroken):
    """The manifest is locked: no seat can be given on this flight any more."""


class ManifestNotLocked(RuleBroken):
    """Boarding is recorded between locking the manifest and validating it: lock it first."""


class ManifestEmpty(RuleBroken):
    """The manifest has no passengers: give seats first."""


class ManifestBlocked(RuleBroken):
    """The manifest can't be locked: some passengers miss a gate at the flight's date."""

    def __init__(self, blocked: list[dict[str, Any]]) -> None:
        super().__init__(blocked=blocked)


class PassengersUnaccounted(RuleBroken):
    """Record for each passenger whether they boarded, did not come or were refused, then validate."""

    def __init__(self, unaccounted: list[UUID]) -> None:
        super().__init__(unaccounted=unaccounted)


class BoardingHasBegun(RuleBroken):
    """People are on board: correct their boarding first, then reschedule."""


class NotOnThisFlight(RuleBroken):
    """The person has no seat on this flight: check the flight and the person."""


class WrongDestination(RuleBroken):
    """The flight does not go to the person's country of origin."""


class OverrideWithoutReason(RuleBroken):
    """Seats go by vulnerability, then waiting time: choosing people before those who come first needs a reason."""


class ConsentMissing(RuleBroken):
    """The person has not consented, or no longer does: nobody boards without consent."""


class HoldOpen(RuleBroken):
    """A hold is open on the case: the person must not travel until it is lifted."""


class GatesMissing(RuleBroken):
    """Gates are missing at the flight's time of departure: the person can't board."""


class FamilySplit(RuleBroken):
    """A family travels as one unit: every member gets a seat on the flight or none does."""


class AlreadyWithdrawn(RuleBroken):
    """Consent is already withdrawn: nothing is held for this person."""


class CorrectionChangesNothing(RuleBroken):
    """The record already says so: there is nothing to correct."""


class ReasonMissing(RuleBroken):
    """A correction needs a reason, which is kept with it."""


class NoConsentToTransfer(RuleBroken):
    """The person has not consented to a transfer of data to this recipient: ask for consent at the office first."""
