"""Gates are evaluated at the flight's date."""

from datetime import timedelta

from services.travel.domain.case import Status
from services.travel.domain.gates import Fitness
from services.travel.domain.vocabulary import AgeGroup, Gate
from tests.unit.travel.people import DEPARTURE, NOW, family, flight, give_papers, kinds, person, single


def test_who_has_every_gate_but_a_seat_is_ready() -> None:
    case = person()
    single(case).settle(NOW)
    assert case.status is Status.READY
    assert case.gates is not None and case.gates.missing == (Gate.SEAT,)


def test_readiness_does_not_wait_for_the_last_medical_check() -> None:
    case = person()
    case.fitness = None
    single(case).settle(NOW)
    assert case.status is Status.READY
    assert case.gates is not None and Gate.FITNESS in case.gates.missing


def test_a_document_that_ends_before_the_flight_is_lapsing_and_the_person_not_ready() -> None:
    case, plane = person(papers=False), flight()
    give_papers(case, until=DEPARTURE.date() - timedelta(days=1))
    party = single(case)
    booked, judged = party.book(plane, NOW)
    assert booked.provisional  # type: ignore[union-attr]
    assert judged.lapsing == (Gate.DOCUMENT, Gate.EXIT_VISA) and not judged.ready  # type: ignore[union-attr]
    assert judged.on == DEPARTURE.date()  # type: ignore[union-attr]


def test_a_document_holds_to_the_end_of_its_last_day() -> None:
    case = person(papers=False)
    give_papers(case, until=DEPARTURE.date())
    party = single(case)
    party.book(flight(), NOW)
    assert party.evaluate(case, NOW).absent == ()


def test_fitness_must_hold_at_the_hour_of_departure() -> None:
    case = person()
    case.fitness = Fitness(True, NOW, DEPARTURE - timedelta(minutes=1), False)
    party = single(case)
    party.book(flight(), NOW)
    assert party.evaluate(case, NOW).lapsing == (Gate.FITNESS,)


def test_the_same_result_is_told_once() -> None:
    party = single(person())
    assert kinds(party.settle(NOW)) == ["GatesEvaluated"]
    assert party.settle(NOW + timedelta(days=1)) == []


def test_another_date_of_the_flight_is_told_even_if_the_gates_read_the_same() -> None:
    case, plane = person(), flight()
    case.fitness = Fitness(True, NOW, DEPARTURE + timedelta(days=9), False)
    party = single(case)
    party.book(plane, NOW)
    plane.reschedule(DEPARTURE + timedelta(days=1), NOW)
    assert kinds(party.settle(NOW)) == ["GatesEvaluated"]


def test_a_lapsed_document_is_told_and_the_person_falls_back_to_preparing() -> None:
    case = person(papers=False)
    give_papers(case, until=NOW.date() + timedelta(days=3))
    party = single(case)
    party.settle(NOW)
    assert case.due_at is not None and case.due_at > NOW
    later = NOW + timedelta(days=4)
    assert kinds([*case.lapse(later), *party.settle(later)]) == ["DocumentLapsed", "ExitVisaLapsed", "GatesEvaluated"]
    assert case.status is Status.PREPARING


def test_fitness_that_has_lapsed_is_noticed_once() -> None:
    case = person()
    late = DEPARTURE + timedelta(hours=3)
    case.lapse(late)
    assert case.due_at is not None and case.due_at > late, "only the papers are still to lapse"


def test_a_family_is_ready_when_everybody_can_go() -> None:
    father, child = person(), person(AgeGroup.CHILD)
    child.cleared = False
    party = family(father, child)
    party.settle(NOW)
    assert father.status is Status.PREPARING
    child.cleared = True
    party.settle(NOW)
    assert (father.status, child.status) == (Status.READY, Status.READY)
