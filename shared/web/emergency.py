"""What a request in an emergency may ask for: the file of the one case that was opened, until its time is over."""

import time
from typing import Any
from uuid import UUID

import orjson
from fastapi import Request

from shared.auth.break_glass import Opening
from shared.errors import Forbidden

#: Where a service is asked who people are.
NAMES = "/identities"


class OtherFile(Forbidden):
    """An emergency access is for the file of the one case that was opened, and for nothing else."""


class EmergencyOver(Forbidden):
    """The time of this emergency access is over: if the emergency goes on, open it again."""


async def confine(request: Request, opening: Opening) -> None:
    """Raise OtherFile unless the request names this case alone, and EmergencyOver when its time is over."""
    if time.time() >= opening.until:
        raise EmergencyOver
    named = request.path_params.get("case_id")
    # Names are asked for in a body; elsewhere a body says nothing about what is answered.
    said = case_ids_in(await request.body()) if request.url.path == NAMES else None
    if case_of([named] if named else said) != opening.case:
        raise OtherFile


def case_of(named: Any) -> UUID | None:
    """The case that is named, if it is one alone."""
    try:
        [only] = {UUID(each) for each in named}
    except (ValueError, TypeError, AttributeError):
        return None
    return only


def case_ids_in(content: bytes) -> Any:
    """The cases that a body names, as it has them; None when it names none."""
    try:
        said = orjson.loads(content)
    except ValueError:
        return None
    return said.get("case_ids") if isinstance(said, dict) else None
