"""What schemathesis does with each request before it sends it: who asks, and about whom.

The file that ``HOMEWARD_STAGE`` names holds the callers' tokens and the identifiers that there are.
"""

import json
import os
import re
from itertools import count, cycle
from pathlib import Path
from typing import Any
from uuid import UUID

import schemathesis

from shared.auth.purposes import Purpose

_stage = json.loads(Path(os.environ["HOMEWARD_STAGE"]).read_text())
_tokens = cycle(_stage["tokens"])
_keys = count()
_purposes = frozenset(Purpose)
_turns: dict[str, int] = {}


@schemathesis.auth(refresh_interval=None)
class InTurn:
    """Each request is somebody else's: of all roles one after the other, and of who has every role in between."""

    def get(self, case: Any, ctx: Any) -> tuple[str, str]:
        token, purpose = next(_tokens)
        return token, purpose

    def set(self, case: Any, data: tuple[str, str], ctx: Any) -> None:
        token, purpose = data
        case.headers["Authorization"] = f"Bearer {token}"
        # One that there is becomes one of the caller's own.
        if purpose and case.headers.get("Purpose") in _purposes:
            case.headers["Purpose"] = purpose


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """Three of four valid identifiers become one that there is, and so many keys become new ones.

    What is nobody's tells little, and the same key gives the same answer.
    """
    turn = _turns[case.operation.label] = _turns.get(case.operation.label, -1) + 1
    for name, known in _stage["ids"].items():
        given = (case.path_parameters or {}).get(name)
        if turn % 4 and _is_id(given):
            case.path_parameters[name] = known[turn % len(known)]
    if turn % 4 and _is_key((case.headers or {}).get("Idempotency-Key")):
        case.headers["Idempotency-Key"] = f"turn-{next(_keys)}"


def _is_key(given: object) -> bool:
    return isinstance(given, str) and re.fullmatch("[!-~]{8,200}", given) is not None


def _is_id(given: object) -> bool:
    try:
        return bool(UUID(str(given)))
    except ValueError:
        return False
