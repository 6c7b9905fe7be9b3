"""The operators' stage: what each event leads to, and that the order in which sources arrive can't matter."""

import random
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.gateway.handlers import HANDLERS
from services.gateway.projection import CaseView
from services.gateway.stages import Stage, stage
from shared.contracts import monitoring as m
from shared.contracts import reintegration as r
from shared.contracts import screening as s
from shared.contracts import travel as t
from shared.contracts.envelope import Contract
from shared.contracts.vocabulary import AgeGroup, Gate, SeatReleaseReason
from tests.unit.gateway.events import DAY, HOLD, NOON, OTHER, PLANNED, any_of, source_of_type

CASE, FLIGHT = UUID(int=1), UUID(int=2)
SOURCES = (s.SOURCE, t.SOURCE, r.SOURCE, m.SOURCE)

REGISTERED = s.CaseRegistered(
    person_id=CASE, household_id=None, reference="TIP-1", office="tripoli",
    country_of_origin="PK", age_group=AgeGroup.ADULT, registered_on=DAY,
)  # fmt: skip
SIGNED, CONSENT_WITHDRAWN = s.DeclarationSigned(signed_on=DAY), s.ConsentWithdrawn(withdrawn_on=DAY)
CLEARED = s.CaseCleared(cleared_on=DAY)
ASKED = t.DocumentRequested(authority="embassy")
SEATED = t.SeatBooked(flight_id=FLIGHT, provisional=False, escorted=False)
BOARDED = t.Boarded(flight_id=FLIGHT, boarded_at=NOON, kit=True)
DEPARTED = t.Departed(flight_id=FLIGHT, departed_at=NOON)
ARRIVED = t.ArrivalConfirmed(flight_id=FLIGHT, arrived_on=DAY)
WITHDRAWN = t.WithdrawnAtGate.model_validate({"withdrawn_on": DAY, "recorded_in": "travel"})
TOO_LATE = t.WithdrawalTooLate(withdrawn_on=DAY)
OPENED = r.ReintegrationOpened(inception_on=DAY)
COMPLETED = r.ReintegrationCompleted(spent=50_000, currency="EUR", completed_on=DAY)
VISITED = [m.FollowUpCompleted(code=code, completed_on=DAY, late=False) for code in ("month-1", "month-4")]
CLOSED = m.CaseClosed(reason="followed_up", closed_on=DAY)


def ready(**changes: Any) -> t.GatesEvaluated:
    found = {"on": DAY, "met": [Gate.CONSENT], "missing": [Gate.SEAT], "lapsing": [], "ready": True}
    return t.GatesEvaluated.model_validate(found | changes)


UNREADY = ready(met=[], missing=[Gate.CONSENT], ready=False)
NO_SHOW = [t.NoShow(flight_id=FLIGHT), t.SeatReleased(flight_id=FLIGHT, reason=SeatReleaseReason.NO_SHOW)]
FLOWN = [REGISTERED, SIGNED, CLEARED, ASKED, SEATED, BOARDED, DEPARTED]


def folded(events: list[Contract]) -> CaseView:
    case = CaseView(CASE)
    for event in events:
        case.apply(source_of(event), event, NOON)
    return case


def source_of(event: Contract) -> str:
    return source_of_type(event.type)


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([], Stage.REGISTERED),
        ([REGISTERED], Stage.REGISTERED),
        ([REGISTERED, SIGNED], Stage.SCREENING),
        ([REGISTERED, SIGNED, CLEARED], Stage.CLEARED),
        ([REGISTERED, SIGNED, CLEARED, UNREADY], Stage.CLEARED),
        ([REGISTERED, SIGNED, CLEARED, ASKED], Stage.PREPARING),
        ([REGISTERED, SIGNED, CLEARED, ASKED, s.ClearanceRevoked(missing=[Gate.HOLD])], Stage.SCREENING),
        ([REGISTERED, SIGNED, CLEARED, ASKED, ready()], Stage.READY),
        ([REGISTERED, SIGNED, CLEARED, ASKED, ready(), SEATED], Stage.BOOKED),
        ([REGISTERED, SIGNED, s.HoldPlaced(hold_id=HOLD)], Stage.ON_HOLD),
        ([REGISTERED, SIGNED, s.HoldPlaced(hold_id=HOLD), s.HoldLifted(hold_id=HOLD)], Stage.SCREENING),
        ([REGISTERED, SIGNED, CLEARED, ASKED, SEATED, s.HoldPlaced(hold_id=HOLD)], Stage.ON_HOLD),
        ([REGISTERED, s.CaseDeclined(declined_on=DAY)], Stage.DECLINED),
        ([REGISTERED, CLEARED, ASKED, SEATED, s.CaseMerged(into_case_id=OTHER)], Stage.MERGED),
        ([REGISTERED, SIGNED, CLEARED, ASKED, SEATED, BOARDED], Stage.BOOKED),
        ([*FLOWN], Stage.DEPARTED),
        ([*FLOWN, s.HoldPlaced(hold_id=HOLD)], Stage.DEPARTED),
        ([REGISTERED, SIGNED, CLEARED, ASKED, SEATED, *NO_SHOW, ready()], Stage.NO_SHOW),
        ([REGISTERED, SIGNED, CLEARED, ASKED, SEATED, *NO_SHOW, ready(), SEATED], Stage.BOOKED),
        ([*FLOWN, ARRIVED], Stage.ARRIVED),
        ([*FLOWN, t.MissingAtArrival(flight_id=FLIGHT)], Stage.MISSING_AT_ARRIVAL),
        ([*FLOWN, ARRIVED, OPENED], Stage.REINTEGRATING),
        ([*FLOWN, ARRIVED, OPENED, COMPLETED, PLANNED, VISITED[0]], Stage.REINTEGRATING),
        ([*FLOWN, ARRIVED, OPENED, PLANNED, *VISITED], Stage.REINTEGRATING),
        ([*FLOWN, ARRIVED, OPENED, COMPLETED, PLANNED, *VISITED], Stage.FOLLOWED_UP),
        ([*FLOWN, ARRIVED, OPENED, PLANNED, m.ContactLost(lost_on=DAY)], Stage.LOST_CONTACT),
        ([*FLOWN, ARRIVED, OPENED, COMPLETED, PLANNED, *VISITED, CLOSED], Stage.CLOSED),
    ],
)
def test_each_stage_is_reached(events: list[Contract], expected: Stage) -> None:
    assert stage(folded(events)) is expected


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([REGISTERED, SIGNED, CONSENT_WITHDRAWN], Stage.WITHDRAWN),
        ([REGISTERED, SIGNED, CLEARED, ASKED, SEATED, WITHDRAWN], Stage.WITHDRAWN),
        ([REGISTERED, SIGNED, CLEARED, ASKED, SEATED, WITHDRAWN, UNREADY, CONSENT_WITHDRAWN], Stage.WITHDRAWN),
        ([*FLOWN, CONSENT_WITHDRAWN, TOO_LATE], Stage.DEPARTED),
        ([REGISTERED, SIGNED, CLEARED, SEATED, CONSENT_WITHDRAWN, WITHDRAWN, UNREADY, SIGNED], Stage.WITHDRAWN),
        ([REGISTERED, SIGNED, CLEARED, ASKED, SEATED, CONSENT_WITHDRAWN, WITHDRAWN, SIGNED, ready()], Stage.READY),
    ],
)
def test_a_withdrawal_stands_until_a_new_declaration_has_reached_travel(
    events: list[Contract], expected: Stage
) -> None:
    assert stage(folded(events)) is expected


def test_a_boarding_that_did_not_take_place_undoes_the_departure() -> None:
    corrected = t.BoardingCorrected(flight_id=FLIGHT, boarded=False)
    assert stage(folded([*FLOWN, corrected, *NO_SHOW])) is Stage.NO_SHOW


def test_an_arrival_that_did_not_take_place_ends_reintegration() -> None:
    corrected = t.ArrivalCorrected(flight_id=FLIGHT, arrived=False, corrected_on=DAY)
    cancelled = r.ReintegrationCancelled(reason="arrival_corrected", spent=0, currency="EUR")
    assert stage(folded([*FLOWN, ARRIVED, OPENED, corrected, cancelled])) is Stage.MISSING_AT_ARRIVAL


def test_what_is_missing_comes_from_both_sides_and_ends_with_the_departure() -> None:
    before = folded([REGISTERED, SIGNED, s.HoldPlaced(hold_id=HOLD), ready(missing=[Gate.EXIT_VISA, Gate.SEAT])])
    expected = [Gate.ASSESSMENT, Gate.HOLD, Gate.FITNESS, Gate.CLEARANCE, Gate.EXIT_VISA, Gate.SEAT]
    assert before.missing_gates == expected
    assert folded([*FLOWN]).missing_gates == []


def test_fitness_that_lapses_by_the_flight_is_missing_though_it_was_recorded() -> None:
    fit = s.FitnessRecorded(fit=True, valid_from=NOON, valid_until=NOON, assistance=[], escort_required=False)
    assert Gate.FITNESS not in folded([fit]).missing_gates
    assert Gate.FITNESS in folded([fit, ready(missing=[Gate.FITNESS])]).missing_gates


def _history(source: str) -> st.SearchStrategy[list[Contract]]:
    mine = [each.contract for each in HANDLERS.values() if "cases" in each.touches]
    return st.lists(st.one_of([any_of(each) for each in mine if source_of_type(each.type) == source]), max_size=10)


@settings(max_examples=150, deadline=None)
@given(histories=st.tuples(*map(_history, SOURCES)), seeds=st.tuples(st.integers(), st.integers()))
def test_whatever_order_the_sources_arrive_in_the_case_is_the_same(
    histories: tuple[list[Contract], ...], seeds: tuple[int, int]
) -> None:
    one, other = (interleaved(histories, random.Random(seed)) for seed in seeds)
    assert one == other
    assert stage(one) is stage(other)


def interleaved(histories: tuple[list[Contract], ...], choice: random.Random) -> CaseView:
    """One source's events stay in order; which source comes next is chance."""
    case, waiting = CaseView(CASE), [list(enumerate(history)) for history in histories]
    while left := [history for history in waiting if history]:
        number, event = choice.choice(left).pop(0)
        case.apply(source_of(event), event, NOON + timedelta(minutes=number))
    return case
