"""A pure model of the programme: from the commands that were executed, in their order, the state in which each case,
flight and fund must be once every event is handled.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Executed:
    """A command that has taken effect."""

    kind: str
    about: Mapping[str, Any]
    answer: Any


@dataclass
class Case:
    """One person's case as it must be in the end."""

    family: list[str] = field(default_factory=list)
    declared: bool = False
    assessed: bool = False
    fit: bool = False
    holds: set[str] = field(default_factory=set)
    cleared: bool = False
    withdrawn: bool = False
    merged: bool = False
    document: bool = False
    visa: bool = False
    begun: bool = False
    flight: str | None = None
    boarded: bool = False
    no_show: bool = False
    departed: bool = False
    arrived: bool = False
    missing: bool = False
    plan: str | None = None
    fund: str | None = None
    held: int = 0
    spent: int = 0
    cancelled: bool = False
    visits: set[str] = field(default_factory=set)
    attempts: int = 0
    closed: bool = False

    @property
    def firm(self) -> bool:
        """Whether the person may hold a seat."""
        return self.declared and not self.withdrawn and not self.holds and self.cleared

    @property
    def bookable(self) -> bool:
        """Whether the person keeps nobody of the family from going."""
        return self.firm and not self.no_show and not self.merged


@dataclass
class Fund:
    """A donor's envelope, in minor units."""

    amount: int
    reserved: int = 0
    committed: int = 0
    spent: int = 0


@dataclass
class World:
    """Everything that the commands have made."""

    cases: dict[str, Case] = field(default_factory=dict)
    flights: dict[str, str] = field(default_factory=dict)
    funds: dict[str, Fund] = field(default_factory=dict)

    def apply(self, done: Executed) -> None:
        """Take a command's effects over, those in other services included."""
        if done.kind in _ON_WORLD:
            _ON_WORLD[done.kind](self, done)
        else:
            _ON_CASE[done.kind](self, self.cases[done.about["case_id"]], done)

    def family(self, case: Case) -> list[Case]:
        """The others of the travel unit who still have to travel."""
        return [other for other in map(self.cases.__getitem__, case.family) if other is not case and not other.departed]

    def unseat(self, case: Case) -> None:
        """The person has no seat any more, and so nobody of the family has."""
        if case.flight is not None and not case.departed:
            for each in [case, *self.family(case)]:
                each.flight, each.boarded = None, False

    def ready(self, case: Case) -> bool:
        """Whether only a flight, its seat and the last medical check are wanting."""
        companions = all(other.bookable or other.flight is not None for other in self.family(case))
        return case.firm and case.document and case.visa and companions

    def travel_status(self, case: Case) -> str:
        """The status in travel."""
        rules = (
            ("merged", case.merged),
            ("arrived", case.arrived),
            ("missing", case.missing),
            ("departed", case.departed),
            ("boarded", case.boarded),
            ("withdrawn", case.withdrawn),
            ("no_show", case.no_show),
            ("booked", case.flight is not None),
            ("ready", self.ready(case)),
        )
        return next((status for status, holds in rules if holds), "preparing")

    def screening_status(self, case: Case) -> str:
        """The status in screening."""
        if case.merged or case.withdrawn:
            return "merged" if case.merged else "withdrawn"
        return "cleared" if case.cleared else "open"

    def reintegration_status(self, case: Case) -> str:
        """The status in reintegration."""
        rules = (
            ("merged", case.merged),
            ("cancelled", case.cancelled),
            (case.plan or "", case.plan is not None),
            ("open", case.arrived),
            ("withdrawn", case.withdrawn),
        )
        return next((status for status, holds in rules if holds), "expected")

    def stage(self, case: Case) -> str:
        """The operators' word."""
        completed = case.plan == "completed"
        rules = (
            ("merged", case.merged),
            ("closed", case.closed),
            ("followed_up", completed and len(case.visits) == 2),
            ("reintegrating", case.arrived and not case.cancelled),
            ("arrived", case.arrived),
            ("missing_at_arrival", case.missing),
            ("departed", case.departed),
            ("booked", case.boarded),
            ("withdrawn", case.withdrawn),
            ("on_hold", bool(case.holds)),
            ("no_show", case.no_show),
            ("booked", case.flight is not None),
            ("ready", self.ready(case)),
            ("preparing", case.cleared and case.begun),
            ("cleared", case.cleared),
            ("screening", case.declared or case.assessed or case.fit),
        )
        return next((stage for stage, holds in rules if holds), "registered")


def world(executed: Iterable[Executed]) -> World:
    """The world after these commands."""
    made = World()
    for each in executed:
        made.apply(each)
    return made


def _registered(made: World, done: Executed) -> None:
    made.cases[done.answer["case_id"]] = Case([done.answer["case_id"]])


def _household(made: World, done: Executed) -> None:
    family = [each["case_id"] for each in done.answer["cases"]]
    made.cases |= {case_id: Case(family) for case_id in family}


def _same_person(made: World, done: Executed) -> None:
    for case_id in (done.about["case_id"], done.about["other"]):
        made.cases[case_id].merged = case_id != done.answer["merged_into"]


def _seats(made: World, done: Executed) -> None:
    for case_id in done.answer["booked"]:
        made.cases[case_id].flight = done.about["flight_id"]


def _flight(made: World, done: Executed) -> None:
    made.flights[done.answer["flight_id"]] = "planned"


def _flight_becomes(status: str) -> Callable[[World, Executed], None]:
    def change(made: World, done: Executed) -> None:
        made.flights[done.about["flight_id"]] = status

    return change


def _departure(made: World, done: Executed) -> None:
    made.flights[done.about["flight_id"]] = "departed"
    for case in made.cases.values():
        if case.boarded and case.flight == done.about["flight_id"]:
            case.departed = True


def _fund(made: World, done: Executed) -> None:
    made.funds[done.answer["fund_id"]] = Fund(done.about["amount"])


_ON_WORLD: dict[str, Callable[[World, Executed], None]] = {
    "register": _registered,
    "household": _household,
    "same-person": _same_person,
    "seats": _seats,
    "flight": _flight,
    "lock": _flight_becomes("locked"),
    "validate": _flight_becomes("validated"),
    "departure": _departure,
    "fund": _fund,
}


def _place_hold(made: World, case: Case, done: Executed) -> None:
    case.holds.add(done.answer["hold_id"])
    case.cleared = False
    made.unseat(case)


def _withdraw(made: World, case: Case, done: Executed) -> None:
    made.unseat(case)
    case.withdrawn, case.cleared = True, False


def _desk_withdrawal(made: World, case: Case, done: Executed) -> None:
    if done.answer["effective"]:
        _withdraw(made, case, done)


def _no_show(made: World, case: Case, done: Executed) -> None:
    made.unseat(case)
    case.no_show = True


def _arrive(made: World, case: Case, done: Executed) -> None:
    case.arrived, case.missing = True, False


def _plan(made: World, case: Case, done: Executed) -> None:
    case.plan, case.fund, case.held = "submitted", done.about["fund_id"], done.about["amount"]
    made.funds[case.fund].reserved += case.held


def _approve(made: World, case: Case, done: Executed) -> None:
    case.plan = "approved"
    fund = made.funds[case.fund or ""]
    fund.reserved, fund.committed = fund.reserved - case.held, fund.committed + case.held


def _reject(made: World, case: Case, done: Executed) -> None:
    made.funds[case.fund or ""].reserved -= case.held
    case.plan, case.held = None, 0


def _deliver(made: World, case: Case, done: Executed) -> None:
    fund, amount = made.funds[case.fund or ""], done.about["amount"]
    fund.committed, fund.spent, case.spent = fund.committed - amount, fund.spent + amount, case.spent + amount


def _end_plan(made: World, case: Case) -> None:
    made.funds[case.fund or ""].committed -= case.held - case.spent
    case.held = case.spent


def _complete(made: World, case: Case, done: Executed) -> None:
    _end_plan(made, case)
    case.plan = "completed"


def _cancel(made: World, case: Case, done: Executed) -> None:
    _end_plan(made, case)
    case.cancelled = True


def _set(**values: Any) -> Callable[[World, Case, Executed], None]:
    def change(made: World, case: Case, done: Executed) -> None:
        for name, value in values.items():
            setattr(case, name, value)

    return change


def _attempt(made: World, case: Case, done: Executed) -> None:
    case.attempts += 1


def _visit(made: World, case: Case, done: Executed) -> None:
    case.visits.add(done.about["code"])


def _lift(made: World, case: Case, done: Executed) -> None:
    case.holds.discard(done.about["hold_id"])


_ON_CASE: dict[str, Callable[[World, Case, Executed], None]] = {
    "assess": _set(assessed=True),
    "declare": _set(declared=True),
    "hold": _place_hold,
    "lift": _lift,
    "examine": _set(fit=True),
    "clear": _set(cleared=True),
    "withdraw": _withdraw,
    "ask-document": _set(begun=True),
    "document": _set(document=True),
    "ask-visa": _set(begun=True),
    "visa": _set(visa=True),
    "board": _set(boarded=True),
    "no-show": _no_show,
    "desk-withdrawal": _desk_withdrawal,
    "arrive": _arrive,
    "missing": _set(missing=True),
    "found": _arrive,
    "plan": _plan,
    "approve": _approve,
    "reject": _reject,
    "deliver": _deliver,
    "complete": _complete,
    "cancel": _cancel,
    "attempt": _attempt,
    "visit": _visit,
    "close": _set(closed=True),
}
