"""One person with two cases; people who travel together."""

from datetime import timedelta

import pytest

from services.screening.domain import duplicates, rules
from services.screening.domain.case import Case
from services.screening.domain.duplicates import Decision, Merger
from services.screening.domain.events import (
    CaseAssessed,
    CaseEvent,
    CaseMerged,
    ClearanceRevoked,
    ConsentWithdrawn,
    DuplicateDecided,
    DuplicateSuspected,
    HoldPlaced,
)
from services.screening.domain.household import Household, accompany
from services.screening.domain.vocabulary import Gate, HouseholdRole, Status
from shared.ids import new_id
from tests.unit.screening.people import (
    CHILD,
    NOW,
    assessment,
    case,
    declaration,
    hold,
    screened,
    suspected,
    withdrawal,
)

SAME = Decision(True, "The same person", NOW, "officer")
OTHER = Decision(False, "Two people", NOW, "officer")


def decide_same(first: Case, second: Case, *others: Case) -> tuple[list[CaseEvent], Merger | None]:
    cases = [first, second, *others]
    return duplicates.same_person(duplicates.pair(first, second, cases), SAME, cases, new_id=new_id)


def twice(**of_elder: object) -> tuple[Case, Case]:
    elder, younger = case(at=NOW - timedelta(days=1), **of_elder), case()  # type: ignore[arg-type]
    suspected(younger, elder)
    return elder, younger


def test_of_one_person_the_younger_case_ends_and_the_elder_goes_on() -> None:
    elder, younger = twice()
    told, merger = decide_same(elder, younger)
    assert told == [
        DuplicateDecided(younger.id, elder.id, True, elder.person_id),
        CaseMerged(younger.id, elder.id),
    ]
    assert merger == Merger(younger, elder)
    assert younger.status is Status.MERGED
    assert younger.person_id == elder.person_id


def test_the_younger_case_ends_also_when_the_elder_was_the_suspected_one() -> None:
    elder, younger = case(at=NOW - timedelta(days=1)), case()
    suspected(elder, younger)
    told, _ = decide_same(younger, elder)
    assert [event.case_id for event in told] == [younger.id, elder.id, younger.id]
    assert younger.merged_into == elder.id
    assert not elder.open_suspicions


def test_two_people_both_go_on() -> None:
    elder, younger = twice()
    told = duplicates.different_people(duplicates.pair(elder, younger, [elder, younger]), OTHER)
    assert told == [DuplicateDecided(younger.id, elder.id, False, younger.person_id)]
    assert Gate.IDENTITY not in younger.missing(NOW)
    assert elder.status is younger.status is Status.OPEN


def test_not_suspected() -> None:
    with pytest.raises(rules.NotSuspected):
        duplicates.pair(case(), case(), [])


def test_a_decision_settles_both_sides_also_those_that_name_a_case_merged_before() -> None:
    elder, younger = twice()
    stranger = case()
    for one, other in ((stranger, younger), (younger, stranger), (elder, younger)):
        suspected(one, other)
    decide_same(elder, younger)
    assert [each.other_case_id for each in elder.open_suspicions] == [stranger.id]
    alike = duplicates.pair(stranger, elder, [elder, younger, stranger])
    told = duplicates.different_people(alike, OTHER)
    assert {(event.case_id, event.other_case_id) for event in told if isinstance(event, DuplicateDecided)} == {
        (stranger.id, younger.id),
        (elder.id, stranger.id),
    }
    assert not elder.open_suspicions + stranger.open_suspicions


def test_who_is_on_board_keeps_the_clearance_until_that_turns_out_to_be_wrong() -> None:
    one = screened(case(boarded=True), clear=False)
    one.status = Status.CLEARED
    suspected(one, case())
    assert one.status is Status.CLEARED
    assert one.correct_boarding(False, NOW) == [ClearanceRevoked(one.id, (Gate.IDENTITY,))]


def test_who_has_returned_before_gets_a_new_case_under_the_same_person() -> None:
    elder, younger = twice(boarded=True)
    told, merger = decide_same(elder, younger)
    assert merger is None
    assert told == [DuplicateDecided(younger.id, elder.id, True, elder.person_id)]
    assert younger.status is Status.OPEN


def test_the_case_that_is_on_board_goes_on() -> None:
    elder, younger = twice()
    younger.boarded = True
    _, merger = decide_same(elder, younger)
    assert merger == Merger(elder, younger)
    assert younger.person_id == elder.person_id


def test_all_cases_of_the_younger_person_become_the_elders() -> None:
    elder, younger = twice()
    third = case(person_id=younger.person_id)
    told, _ = decide_same(elder, younger, third)
    assert DuplicateDecided(third.id, elder.id, True, elder.person_id) in told


def test_what_protects_the_person_in_the_case_that_ends_protects_in_the_other() -> None:
    elder, younger = twice()
    screened(elder)
    stranger = case()
    younger.place_hold(hold())
    suspected(younger, stranger)
    told, _ = decide_same(elder, younger)
    assert HoldPlaced(elder.id, elder.open_holds[0].id) in told
    assert DuplicateSuspected(elder.id, stranger.id) in told
    assert ClearanceRevoked(elder.id, (Gate.HOLD,)) in told


def test_consent_withdrawn_in_the_case_that_ends_is_withdrawn_in_the_other() -> None:
    elder, younger = twice()
    screened(elder)
    younger.declare(declaration())
    younger.withdraw(withdrawal(NOW + timedelta(hours=1)))
    told, _ = decide_same(elder, younger)
    assert ConsentWithdrawn(elder.id, NOW.date()) in told


def family() -> tuple[Household, Case, Case]:
    father, child = case(role=HouseholdRole.HEAD), case(born=CHILD, role=HouseholdRole.CHILD)
    household = Household(new_id(), "tripoli")
    household.join([father, child])
    accompany([father, child], NOW)
    return household, father, child


def test_a_child_with_a_parent_in_the_household_is_accompanied() -> None:
    _, father, child = family()
    assert child.accompanied
    assert not father.accompanied
    assert not child.needs_care(NOW.date())


@pytest.mark.parametrize("role", [HouseholdRole.OTHER, HouseholdRole.SPOUSE])
def test_a_child_who_is_no_child_of_the_household_is_not_accompanied(role: HouseholdRole) -> None:
    head, child = case(role=HouseholdRole.HEAD), case(born=CHILD, role=role)
    accompany([head, child], NOW)
    assert child.needs_care(NOW.date())


def test_a_child_whose_parent_leaves_the_household_needs_care_and_loses_its_clearance() -> None:
    _, _, child = family()
    screened(child)
    assert accompany([child], NOW) == [
        CaseAssessed(child.id, assessment().band, (), escort_required=True, care_required=True),
        ClearanceRevoked(child.id, (Gate.CARE,)),
    ]


def test_a_split_is_recorded_with_its_reason() -> None:
    household, father, child = family()
    household.split([father.id], reason="He stays", at=NOW, by="officer")
    assert household.members == [child.id]
    assert household.splits[0].reason == "He stays"


def test_not_in_household() -> None:
    household, _, _ = family()
    with pytest.raises(rules.NotInHousehold):
        household.split([new_id()], reason="He stays", at=NOW, by="officer")


def test_household_would_be_empty() -> None:
    household, father, child = family()
    for leaving in ([father.id, child.id], []):
        with pytest.raises(rules.HouseholdWouldBeEmpty):
            household.split(leaving, reason="They stay", at=NOW, by="officer")


def test_the_case_that_goes_on_takes_its_place_in_the_family() -> None:
    household, father, child = family()
    alone = case(at=NOW - timedelta(days=1))
    household.replace(father, alone)
    assert household.members == [child.id, alone.id]
    assert alone.role is HouseholdRole.HEAD
    assert alone.household_id == household.id
