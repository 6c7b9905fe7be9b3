"""Departure day: boarding, no-shows, refusals, withdrawals, validation, departure, and their corrections."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

import pytest

from services.travel.domain.case import Action, Status
from services.travel.domain.flight import Flight, FlightStatus, Outcome
from services.travel.domain.gates import Fitness
from services.travel.domain.party import Party
from services.travel.domain.rules import (
    BoardingHasBegun,
    ConsentMissing,
    CorrectionChangesNothing,
    DepartureTime,
    FamilySplit,
    FlightInThePast,
    FlightTooFarAhead,
    GatesMissing,
    HoldOpen,
    ManifestBlocked,
    ManifestEmpty,
    ManifestNotLocked,
    NotInThisState,
    NotOnThisFlight,
    PassengersUnaccounted,
)
from services.travel.domain.vocabulary import AgeGroup, RecordedIn, RefusedBy
from shared.ids import new_id
from tests.unit.travel.people import AT_THE_GATE, DEPARTURE, NOW, family, flight, kinds, locked, person, single

DESK = RecordedIn.TRAVEL


def boarded(party: Party, capacity: int = 10) -> Flight:
    plane = locked(flight(capacity), party)
    for case in party.members:
        party.board(case, plane, kit=True, now=AT_THE_GATE)
    return plane


def departed(party: Party) -> Flight:
    plane = boarded(party)
    plane.validate()
    plane.depart(DEPARTURE, DEPARTURE)
    for case in party.members:
        case.depart(DEPARTURE)
    return plane


def test_flight_in_the_past_a_flight_is_planned_for_a_time_to_come() -> None:
    with pytest.raises(FlightInThePast):
        flight(departs_at=NOW).schedule(NOW)


#: Neither end of the calendar can be told in another zone.
_ENDS = (datetime.min.replace(tzinfo=timezone(timedelta(hours=14))), datetime.max.replace(tzinfo=UTC))


@pytest.mark.parametrize(
    ("departs_at", "rule"),
    [(_ENDS[0], FlightInThePast), (_ENDS[1], FlightTooFarAhead), (NOW + timedelta(days=731), FlightTooFarAhead)],
)
def test_a_flight_is_planned_and_rescheduled_for_the_next_two_years(
    departs_at: datetime, rule: type[Exception]
) -> None:
    with pytest.raises(rule):
        flight(departs_at=departs_at).schedule(NOW)
    plane = flight()
    with pytest.raises(rule):
        plane.reschedule(departs_at, NOW)
    assert plane.departs_at == DEPARTURE
    assert kinds(plane.reschedule(NOW + timedelta(days=729), NOW)) == ["FlightRescheduled"]


@pytest.mark.parametrize(
    "at", [*_ENDS, NOW - timedelta(minutes=6), DEPARTURE + timedelta(minutes=6), NOW.replace(year=1900)]
)
def test_departure_time_a_flight_leaves_after_its_manifest_was_locked_and_not_in_the_future(at: datetime) -> None:
    plane = boarded(single(person()))
    plane.validate()
    with pytest.raises(DepartureTime):
        plane.depart(at, DEPARTURE)
    assert plane.status is FlightStatus.VALIDATED
    plane.depart(AT_THE_GATE + timedelta(minutes=30), DEPARTURE)
    assert plane.departed_at == AT_THE_GATE + timedelta(minutes=30)


def test_manifest_empty_a_manifest_without_passengers_is_not_locked() -> None:
    with pytest.raises(ManifestEmpty):
        flight().lock([], NOW)


def test_manifest_blocked_names_who_misses_what() -> None:
    plane = flight()
    single(person()).book(plane, NOW)
    with pytest.raises(ManifestBlocked) as blocked:
        plane.lock([{"case_id": "…", "missing": ["document"]}], NOW)
    assert blocked.value.fields["blocked"] and plane.status is FlightStatus.PLANNED


def test_who_boards_is_on_board_with_the_kit() -> None:
    case = person()
    party = single(case)
    plane = locked(flight(), party)
    assert kinds(party.board(case, plane, kit=True, now=AT_THE_GATE)) == ["Boarded"]
    assert case.status is Status.BOARDED and case.kit


def test_manifest_not_locked_nobody_boards_from_a_draft() -> None:
    party, plane = single(person()), flight()
    party.book(plane, NOW)
    with pytest.raises(ManifestNotLocked):
        party.board(party.members[0], plane, kit=True, now=AT_THE_GATE)


def test_not_on_this_flight_nobody_boards_another_flight() -> None:
    party, plane = single(person()), locked(flight(), single(person()))
    with pytest.raises(NotOnThisFlight):
        party.board(party.members[0], plane, kit=True, now=AT_THE_GATE)


def test_consent_missing_nobody_boards_without_consent() -> None:
    party = single(person())
    plane = locked(flight(), party)
    party.members[0].consent = False
    with pytest.raises(ConsentMissing):
        party.board(party.members[0], plane, kit=True, now=AT_THE_GATE)


def test_hold_open_nobody_boards_under_a_hold() -> None:
    party = single(person())
    plane = locked(flight(), party)
    party.members[0].holds = [new_id()]
    with pytest.raises(HoldOpen):
        party.board(party.members[0], plane, kit=True, now=AT_THE_GATE)


def test_gates_missing_fitness_must_still_hold_at_boarding() -> None:
    party = single(person())
    plane = locked(flight(), party)
    party.members[0].fitness = Fitness(False, NOW, DEPARTURE, False)
    with pytest.raises(GatesMissing) as missing:
        party.board(party.members[0], plane, kit=True, now=AT_THE_GATE)
    assert missing.value.fields["missing"] == ["fitness"]


def test_a_no_show_offloads_the_family_even_from_the_aircraft() -> None:
    father, mother = person(), person()
    party = family(father, mother)
    plane = locked(flight(), party)
    party.board(mother, plane, kit=True, now=AT_THE_GATE)
    events = party.miss(father, plane, AT_THE_GATE)
    assert kinds(events, father.id) == ["SeatReleased", "NoShow"]
    assert kinds(events, mother.id) == ["BoardingCorrected", "SeatReleased", "GatesEvaluated"]
    assert mother.status is Status.PREPARING and not mother.kit
    assert plane.figures() == {"boarded": 0, "no_shows": 1, "refused": 0, "withdrawn": 0, "offloaded": 1}


def test_a_refusal_offloads_the_family() -> None:
    father, mother = person(), person()
    party = family(father, mother)
    plane = locked(flight(), party)
    events = party.refuse(father, plane, RefusedBy.BORDER, AT_THE_GATE)
    assert kinds(events, father.id) == ["SeatReleased", "BoardingRefused", "GatesEvaluated"]
    assert mother.status is Status.PREPARING and father.status is Status.REFUSED


def test_a_withdrawal_at_the_gate_is_effective_at_once_and_offloads_the_family() -> None:
    father, mother, child = person(), person(), person(AgeGroup.CHILD)
    party = family(father, mother, child)
    plane = locked(flight(), party)
    events = party.withdraw(father, AT_THE_GATE, DESK)
    assert kinds(events, father.id) == ["SeatReleased", "Withdrawn"]
    assert father.status is Status.WITHDRAWN and not father.consent
    assert {mother.status, child.status} == {Status.PREPARING} and plane.taken() == 0


@pytest.mark.parametrize("prepare", [lambda party: None, lambda party: party.settle(NOW)])
def test_a_withdrawal_takes_effect_whatever_the_stage_before_boarding(prepare: Callable[[Party], object]) -> None:
    party = single(person())
    prepare(party)
    assert "Withdrawn" in kinds(party.withdraw(party.members[0], NOW, DESK))


def test_a_withdrawal_on_board_is_too_late_and_the_journey_stands() -> None:
    party = single(person())
    boarded(party)
    assert kinds(party.withdraw(party.members[0], AT_THE_GATE, RecordedIn.SCREENING)) == ["WithdrawalTooLate"]
    assert party.members[0].status is Status.BOARDED


def test_a_withdrawal_that_came_too_late_takes_effect_when_boarding_turns_out_to_be_wrong() -> None:
    party = single(person())
    plane = boarded(party)
    party.withdraw(party.members[0], AT_THE_GATE, RecordedIn.SCREENING)
    events = party.correct_boarding(party.members[0], False, AT_THE_GATE)
    assert kinds(events) == ["BoardingCorrected", "SeatReleased", "Withdrawn"]
    assert plane.passengers[party.members[0].id].outcome is Outcome.WITHDRAWN


def test_a_new_declaration_lets_the_case_go_on_and_tells_its_gates_anew() -> None:
    party = single(person())
    party.settle(NOW)
    party.withdraw(party.members[0], NOW, DESK)
    assert kinds(party.declare(party.members[0], NOW)) == ["GatesEvaluated"]
    assert party.members[0].status is Status.READY


def test_passengers_unaccounted_a_manifest_is_validated_when_everybody_is_accounted_for() -> None:
    present, absent = single(person()), single(person())
    plane = locked(flight(), present, absent)
    present.board(present.members[0], plane, kit=True, now=AT_THE_GATE)
    with pytest.raises(PassengersUnaccounted) as unaccounted:
        plane.validate()
    assert unaccounted.value.fields["unaccounted"] == [absent.members[0].id]
    absent.miss(absent.members[0], plane, AT_THE_GATE)
    assert kinds(plane.validate()) == ["ManifestValidated"]


def test_not_in_this_state_a_flight_departs_only_when_its_manifest_is_validated() -> None:
    with pytest.raises(NotInThisState, match="depart is not possible"):
        boarded(single(person())).depart(DEPARTURE, DEPARTURE)


def test_boarding_has_begun_a_flight_with_people_on_board_is_not_rescheduled() -> None:
    with pytest.raises(BoardingHasBegun):
        boarded(single(person())).reschedule(DEPARTURE + timedelta(days=1), NOW)


def test_a_rescheduled_flights_manifest_is_a_draft_again() -> None:
    plane = locked(flight(), single(person()))
    plane.reschedule(DEPARTURE + timedelta(days=1), NOW)
    assert plane.status is FlightStatus.PLANNED and len(plane.passengers) == 1


def test_who_was_not_on_board_after_all_has_the_seat_again_and_the_manifest_is_open() -> None:
    party = single(person())
    plane = boarded(party)
    plane.validate()
    assert kinds(party.correct_boarding(party.members[0], False, AT_THE_GATE))[0] == "BoardingCorrected"
    assert party.members[0].status is Status.BOOKED and plane.status is FlightStatus.LOCKED


def test_who_came_after_all_is_on_board_and_the_family_has_its_seats_again() -> None:
    father, mother = person(), person()
    party = family(father, mother)
    plane = locked(flight(), party)
    party.miss(father, plane, AT_THE_GATE)
    events = party.correct_boarding(father, True, AT_THE_GATE)
    assert kinds(events, father.id) == ["BoardingCorrected"]
    assert kinds(events, mother.id)[0] == "SeatBooked"
    assert (father.status, mother.status) == (Status.BOARDED, Status.BOOKED)


def test_family_split_a_no_show_is_not_corrected_when_the_family_can_no_longer_go() -> None:
    father, mother = person(), person()
    party = family(father, mother)
    plane = locked(flight(), party)
    party.miss(father, plane, AT_THE_GATE)
    party.withdraw(mother, AT_THE_GATE, DESK)
    with pytest.raises(FamilySplit):
        party.correct_boarding(father, True, AT_THE_GATE)


def test_who_flew_after_all_has_departed() -> None:
    absent, present = single(person()), single(person())
    plane = locked(flight(), absent, present)
    absent.miss(absent.members[0], plane, AT_THE_GATE)
    present.board(present.members[0], plane, kit=True, now=AT_THE_GATE)
    plane.validate()
    plane.depart(DEPARTURE, DEPARTURE)
    events = absent.correct_boarding(absent.members[0], True, DEPARTURE)
    assert kinds(events) == ["BoardingCorrected", "Departed"]
    assert absent.members[0].status is Status.DEPARTED


def test_who_did_not_fly_after_all_is_ready_again() -> None:
    party = single(person())
    departed(party)
    events = party.correct_boarding(party.members[0], False, DEPARTURE)
    assert kinds(events) == ["BoardingCorrected", "SeatReleased", "GatesEvaluated"]
    assert party.members[0].status is Status.READY


def test_correction_changes_nothing_when_the_record_already_says_so() -> None:
    party = single(person())
    boarded(party)
    with pytest.raises(CorrectionChangesNothing):
        party.correct_boarding(party.members[0], True, AT_THE_GATE)


def test_arrival_is_confirmed_or_missing_and_each_can_be_corrected() -> None:
    party = single(person())
    departed(party)
    [case], today = party.members, DEPARTURE.date()
    assert kinds(case.confirm_arrival(today)) == ["ArrivalConfirmed"]
    with pytest.raises(CorrectionChangesNothing):
        case.correct_arrival(True, today)
    assert kinds(case.correct_arrival(False, today)) == ["ArrivalCorrected"]
    assert case.status.value == "missing"
    assert kinds(case.correct_arrival(True, today)) == ["ArrivalCorrected"]
    assert case.status.value == "arrived"


def test_who_was_missing_at_arrival_may_still_be_met() -> None:
    party = single(person())
    departed(party)
    [case] = party.members
    assert kinds(case.report_missing()) == ["MissingAtArrival"]
    case.confirm_arrival(DEPARTURE.date())
    assert case.status is Status.ARRIVED


@pytest.mark.parametrize("action", [Action.DECLINE, Action.MERGE])
def test_a_case_that_screening_ends_gives_its_seat_back(action: Action) -> None:
    party = single(person())
    plane = flight()
    party.book(plane, NOW)
    assert kinds(party.end(party.members[0], action, NOW)) == ["SeatReleased"]
    assert plane.taken() == 0 and not party.members[0].actions


def test_a_journey_that_has_begun_stands_when_screening_ends_the_case() -> None:
    party = single(person())
    boarded(party)
    assert party.end(party.members[0], Action.DECLINE, AT_THE_GATE) == []
    assert party.members[0].status is Status.BOARDED
