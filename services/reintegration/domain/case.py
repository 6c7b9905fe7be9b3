"""The reintegration of one returnee, from the confirmed arrival to the last delivery."""

from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from services.reintegration.domain.events import (
    Cancelled,
    Completed,
    DeliveryCorrected,
    Ending,
    LineDelivered,
    Opened,
    PlanApproved,
    PlanRejected,
    PlanSubmitted,
)
from services.reintegration.domain.fund import Fund
from services.reintegration.domain.lifecycle import TRANSITIONS, Action, Status
from services.reintegration.domain.person import Person, Share
from services.reintegration.domain.plan import Delivery, Plan, PlanState, Wanted
from services.reintegration.domain.rules import (
    ArrivalNotConfirmed,
    LinesOutstanding,
    NotAllowedNow,
    OtherCurrency,
    ReasonMissing,
    RegistrationUnknown,
    SameEyes,
)

#: In these, and no others, reintegration has been opened and has not ended early.
UNDER_WAY = frozenset({Status.OPEN, Status.SUBMITTED, Status.APPROVED, Status.COMPLETED})


@dataclass(frozen=True, slots=True)
class Ceiling:
    """The most that one person may receive, in minor units."""

    amount: int
    currency: str


@dataclass
class Case:
    """One returnee. What screening and travel tell may come in any order; where it stands is the same in the end."""

    id: UUID
    #: Known when screening's registration has arrived here.
    person_id: UUID | None = None
    #: As screening registered it.
    office: str | None = None
    country_of_origin: str | None = None
    #: As travel tells: has a seat or has flown, so that the country of origin's offices have to do with the case.
    travelling: bool = False
    status: Status = Status.EXPECTED
    arrived_on: date | None = None
    inception_on: date | None = None
    withdrawn_on: date | None = None
    merged_into: UUID | None = None
    ended_for: Ending | None = None
    note: str | None = None
    plans: list[Plan] = field(default_factory=list)

    def actions(self) -> list[Action]:
        """What may happen next."""
        return list(TRANSITIONS[self.status])

    @property
    def plan(self) -> Plan | None:
        """The latest plan, whatever became of it."""
        return self.plans[-1] if self.plans else None

    @property
    def share(self) -> Share:
        """What the case takes from the person's ceiling."""
        return Share(sum(plan.held for plan in self.plans), sum(plan.spent for plan in self.plans))

    def owner(self) -> UUID:
        """Whose case it is."""
        if self.person_id is None:
            raise RegistrationUnknown()
        return self.person_id

    def register(self, person_id: UUID, office: str, country_of_origin: str) -> Opened | None:
        """Whose case it is, and which offices'. An opening that came before is told now, with all of it."""
        known = self.person_id is not None
        self.person_id, self.office, self.country_of_origin = self.person_id or person_id, office, country_of_origin
        return None if known else self._opened()

    def _opened(self) -> Opened | None:
        if self.person_id is None or self.inception_on is None or self.status not in UNDER_WAY:
            return None
        return Opened(self.id, self.inception_on, self.office, self.country_of_origin)

    def arrive(self, on: date) -> Opened | None:
        """The receiving side has met the person."""
        if self.arrived_on is not None:
            return None
        self.arrived_on, self.withdrawn_on = on, None
        if self.status is Status.MERGED:
            return None
        self._advance(Action.ARRIVE)
        self.inception_on, self.ended_for, self.note = on, None, None
        return self._opened()

    def erase(self) -> None:
        """What is personal is destroyed; the amounts are in the fund and in the person's ledger."""
        self.note = None
        self.plans.clear()

    def submit_plan(
        self, fund: Fund, person: Person, wanted: list[Wanted], ceiling: Ceiling, *, by: str, on: date
    ) -> PlanSubmitted:
        """Propose a plan and reserve its amount."""
        if self.status in (Status.EXPECTED, Status.WITHDRAWN):
            raise ArrivalNotConfirmed()
        self._check(Action.SUBMIT_PLAN)
        plan = Plan.of(fund.id, fund.currency, wanted, by=by, on=on)
        if fund.currency != ceiling.currency:
            raise OtherCurrency(fund=fund.currency, ceiling=ceiling.currency)
        person.check_held(plan.held, ceiling.amount)
        fund.reserve(plan.held, on)
        self._advance(Action.SUBMIT_PLAN)
        self.plans.append(plan)
        person.put(self.id, self.share)
        return PlanSubmitted(self.id, fund.id, plan.held, plan.currency, len(plan.lines))

    def approve_plan(self, fund: Fund, person: Person, ceiling: Ceiling, *, by: str, on: date) -> PlanApproved:
        """Promise what was reserved; somebody else decides than who submitted."""
        plan = self._plan_for(Action.APPROVE_PLAN)
        if by == plan.submitted_by:
            raise SameEyes()
        # Two people may have turned out to be one since the plan was submitted.
        person.check_held(0, ceiling.amount)
        fund.commit(plan.held)
        self._advance(Action.APPROVE_PLAN)
        plan.state, plan.decided_by, plan.decided_on = PlanState.APPROVED, by, on
        return PlanApproved(self.id, fund.id, plan.held, plan.currency)

    def reject_plan(self, fund: Fund, person: Person, reason: str, *, by: str, on: date) -> PlanRejected:
        """Turn the plan down and free its amount."""
        plan = self._plan_for(Action.REJECT_PLAN)
        _check_reason(reason)
        freed = plan.let_go()
        fund.release_reserved(freed)
        self._advance(Action.REJECT_PLAN)
        plan.state, plan.decided_by, plan.decided_on, plan.reason = PlanState.REJECTED, by, on, reason
        person.put(self.id, self.share)
        return PlanRejected(self.id, fund.id, freed, plan.currency)

    def deliver(self, number: int, delivery: Delivery, fund: Fund, person: Person, ceiling: Ceiling) -> LineDelivered:
        """Record that a line was handed over."""
        plan = self._plan_for(Action.DELIVER)
        line = plan.line(number)
        line.check_delivery(delivery)
        person.check_spent(delivery.amount, ceiling.amount)
        fund.spend(delivery.amount)
        line.delivery = delivery
        person.put(self.id, self.share)
        return LineDelivered(self.id, number, delivery.amount, plan.currency)

    def correct_delivery(
        self, number: int, reason: str, fund: Fund, person: Person, *, by: str, on: date
    ) -> DeliveryCorrected:
        """Undo a delivery that did not take place; a completed case goes on."""
        plan = self._plan_for(Action.CORRECT_DELIVERY)
        _check_reason(reason)
        line = plan.line(number)
        amount = line.correct(reason, by=by, on=on)
        fund.unspend(amount)
        self._advance(Action.CORRECT_DELIVERY)
        if self.status is Status.APPROVED:
            plan.state = PlanState.APPROVED
        else:
            fund.release_committed(plan.let_go())
        person.put(self.id, self.share)
        return DeliveryCorrected(self.id, number, amount, plan.currency)

    def complete(self, fund: Fund, person: Person, on: date) -> Completed:
        """Everything is delivered; what it did not cost is free again."""
        plan = self._plan_for(Action.COMPLETE)
        if outstanding := plan.outstanding():
            raise LinesOutstanding(lines=outstanding)
        fund.release_committed(plan.let_go())
        self._advance(Action.COMPLETE)
        plan.state = PlanState.DELIVERED
        person.put(self.id, self.share)
        return Completed(self.id, self.share.spent, plan.currency, on)

    def drop_out(self, reason: str, fund: Fund | None, person: Person | None, currency: str) -> Cancelled | None:
        """The person no longer takes part."""
        self._check(Action.DROP_OUT)
        _check_reason(reason)
        self.note = reason
        return self._end(Action.DROP_OUT, Ending.DROPPED_OUT, fund, person, currency)

    def undo_arrival(self, fund: Fund | None, person: Person | None, currency: str) -> Cancelled | None:
        """The person had not arrived after all."""
        if self.arrived_on is None:
            return None
        self.arrived_on = None
        if self.status is Status.MERGED:
            return None
        return self._end(Action.UNDO_ARRIVAL, Ending.ARRIVAL_CORRECTED, fund, person, currency)

    def withdraw(self, on: date, fund: Fund | None, person: Person | None, currency: str) -> Cancelled | None:
        """The person stays; whoever withdraws has not travelled."""
        self.withdrawn_on, self.arrived_on = on, None
        if self.status is Status.MERGED:
            return None
        return self._end(Action.WITHDRAW, Ending.WITHDRAWN, fund, person, currency)

    def merge(self, into: UUID, fund: Fund | None, person: Person | None, currency: str) -> Cancelled | None:
        """The case was a duplicate: the person goes on under the other one."""
        self.merged_into, self.ended_for = into, Ending.MERGED
        if self.status is Status.MERGED:
            return None
        return self._end(Action.MERGE, Ending.MERGED, fund, person, currency)

    def move_to(self, person_id: UUID, ledger: Person | None, other: Person) -> None:
        """The case is of this person from now on, and what it takes counts for them."""
        if ledger and ledger is not other:
            ledger.hand_over(self.id, other)
        self.person_id = person_id

    def _end(
        self, action: Action, ending: Ending, fund: Fund | None, person: Person | None, currency: str
    ) -> Cancelled | None:
        before = self.status
        self._advance(action)
        if before not in UNDER_WAY:
            return None
        self.ended_for = ending
        if fund and self.plan:
            self._release(before, self.plan, fund)
        if person:
            person.put(self.id, self.share)
        # Without a registration nobody has heard of the opening.
        return Cancelled(self.id, ending, self.share.spent, currency) if self.person_id else None

    def _release(self, before: Status, plan: Plan, fund: Fund) -> None:
        if before is Status.SUBMITTED:
            fund.release_reserved(plan.let_go())
        elif before is Status.APPROVED:
            fund.release_committed(plan.let_go())
        else:
            return
        plan.state = PlanState.ENDED

    def _plan_for(self, action: Action) -> Plan:
        self._check(action)
        if self.plan is None:
            raise NotAllowedNow("The case has no plan.", state=self.status)
        return self.plan

    def _check(self, action: Action) -> None:
        if action not in TRANSITIONS[self.status]:
            raise NotAllowedNow(f"The case is {self.status}.", state=self.status, allowed=self.actions())

    def _advance(self, action: Action) -> None:
        self._check(action)
        self.status = TRANSITIONS[self.status][action]


def _check_reason(reason: str) -> None:
    if not reason.strip():
        raise ReasonMissing()
