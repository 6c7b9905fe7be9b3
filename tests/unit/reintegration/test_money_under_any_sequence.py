"""Whatever happens in whatever order: a fund is never overdrawn, and a person never receives more than the ceiling."""

from datetime import date
from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from services.reintegration.domain.case import Case, Ceiling
from services.reintegration.domain.fund import Fund
from services.reintegration.domain.person import Person
from services.reintegration.domain.plan import Delivery, PlanState, Wanted
from services.reintegration.domain.rules import RuleBroken

TODAY = date(2026, 4, 1)
CEILING = Ceiling(500, "EUR")
CASES = st.integers(0, 3)
AMOUNTS = st.integers(1, 600)


class Reintegration(RuleBasedStateMachine):
    """Four cases of three people, paid from two funds that can't pay for all of them."""

    def __init__(self) -> None:
        super().__init__()
        period = date(2026, 1, 1), date(2026, 12, 31)
        self.funds = [Fund(UUID(int=10 + each), f"F{each}", "a donor", "EUR", 700, *period) for each in range(2)]
        self.people = {UUID(int=20 + each): Person(UUID(int=20 + each)) for each in range(3)}
        self.cases = [Case(UUID(int=each), UUID(int=20 + min(each, 2))) for each in range(4)]
        self.merged = False

    def person(self, case: Case) -> Person:
        return self.people[case.owner()]

    def fund(self, case: Case) -> Fund:
        return next(fund for fund in self.funds if case.plan is None or fund.id == case.plan.fund_id)

    @rule(number=CASES)
    def arrive(self, number: int) -> None:
        self.cases[number].arrive(TODAY)

    @rule(number=CASES, fund=st.integers(0, 1), amounts=st.lists(AMOUNTS, max_size=3))
    def submit(self, number: int, fund: int, amounts: list[int]) -> None:
        case = self.cases[number]
        wanted = [Wanted("equipment", "tools", "supplier", amount) for amount in amounts]
        self.attempt(
            lambda: case.submit_plan(self.funds[fund], self.person(case), wanted, CEILING, by="officer", on=TODAY)
        )

    @rule(number=CASES, by=st.sampled_from(["officer", "manager"]))
    def approve(self, number: int, by: str) -> None:
        case = self.cases[number]
        self.attempt(lambda: case.approve_plan(self.fund(case), self.person(case), CEILING, by=by, on=TODAY))

    @rule(number=CASES)
    def reject(self, number: int) -> None:
        case = self.cases[number]
        self.attempt(lambda: case.reject_plan(self.fund(case), self.person(case), "no", by="manager", on=TODAY))

    @rule(number=CASES, line=st.integers(1, 3), amount=AMOUNTS)
    def deliver(self, number: int, line: int, amount: int) -> None:
        case, delivery = self.cases[number], Delivery(amount, "RCPT", TODAY, "officer")
        if self.attempt(lambda: case.deliver(line, delivery, self.fund(case), self.person(case), CEILING)):
            assert self.person(case).spent <= CEILING.amount

    @rule(number=CASES, line=st.integers(1, 3))
    def correct(self, number: int, line: int) -> None:
        case = self.cases[number]
        self.attempt(
            lambda: case.correct_delivery(line, "wrong", self.fund(case), self.person(case), by="officer", on=TODAY)
        )

    @rule(number=CASES)
    def complete(self, number: int) -> None:
        case = self.cases[number]
        self.attempt(lambda: case.complete(self.fund(case), self.person(case), TODAY))

    @rule(number=CASES, how=st.sampled_from(["withdraw", "undo", "drop", "merge"]))
    def end(self, number: int, how: str) -> None:
        case = self.cases[number]
        fund, person = self.fund(case), self.person(case)
        ways = {
            "withdraw": lambda: case.withdraw(TODAY, fund, person, "EUR"),
            "undo": lambda: case.undo_arrival(fund, person, "EUR"),
            "drop": lambda: case.drop_out("gone", fund, person, "EUR"),
            "merge": lambda: case.merge(UUID(int=99), fund, person, "EUR"),
        }
        self.attempt(ways[how])

    @precondition(lambda self: not self.merged)
    @rule(number=CASES, into=CASES)
    def turn_out_to_be_one(self, number: int, into: int) -> None:
        case, other = self.cases[number], self.cases[into]
        case.move_to(other.owner(), self.person(case), self.person(other))
        self.merged = True

    def attempt(self, command: object) -> bool:
        before = [(fund.reserved, fund.committed, fund.spent) for fund in self.funds]
        try:
            command()  # type: ignore[operator]
        except RuleBroken:
            assert before == [(fund.reserved, fund.committed, fund.spent) for fund in self.funds]
            return False
        return True

    @invariant()
    def no_fund_is_overdrawn(self) -> None:
        for fund in self.funds:
            assert min(fund.reserved, fund.committed, fund.spent, fund.available) >= 0
            assert fund.reserved + fund.committed + fund.spent + fund.available == fund.amount

    @invariant()
    def every_fund_holds_what_its_plans_hold(self) -> None:
        for fund in self.funds:
            plans = [plan for case in self.cases for plan in case.plans if plan.fund_id == fund.id]
            assert fund.reserved == sum(plan.held for plan in plans if plan.state is PlanState.SUBMITTED)
            assert fund.spent == sum(plan.spent for plan in plans)
            assert fund.reserved + fund.committed + fund.spent == sum(plan.held for plan in plans)

    @invariant()
    def every_ledger_agrees_with_its_cases(self) -> None:
        for person in self.people.values():
            shares = [case.share for case in self.cases if case.person_id == person.id]
            assert person.held == sum(share.held for share in shares)
            assert person.spent == sum(share.spent for share in shares)

    @invariant()
    def nobody_is_promised_more_than_the_ceiling(self) -> None:
        if not self.merged:
            assert all(person.held <= CEILING.amount for person in self.people.values())


def test_under_any_sequence_no_fund_is_overdrawn_and_nobody_exceeds_the_ceiling() -> None:
    run_state_machine_as_test(Reintegration, settings=settings(max_examples=100, stateful_step_count=40, deadline=None))
