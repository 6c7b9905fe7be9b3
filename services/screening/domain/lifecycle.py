"""The lifecycle of a case in screening, as a table."""

from services.screening.domain.vocabulary import Action, Status

#: The lifecycle: what is not in it is an error. Whether a case has ended is looked at besides before it is erased:
#: who has flown stays cleared here.
TRANSITIONS: dict[Status, dict[Action, Status]] = {
    Status.OPEN: {
        Action.CORRECT: Status.OPEN,
        Action.DECLARE: Status.OPEN,
        Action.ASSESS: Status.OPEN,
        Action.PLACE_HOLD: Status.OPEN,
        Action.LIFT_HOLD: Status.OPEN,
        Action.DECIDE_BEST_INTERESTS: Status.OPEN,
        Action.EXAMINE: Status.OPEN,
        Action.CLEAR: Status.CLEARED,
        Action.WITHDRAW: Status.WITHDRAWN,
        Action.DECLINE: Status.DECLINED,
        Action.MERGE: Status.MERGED,
        Action.ERASE: Status.ERASED,
    },
    Status.CLEARED: {
        Action.CORRECT: Status.CLEARED,
        Action.DECLARE: Status.CLEARED,
        Action.ASSESS: Status.CLEARED,
        Action.PLACE_HOLD: Status.CLEARED,
        Action.DECIDE_BEST_INTERESTS: Status.CLEARED,
        Action.EXAMINE: Status.CLEARED,
        Action.REVOKE: Status.OPEN,
        Action.WITHDRAW: Status.WITHDRAWN,
        Action.DECLINE: Status.DECLINED,
        Action.MERGE: Status.MERGED,
        Action.ERASE: Status.ERASED,
    },
    Status.WITHDRAWN: {
        Action.CORRECT: Status.WITHDRAWN,
        Action.DECLARE: Status.OPEN,
        Action.PLACE_HOLD: Status.WITHDRAWN,
        Action.LIFT_HOLD: Status.WITHDRAWN,
        Action.MERGE: Status.MERGED,
        Action.ERASE: Status.ERASED,
    },
    Status.DECLINED: {
        Action.CORRECT: Status.DECLINED,
        Action.LIFT_HOLD: Status.DECLINED,
        Action.MERGE: Status.MERGED,
        Action.ERASE: Status.ERASED,
    },
    Status.MERGED: {Action.ERASE: Status.ERASED},
    Status.ERASED: {},
}
#: What is decided elsewhere than in the interview.
NOT_OFFERED = frozenset({Action.REVOKE, Action.CORRECT, Action.ERASE})

#: What can't be done any more with a person on board.
BEFORE_BOARDING = frozenset({Action.WITHDRAW, Action.DECLINE, Action.MERGE, Action.CLEAR})
