"""The rules of reintegration, each by its name."""

from datetime import date
from itertools import combinations
from uuid import UUID

import pytest

from services.reintegration.domain.case import Case, Ceiling
from services.reintegration.domain.events import (
    Cancelled,
    Completed,
    DeliveryCorrected,
    Ending,
    FundOpened,
    LineDelivered,
    Opened,
    PlanApproved,
    PlanRejected,
    PlanSubmitted,
)
from services.reintegration.domain.fund import Fund
from services.reintegration.domain.lifecycle import TRANSITIONS, Action, Status
from services.reintegration.domain.person import Person
from services.reintegration.domain.plan import Delivery, Wanted
from services.reintegration.domain.rules import (
    AboveBudget,
    ArrivalNotConfirmed,
    CeilingExceeded,
    FundNotRunning,
    FundOverdrawn,
    FundPeriodBackwards,
    FundWithoutAmount,
    LineAlreadyDelivered,
    LineNotDelivered,
    LinesOutstanding,
    NoSuchLine,
    NotAllowedNow,
    OtherCurrency,
    PlanWithoutLines,
    ProofMissing,
    ReasonMissing,
    RegistrationUnknown,
    SameEyes,
)

CASE, OTHER_CASE, FUND, PERSON, OTHER = (UUID(int=number) for number in range(1, 6))
TODAY = date(2026, 4, 1)
CEILING = Ceiling(50_000, "EUR")


def line(amount: int) -> Wanted:
    return Wanted("equipment", "sewing machine", "local supplier", amount)


def delivery(amount: int, proof: str = "RCPT-1") -> Delivery:
    return Delivery(amount, proof, TODAY, "officer")


class Scene:
    """A case with its fund and its person's ledger."""

    def __init__(self, *, amount: int = 100_000, currency: str = "EUR") -> None:
        self.fund = Fund(FUND, "EUTF-1", "a donor", currency, amount, date(2026, 1, 1), date(2026, 12, 31))
        self.person = Person(PERSON)
        self.case = Case(CASE, PERSON)

    def arrived(self) -> "Scene":
        self.case.arrive(TODAY)
        return self

    def submit(self, *amounts: int) -> PlanSubmitted:
        wanted = [line(amount) for amount in amounts]
        return self.case.submit_plan(self.fund, self.person, wanted, CEILING, by="officer", on=TODAY)

    def approve(self, by: str = "manager") -> PlanApproved:
        return self.case.approve_plan(self.fund, self.person, CEILING, by=by, on=TODAY)

    def approved(self, *amounts: int) -> "Scene":
        self.arrived().submit(*amounts)
        self.approve()
        return self

    def deliver(self, number: int, amount: int, proof: str = "RCPT-1") -> LineDelivered:
        return self.case.deliver(number, delivery(amount, proof), self.fund, self.person, CEILING)

    def correct(self, number: int, reason: str = "handed to somebody else") -> DeliveryCorrected:
        return self.case.correct_delivery(number, reason, self.fund, self.person, by="officer", on=TODAY)

    def complete(self) -> Completed:
        return self.case.complete(self.fund, self.person, TODAY)

    def figures(self) -> tuple[int, int, int, int]:
        return self.fund.reserved, self.fund.committed, self.fund.spent, self.fund.available


def test_a_fund_is_opened() -> None:
    fund, opened = Fund.open(FUND, code="X", donor="D", currency="EUR", amount=5, starts_on=TODAY, ends_on=TODAY)
    assert opened == FundOpened(FUND, "X", "EUR", 5)
    assert fund.available == 5


def test_fund_period_backwards() -> None:
    with pytest.raises(FundPeriodBackwards):
        Fund.open(FUND, code="X", donor="D", currency="EUR", amount=5, starts_on=TODAY, ends_on=date(2026, 3, 31))


def test_fund_without_amount() -> None:
    with pytest.raises(FundWithoutAmount):
        Fund.open(FUND, code="X", donor="D", currency="EUR", amount=0, starts_on=TODAY, ends_on=TODAY)


def test_an_arrival_that_is_heard_before_the_registration_is_told_with_it() -> None:
    case = Case(CASE)
    assert case.arrive(TODAY) is None
    assert case.register(PERSON, "tripoli", "PK") == Opened(CASE, TODAY, "tripoli", "PK")
    undone = Case(CASE)
    undone.arrive(TODAY)
    assert undone.undo_arrival(None, None, "EUR") is None
    assert undone.register(PERSON, "tripoli", "PK") is None


def test_reintegration_opens_on_confirmed_arrival_and_only_once() -> None:
    case = Case(CASE)
    assert case.register(PERSON, "tripoli", "PK") is None
    assert case.arrive(TODAY) == Opened(CASE, TODAY, "tripoli", "PK")
    assert case.arrive(date(2026, 4, 9)) is None
    assert (case.status, case.inception_on) == (Status.OPEN, TODAY)


def test_arrival_not_confirmed_no_plan_before_arrival() -> None:
    scene = Scene()
    with pytest.raises(ArrivalNotConfirmed):
        scene.submit(10_000)
    scene.case.withdraw(TODAY, None, None, "EUR")
    with pytest.raises(ArrivalNotConfirmed):
        scene.submit(10_000)
    assert scene.figures() == (0, 0, 0, 100_000)


def test_registration_unknown() -> None:
    with pytest.raises(RegistrationUnknown):
        Case(CASE).owner()


def test_a_plan_reserves_its_amount() -> None:
    scene = Scene().arrived()
    assert scene.submit(30_000, 20_000) == PlanSubmitted(CASE, FUND, 50_000, "EUR", 2)
    assert scene.figures() == (50_000, 0, 0, 50_000)
    assert scene.person.held == 50_000


@pytest.mark.parametrize("amounts", [[], [10, 0], [-5]])
def test_plan_without_lines(amounts: list[int]) -> None:
    with pytest.raises(PlanWithoutLines):
        Scene().arrived().submit(*amounts)


def test_ceiling_exceeded() -> None:
    scene = Scene().arrived()
    with pytest.raises(CeilingExceeded) as broken:
        scene.submit(50_000, 1)
    assert broken.value.fields == {"ceiling": 50_000, "held": 0, "wanted": 50_001}


def test_ceiling_exceeded_across_two_cases_of_one_person() -> None:
    scene = Scene().approved(30_000)
    second = Case(OTHER_CASE, PERSON)
    second.arrive(TODAY)
    with pytest.raises(CeilingExceeded):
        second.submit_plan(scene.fund, scene.person, [line(20_001)], CEILING, by="officer", on=TODAY)
    second.submit_plan(scene.fund, scene.person, [line(20_000)], CEILING, by="officer", on=TODAY)
    assert scene.person.held == 50_000


def test_ceiling_exceeded_when_two_people_turn_out_to_be_one() -> None:
    scene, other = Scene().arrived(), Person(OTHER)
    scene.submit(30_000)
    second = Case(OTHER_CASE, OTHER)
    second.arrive(TODAY)
    second.submit_plan(scene.fund, other, [line(30_000)], CEILING, by="officer", on=TODAY)
    second.move_to(PERSON, other, scene.person)
    assert (second.person_id, other.held, scene.person.held) == (PERSON, 0, 60_000)
    with pytest.raises(CeilingExceeded):
        scene.approve()
    second.reject_plan(scene.fund, scene.person, "one person", by="manager", on=TODAY)
    scene.approve()


def test_ceiling_exceeded_by_deliveries_of_plans_approved_for_two_people() -> None:
    scene, other = Scene().approved(30_000), Person(OTHER)
    second = Case(OTHER_CASE, OTHER)
    second.arrive(TODAY)
    second.submit_plan(scene.fund, other, [line(30_000)], CEILING, by="officer", on=TODAY)
    second.approve_plan(scene.fund, other, CEILING, by="manager", on=TODAY)
    second.move_to(PERSON, other, scene.person)
    scene.deliver(1, 30_000)
    with pytest.raises(CeilingExceeded):
        second.deliver(1, delivery(20_001), scene.fund, scene.person, CEILING)
    second.deliver(1, delivery(20_000), scene.fund, scene.person, CEILING)


def test_fund_overdrawn() -> None:
    scene = Scene(amount=9_999).arrived()
    with pytest.raises(FundOverdrawn) as broken:
        scene.submit(10_000)
    assert broken.value.fields == {"available": 9_999, "wanted": 10_000}
    assert scene.case.status is Status.OPEN


def test_fund_not_running() -> None:
    scene = Scene().arrived()
    scene.fund.ends_on = date(2026, 3, 31)
    with pytest.raises(FundNotRunning):
        scene.submit(10_000)


def test_other_currency() -> None:
    with pytest.raises(OtherCurrency):
        Scene(currency="USD").arrived().submit(10_000)


def test_approval_commits_what_was_reserved() -> None:
    scene = Scene().arrived()
    scene.submit(40_000)
    assert scene.approve() == PlanApproved(CASE, FUND, 40_000, "EUR")
    assert scene.figures() == (0, 40_000, 0, 60_000)
    assert scene.case.status is Status.APPROVED


def test_same_eyes_who_submits_does_not_approve() -> None:
    scene = Scene().arrived()
    scene.submit(40_000)
    with pytest.raises(SameEyes):
        scene.approve(by="officer")


def test_rejection_frees_the_amount_and_another_plan_may_follow() -> None:
    scene = Scene().arrived()
    scene.submit(40_000)
    rejected = scene.case.reject_plan(scene.fund, scene.person, "no market study", by="manager", on=TODAY)
    assert rejected == PlanRejected(CASE, FUND, 40_000, "EUR")
    assert scene.figures() == (0, 0, 0, 100_000)
    assert scene.person.held == 0
    scene.submit(50_000)


def test_reason_missing() -> None:
    scene = Scene().arrived()
    scene.submit(40_000)
    with pytest.raises(ReasonMissing):
        scene.case.reject_plan(scene.fund, scene.person, " ", by="manager", on=TODAY)
    with pytest.raises(ReasonMissing):
        scene.case.drop_out("", scene.fund, scene.person, "EUR")
    scene.approve()
    scene.deliver(1, 40_000)
    with pytest.raises(ReasonMissing):
        scene.correct(1, "")


def test_a_delivery_spends_what_it_cost() -> None:
    scene = Scene().approved(30_000, 20_000)
    assert scene.deliver(2, 18_000) == LineDelivered(CASE, 2, 18_000, "EUR")
    assert scene.figures() == (0, 32_000, 18_000, 50_000)


def test_no_such_line() -> None:
    with pytest.raises(NoSuchLine):
        Scene().approved(30_000).deliver(2, 100)
    with pytest.raises(NoSuchLine):
        Scene().approved(30_000).deliver(0, 100)


def test_line_already_delivered() -> None:
    scene = Scene().approved(30_000)
    scene.deliver(1, 100)
    with pytest.raises(LineAlreadyDelivered):
        scene.deliver(1, 100)


@pytest.mark.parametrize("amount", [30_001, 0, -1])
def test_above_budget(amount: int) -> None:
    with pytest.raises(AboveBudget):
        Scene().approved(30_000).deliver(1, amount)


def test_proof_missing() -> None:
    with pytest.raises(ProofMissing):
        Scene().approved(30_000).deliver(1, 100, proof="  ")


def test_a_wrong_delivery_is_corrected_and_made_again() -> None:
    scene = Scene().approved(30_000)
    scene.deliver(1, 25_000)
    assert scene.correct(1) == DeliveryCorrected(CASE, 1, 25_000, "EUR")
    assert scene.figures() == (0, 30_000, 0, 70_000)
    assert scene.deliver(1, 30_000).amount == 30_000
    assert scene.case.plans[0].lines[0].corrections[0].reason == "handed to somebody else"


def test_line_not_delivered() -> None:
    with pytest.raises(LineNotDelivered):
        Scene().approved(30_000).correct(1)


def test_lines_outstanding() -> None:
    scene = Scene().approved(30_000, 10_000, 10_000)
    scene.deliver(2, 10_000)
    with pytest.raises(LinesOutstanding) as broken:
        scene.complete()
    assert broken.value.fields == {"lines": [1, 3]}


def test_completion_frees_what_was_not_spent() -> None:
    scene = Scene().approved(30_000, 20_000)
    scene.deliver(1, 28_000)
    scene.deliver(2, 20_000)
    assert scene.complete() == Completed(CASE, 48_000, "EUR", TODAY)
    assert scene.figures() == (0, 0, 48_000, 52_000)
    assert scene.person.held == 48_000


def test_a_delivery_corrected_after_completion_opens_the_plan_for_what_it_had_cost() -> None:
    scene = Scene().approved(30_000)
    scene.deliver(1, 28_000)
    scene.complete()
    scene.correct(1)
    assert (scene.case.status, scene.figures()) == (Status.APPROVED, (0, 28_000, 0, 72_000))
    with pytest.raises(AboveBudget):
        scene.deliver(1, 28_001)
    scene.deliver(1, 28_000)
    assert scene.complete().spent == 28_000


def test_an_arrival_corrected_before_approval_frees_the_reservation() -> None:
    scene = Scene().arrived()
    scene.submit(30_000)
    cancelled = scene.case.undo_arrival(scene.fund, scene.person, "EUR")
    assert cancelled == Cancelled(CASE, Ending.ARRIVAL_CORRECTED, 0, "EUR")
    assert scene.figures() == (0, 0, 0, 100_000)


def test_an_arrival_corrected_during_delivery_frees_all_but_what_was_spent() -> None:
    scene = Scene().approved(30_000, 20_000)
    scene.deliver(1, 25_000)
    assert scene.case.undo_arrival(scene.fund, scene.person, "EUR") == Cancelled(
        CASE, Ending.ARRIVAL_CORRECTED, 25_000, "EUR"
    )
    assert scene.figures() == (0, 0, 25_000, 75_000)
    assert scene.person.held == 25_000


def test_after_a_corrected_arrival_its_deliveries_are_corrected_too() -> None:
    scene = Scene().approved(30_000)
    scene.deliver(1, 25_000)
    scene.case.undo_arrival(scene.fund, scene.person, "EUR")
    scene.correct(1)
    assert (scene.case.status, scene.figures()) == (Status.CANCELLED, (0, 0, 0, 100_000))
    assert scene.person.held == 0


def test_a_later_arrival_opens_again_and_what_was_spent_counts_against_the_ceiling() -> None:
    scene = Scene().approved(30_000)
    scene.deliver(1, 25_000)
    scene.case.undo_arrival(scene.fund, scene.person, "EUR")
    assert scene.case.arrive(date(2026, 5, 2)) == Opened(CASE, date(2026, 5, 2))
    with pytest.raises(CeilingExceeded):
        scene.submit(25_001)
    scene.submit(25_000)
    assert scene.figures() == (25_000, 0, 25_000, 50_000)


def test_a_withdrawal_before_arrival_is_marked_and_a_later_arrival_opens() -> None:
    case = Case(CASE, PERSON)
    assert case.withdraw(TODAY, None, None, "EUR") is None
    assert case.status is Status.WITHDRAWN
    assert case.arrive(date(2026, 5, 2)) is not None
    assert case.withdrawn_on is None


def test_a_withdrawal_after_opening_releases_everything() -> None:
    scene = Scene().approved(30_000)
    cancelled = scene.case.withdraw(TODAY, scene.fund, scene.person, "EUR")
    assert cancelled == Cancelled(CASE, Ending.WITHDRAWN, 0, "EUR")
    assert scene.figures() == (0, 0, 0, 100_000)


def test_a_person_who_drops_out_frees_what_was_held() -> None:
    scene = Scene().approved(30_000)
    assert scene.case.drop_out("moved abroad", scene.fund, scene.person, "EUR") == Cancelled(
        CASE, Ending.DROPPED_OUT, 0, "EUR"
    )
    assert (scene.case.note, scene.figures()) == ("moved abroad", (0, 0, 0, 100_000))


def test_a_merged_case_frees_what_was_held_and_stays_merged() -> None:
    scene = Scene().arrived()
    scene.submit(30_000)
    cancelled = scene.case.merge(OTHER_CASE, scene.fund, scene.person, "EUR")
    assert cancelled == Cancelled(CASE, Ending.MERGED, 0, "EUR")
    scene.case.undo_arrival(scene.fund, scene.person, "EUR")
    assert scene.case.arrive(TODAY) is None
    assert (scene.case.status, scene.figures()) == (Status.MERGED, (0, 0, 0, 100_000))


def test_not_allowed_now() -> None:
    scene = Scene().approved(30_000)
    with pytest.raises(NotAllowedNow) as broken:
        scene.submit(10_000)
    assert broken.value.fields["state"] is Status.APPROVED
    with pytest.raises(NotAllowedNow):
        scene.case.reject_plan(scene.fund, scene.person, "too late", by="manager", on=TODAY)


def test_every_state_has_its_row_in_the_table() -> None:
    assert set(TRANSITIONS) == set(Status)
    assert {action for row in TRANSITIONS.values() for action in row} == set(Action)


def test_where_a_case_stands_does_not_depend_on_the_order_of_sources() -> None:
    screening = ["register", "move", "merge"]
    travel = ["withdraw", "arrive", "undo", "arrive_again"]
    seen = set()
    for told_by_screening in range(len(screening) + 1):
        for chosen in combinations(range(told_by_screening + len(travel)), told_by_screening):
            case = told(screening[:told_by_screening], travel, chosen)
            seen.add(
                (told_by_screening, case.status, case.person_id, case.arrived_on, case.ended_for, case.merged_into)
            )
    assert len(seen) == len(screening) + 1


def told(screening: list[str], travel: list[str], chosen: tuple[int, ...]) -> Case:
    """A case that heard both sources, screening's events at the chosen places."""
    case, ours, theirs = Case(CASE), iter(screening), iter(travel)
    for place in range(len(screening) + len(travel)):
        hear(case, next(ours) if place in chosen else next(theirs))
    return case


def hear(case: Case, step: str) -> None:
    match step:
        case "register":
            case.person_id = PERSON
        case "move":
            case.move_to(OTHER, Person(PERSON), Person(OTHER))
        case "merge":
            case.merge(OTHER_CASE, None, None, "EUR")
        case "withdraw":
            case.withdraw(TODAY, None, None, "EUR")
        case "arrive":
            case.arrive(TODAY)
        case "undo":
            case.undo_arrival(None, None, "EUR")
        case "arrive_again":
            case.arrive(date(2026, 4, 3))
