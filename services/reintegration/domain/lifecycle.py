"""What can happen to a case: what is not in this table is an error."""

from enum import StrEnum


class Status(StrEnum):
    """Where a case stands."""

    #: The person has not arrived.
    EXPECTED = "expected"
    #: The person decided to stay; a new declaration may bring the case back.
    WITHDRAWN = "withdrawn"
    #: Arrival is confirmed; a plan is to be made.
    OPEN = "open"
    #: A plan waits for approval, its amount reserved.
    SUBMITTED = "submitted"
    #: The plan is being delivered, its amount committed.
    APPROVED = "approved"
    #: Every line is delivered.
    COMPLETED = "completed"
    #: Ended before completion.
    CANCELLED = "cancelled"
    #: A duplicate; the person goes on under another case.
    MERGED = "merged"


class Action(StrEnum):
    """What can happen to a case."""

    ARRIVE = "arrive"
    SUBMIT_PLAN = "submit_plan"
    APPROVE_PLAN = "approve_plan"
    REJECT_PLAN = "reject_plan"
    DELIVER = "deliver"
    CORRECT_DELIVERY = "correct_delivery"
    COMPLETE = "complete"
    DROP_OUT = "drop_out"
    UNDO_ARRIVAL = "undo_arrival"
    WITHDRAW = "withdraw"
    MERGE = "merge"


_ENDS = {
    Action.DROP_OUT: Status.CANCELLED,
    Action.UNDO_ARRIVAL: Status.CANCELLED,
    Action.WITHDRAW: Status.CANCELLED,
    Action.MERGE: Status.MERGED,
}
#: Travel may withdraw somebody again and again; arrival that never was can't be undone.
_BEFORE_ARRIVAL = {
    Action.ARRIVE: Status.OPEN,
    Action.WITHDRAW: Status.WITHDRAWN,
    Action.MERGE: Status.MERGED,
}

TRANSITIONS: dict[Status, dict[Action, Status]] = {
    Status.EXPECTED: _BEFORE_ARRIVAL,
    Status.WITHDRAWN: _BEFORE_ARRIVAL,
    Status.OPEN: _ENDS | {Action.SUBMIT_PLAN: Status.SUBMITTED, Action.CORRECT_DELIVERY: Status.OPEN},
    Status.SUBMITTED: _ENDS | {Action.APPROVE_PLAN: Status.APPROVED, Action.REJECT_PLAN: Status.OPEN},
    Status.APPROVED: _ENDS
    | {
        Action.DELIVER: Status.APPROVED,
        Action.CORRECT_DELIVERY: Status.APPROVED,
        Action.COMPLETE: Status.COMPLETED,
    },
    Status.COMPLETED: {
        Action.CORRECT_DELIVERY: Status.APPROVED,
        Action.UNDO_ARRIVAL: Status.CANCELLED,
        Action.WITHDRAW: Status.CANCELLED,
        Action.MERGE: Status.MERGED,
    },
    Status.CANCELLED: {
        Action.ARRIVE: Status.OPEN,
        Action.CORRECT_DELIVERY: Status.CANCELLED,
        Action.UNDO_ARRIVAL: Status.CANCELLED,
        Action.WITHDRAW: Status.CANCELLED,
        Action.MERGE: Status.MERGED,
    },
    Status.MERGED: {Action.CORRECT_DELIVERY: Status.MERGED},
}
