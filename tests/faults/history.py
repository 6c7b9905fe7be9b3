"""Which events the commands must have left in the logs, in the service that was commanded and in those that heard of
it: of every type and subject exactly so many, so that one that nobody has caused is a ghost. Pure.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from copy import copy
from typing import Any

from shared.contracts import monitoring, reintegration, screening, travel
from shared.contracts.envelope import Contract, Event
from tests.faults.model import Case, Executed, World

#: How many events there are of a type and a subject.
Told = Counter[tuple[str, str]]

#: How often a case's gates are evaluated depends on how events meet: they have bounds, and the last must be right.
GATES = travel.GatesEvaluated.type

#: The event that a command leaves of its own case.
_OF_CASE: dict[str, type[Contract]] = {
    "assess": screening.CaseAssessed,
    "declare": screening.DeclarationSigned,
    "hold": screening.HoldPlaced,
    "lift": screening.HoldLifted,
    "examine": screening.FitnessRecorded,
    "clear": screening.CaseCleared,
    "ask-document": travel.DocumentRequested,
    "document": travel.DocumentIssued,
    "ask-visa": travel.ExitVisaRequested,
    "visa": travel.ExitVisaIssued,
    "board": travel.Boarded,
    "no-show": travel.NoShow,
    "arrive": travel.ArrivalConfirmed,
    "missing": travel.MissingAtArrival,
    "found": travel.ArrivalCorrected,
    "plan": reintegration.PlanSubmitted,
    "approve": reintegration.PlanApproved,
    "reject": reintegration.PlanRejected,
    "deliver": reintegration.LineDelivered,
    "complete": reintegration.ReintegrationCompleted,
    "cancel": reintegration.ReintegrationCancelled,
    "attempt": monitoring.AttemptRecorded,
    "visit": monitoring.FollowUpCompleted,
    "close": monitoring.CaseClosed,
}
_OF_FLIGHT: dict[str, type[Contract]] = {
    "lock": travel.ManifestLocked,
    "validate": travel.ManifestValidated,
    "departure": travel.FlightDeparted,
}
#: What one command or its echo in other services changes in a case, and the events that tell of it.
_CHANGES: dict[str, tuple[type[Contract], ...]] = {
    "merged": (screening.CaseMerged,),
    "withdrawn": (screening.ConsentWithdrawn, travel.WithdrawnAtGate),
    "departed": (travel.Departed,),
    "arrived": (reintegration.ReintegrationOpened, monitoring.FollowUpsScheduled),
    "cancelled": (monitoring.FollowUpsCancelled,),
}


def expected(executed: Iterable[Executed]) -> Told:
    """All events but those of GATES, after these commands."""
    made, told = World(), Told()
    for done in executed:
        before = {case_id: copy(made.cases[case_id]) for case_id in _concerned(made, done)}
        made.apply(done)
        told.update((each.type, subject) for each, subject in _commanded(done))
        for case_id, case in before.items():
            told.update((each.type, case_id) for each in _followed(case, made.cases[case_id]))
    return told


def _concerned(made: World, done: Executed) -> list[str]:
    """Cases that the command may change."""
    match done.kind:
        case "seats":
            return list(done.answer["booked"])
        case "departure":
            return [case_id for case_id, case in made.cases.items() if case.flight == done.about["flight_id"]]
        case "same-person":
            return [done.about["case_id"], done.about["other"]]
        case _ if "case_id" in done.about:
            return list(made.cases[done.about["case_id"]].family)
        case _:
            return []


def _commanded(done: Executed) -> Iterator[tuple[type[Contract], str]]:
    if done.kind in _OF_CASE:
        yield _OF_CASE[done.kind], done.about["case_id"]
    if done.kind in _OF_FLIGHT:
        yield _OF_FLIGHT[done.kind], done.about["flight_id"]
    match done.kind:
        case "flight":
            yield travel.FlightScheduled, done.answer["flight_id"]
        case "fund":
            yield reintegration.FundOpened, done.answer["fund_id"]
        case "register":
            yield from _registered(done.answer)
        case "household":
            yield screening.HouseholdChanged, done.answer["household_id"]
            for each in done.answer["cases"]:
                yield from _registered(each)
        case "same-person":
            yield from ((screening.DuplicateDecided, done.about[name]) for name in ("case_id", "other"))
        case "desk-withdrawal" if not done.answer["effective"]:
            yield travel.WithdrawalTooLate, done.about["case_id"]


def _registered(answer: Mapping[str, Any]) -> Iterator[tuple[type[Contract], str]]:
    """A suspicion is told of both cases."""
    yield screening.CaseRegistered, answer["case_id"]
    for other in answer["suspected_duplicates"]:
        yield from ((screening.DuplicateSuspected, case_id) for case_id in (answer["case_id"], other))


def _followed(before: Case, after: Case) -> Iterator[type[Contract]]:
    for name, contracts in _CHANGES.items():
        if getattr(after, name) and not getattr(before, name):
            yield from contracts
    if before.cleared and not after.cleared:
        yield screening.ClearanceRevoked
    if after.flight is not None and after.flight != before.flight:
        yield travel.SeatBooked
    if before.flight is not None and after.flight is None:
        yield travel.SeatReleased
        if before.boarded:
            yield travel.BoardingCorrected


def ghosts(told: Told, events: Iterable[Event]) -> Iterator[str]:
    """Where the logs hold another number of events than the commands have caused, whatever the type."""
    found = Told((event.type, event.subject) for event in events if event.type != GATES)
    for (type, subject), number in sorted((told - found).items()):
        yield f"{number} {type} of {subject} missing from the log"
    for (type, subject), number in sorted((found - told).items()):
        yield f"{number} {type} of {subject} in the log that nobody has commanded"
