"""Seats go by vulnerability, then waiting time; families are never split; escorts are seated."""

import pytest

from services.travel.domain.case import Status
from services.travel.domain.flight import Flight
from services.travel.domain.party import Policy
from services.travel.domain.rules import FlightFull, ManifestClosed, NotInThisState, NotOnThisFlight, WrongDestination
from services.travel.domain.seating import allot
from services.travel.domain.vocabulary import AgeGroup, Gate, PaperKind
from shared.ids import new_id
from tests.unit.travel.people import NOW, family, flight, give_papers, kinds, person, single


def test_the_most_vulnerable_go_first_then_those_who_have_waited_longest() -> None:
    late, early = person(band=3, days_waiting=5), person(band=3, days_waiting=50)
    vulnerable = person(band=1, days_waiting=1)
    allotment = allot(flight(2), [single(late), single(early), single(vulnerable)], NOW)
    assert allotment.booked == [vulnerable.id, early.id]
    assert allotment.waiting == {late.id: [Gate.SEAT]}


def test_a_family_has_the_priority_of_its_most_vulnerable_member() -> None:
    mother, child, alone = person(band=4), person(AgeGroup.CHILD, band=1), person(band=2)
    allotment = allot(flight(2), [single(alone), family(mother, child)], NOW)
    assert set(allotment.booked) == {mother.id, child.id}


def test_family_split_a_family_that_does_not_fit_waits_and_a_smaller_unit_may_go() -> None:
    members = [person(band=1) for _ in range(3)]
    alone = person(band=4)
    allotment = allot(flight(2), [family(*members), single(alone)], NOW)
    assert allotment.booked == [alone.id]
    assert allotment.waiting == {each.id: [Gate.SEAT] for each in members}


def test_family_split_nobody_of_a_family_gets_a_seat_while_one_may_not_go() -> None:
    father, mother = person(), person()
    father.holds = [new_id()]
    allotment = allot(flight(), [family(father, mother)], NOW)
    assert allotment.waiting == {father.id: [Gate.HOLD], mother.id: [Gate.FAMILY]}
    assert not allotment.booked


def test_an_infant_travels_on_a_lap_if_the_programme_says_so() -> None:
    mother, infant = person(), person(AgeGroup.INFANT)
    plane = flight(1)
    family(mother, infant).book(plane, NOW)
    assert plane.taken() == 1 and plane.passengers[infant.id].on_lap
    other, party = flight(2), family(person(), person(AgeGroup.INFANT))
    party.policy = Policy(infants_on_lap=False)
    party.book(other, NOW)
    assert other.taken() == 2


def test_a_lap_holds_one_infant() -> None:
    plane = flight(2)
    family(person(), person(AgeGroup.INFANT), person(AgeGroup.INFANT)).book(plane, NOW)
    assert plane.taken() == 2


def test_an_escort_takes_a_seat_of_its_own() -> None:
    case, plane = person(), flight(2)
    case.escort_required = True
    booked = single(case).book(plane, NOW)[0]
    assert booked.escorted and plane.free == 0 and plane.escorts == 1  # type: ignore[union-attr]


def test_a_family_shares_its_escort() -> None:
    first, second, plane = person(), person(), flight(5)
    first.escort_required = second.escort_required = True
    family(first, second).book(plane, NOW)
    assert plane.escorts == 1 and plane.taken() == 3


def test_an_escort_that_is_needed_later_is_seated_while_there_is_room() -> None:
    case, plane = person(), flight(2)
    party = single(case)
    party.book(plane, NOW)
    case.escort_required = True
    assert kinds(party.settle(NOW)) == ["SeatBooked"]
    assert plane.escorts == 1


def test_without_room_for_the_escort_the_gate_shows_it() -> None:
    case, plane = person(), flight(1)
    party = single(case)
    party.book(plane, NOW)
    case.escort_required = True
    party.settle(NOW)
    assert party.evaluate(case, NOW).missing == (Gate.ESCORT,) and plane.taken() == 1


def test_flight_full_a_unit_is_not_booked_without_seats_for_all_and_the_escort() -> None:
    case = person()
    case.escort_required = True
    with pytest.raises(FlightFull):
        single(case).book(flight(1), NOW)
    assert case.status is Status.PREPARING


def test_manifest_closed_no_seat_is_given_on_a_locked_manifest() -> None:
    plane = flight()
    single(person()).book(plane, NOW)
    plane.lock([], NOW)
    with pytest.raises(ManifestClosed):
        allot(plane, [single(person())], NOW)


def test_wrong_destination_people_fly_to_their_country_of_origin() -> None:
    case = person()
    case.country_of_origin = "CI"
    with pytest.raises(WrongDestination):
        allot(flight(), [single(case)], NOW, by_hand=True)


def test_who_did_not_come_gets_a_new_seat_from_an_officer_only() -> None:
    case = person()
    case.status = Status.NO_SHOW
    assert allot(flight(), [single(case)], NOW).waiting
    assert allot(flight(), [single(case)], NOW, by_hand=True).booked == [case.id]


def test_giving_the_same_seat_twice_changes_nothing() -> None:
    plane, party = flight(), single(person())
    assert allot(plane, [party], NOW).events
    again = allot(plane, [party], NOW, by_hand=True)
    assert again.booked == [party.members[0].id] and not again.events


def test_not_in_this_state_who_has_left_gets_no_seat() -> None:
    case = person()
    case.status = Status.ARRIVED
    with pytest.raises(NotInThisState):
        allot(flight(), [single(case)], NOW, by_hand=True)


def test_an_officer_takes_back_the_whole_familys_seats() -> None:
    father, mother, plane = person(), person(), flight()
    party = family(father, mother)
    party.book(plane, NOW)
    events = party.release(father, plane, NOW)
    reasons = {each.case_id: each.reason for each in events if hasattr(each, "reason")}  # type: ignore[union-attr]
    assert reasons == {father.id: "manual", mother.id: "family"}
    assert plane.taken() == 0


def test_not_on_this_flight_a_seat_that_is_not_held_can_not_be_taken_back() -> None:
    party, other = single(person()), flight()
    party.book(flight(), NOW)
    with pytest.raises(NotOnThisFlight):
        party.release(party.members[0], other, NOW)


def test_a_hold_frees_the_seats_of_the_family() -> None:
    father, mother, plane = person(), person(), flight()
    party = family(father, mother)
    party.book(plane, NOW)
    father.holds = [new_id()]
    events = party.settle(NOW)
    reasons = {each.case_id: each.reason for each in events if hasattr(each, "reason")}  # type: ignore[union-attr]
    assert reasons == {father.id: "gate", mother.id: "family"}
    assert plane.taken() == 0 and {father.status, mother.status} == {Status.PREPARING}


def test_a_missing_paper_keeps_the_seat_provisional() -> None:
    case = person(papers=False)
    booked = single(case).book(flight(), NOW)[0]
    assert booked.provisional and case.status is Status.BOOKED  # type: ignore[union-attr]


def test_in_order_of_priority_seats_are_for_people_whose_papers_are_under_way() -> None:
    idle, half, asked, there = (person(band=band, papers=False) for band in (1, 1, 2, 3))
    half.request_paper(Gate.DOCUMENT, "embassy-ci", PaperKind.LAISSEZ_PASSER)
    for gate in (Gate.DOCUMENT, Gate.EXIT_VISA):
        asked.request_paper(gate, "embassy-ci", PaperKind.LAISSEZ_PASSER)
    give_papers(there)
    allotment = allot(flight(), [single(each) for each in (idle, half, asked, there)], NOW)
    assert allotment.booked == [asked.id, there.id]
    assert allotment.waiting == {idle.id: [Gate.DOCUMENT, Gate.EXIT_VISA], half.id: [Gate.EXIT_VISA]}
    assert allot(flight(), [single(idle)], NOW, by_hand=True).booked == [idle.id]


def test_an_authority_that_waits_for_the_flight_needs_to_be_asked_only() -> None:
    asked, refused = person(papers=False), person(papers=False)
    for case in (asked, refused):
        case.request_paper(Gate.DOCUMENT, "embassy-ci", PaperKind.LAISSEZ_PASSER)
    refused.refuse_paper(Gate.DOCUMENT)
    policy = Policy(documents_after_booking=frozenset({"embassy-ci"}))
    allotment = allot(flight(), [single(asked, policy), single(refused, policy)], NOW)
    assert allotment.booked == [asked.id]
    assert allotment.waiting == {refused.id: [Gate.DOCUMENT, Gate.EXIT_VISA]}


def test_family_split_a_family_waits_for_a_member_who_has_not_asked_for_papers() -> None:
    father, mother = person(), person(papers=False)
    allotment = allot(flight(), [family(father, mother)], NOW)
    assert allotment.waiting == {father.id: [Gate.FAMILY], mother.id: [Gate.DOCUMENT, Gate.EXIT_VISA]}


def test_a_cancelled_flight_frees_its_seats_and_people_are_ready_again() -> None:
    case, plane = person(), flight()
    party = single(case)
    party.book(plane, NOW)
    plane.cancel(NOW.date())
    assert kinds(party.flight_cancelled(plane, NOW)) == ["SeatReleased", "GatesEvaluated"]
    assert case.status is Status.READY and _empty(plane)


def _empty(plane: Flight) -> bool:
    return plane.taken() == 0 and not plane.passengers
