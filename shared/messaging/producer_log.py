"""Another service's log, read over its internal HTTP API."""

from collections.abc import Sequence
from contextlib import suppress
from time import monotonic
from typing import Any

import httpx

from shared.contracts.envelope import Event
from shared.messaging.codec import decode
from shared.messaging.outbox import Head, Range
from shared.messaging.reconciler import BeingRestored, Unreachable

#: The problem that a service answers with while it waits for reports.
_RESTORING = "/problems/restoring"


class HttpProducerLog:
    """Implements ``ProducerLog`` with the client of the service that owns the log."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        #: When (monotonic) everything recorded before was seen to have come; None until then.
        self.even_at: float | None = None
        #: The last position of a page that was the log's last, and before when all of the log was in it.
        self._page: tuple[int, float] | None = None

    async def of_subjects(self, wanted: Sequence[tuple[str, int]], limit: int) -> list[Event]:
        """For each (subject, sequence): the events after that sequence."""
        answer = await self._ask("POST", "/events/subjects", json={"wanted": list(wanted), "limit": limit})
        return [decode(body.encode()) for body in answer["events"]]

    async def settled(self, position: int, seconds: float, limit: int) -> list[Head]:
        """Which events have positions above ``position`` and were recorded more than ``seconds`` ago."""
        asked_at = monotonic()
        if self._page and position >= self._page[0]:
            # Who asks for what follows on a page has worked it off: all of it is handled or parked.
            self.even_at = self._page[1]
        found = _heads(
            await self._ask("GET", "/events/settled", params={"after": position, "seconds": seconds, "limit": limit})
        )
        last = max((head.position or 0 for head in found), default=position)
        self._page = (last, asked_at - seconds) if len(found) < limit else None
        if not found:
            self.even_at = asked_at - seconds
        return found

    async def ranges(self, after: str, limit: int) -> list[Range]:
        """Ranges in order of subject, at least one; the last of all has no end."""
        answer = await self._ask("GET", "/events/ranges", params={"after": after, "limit": limit})
        return [Range(each["upto"], bytes.fromhex(each["digest"])) for each in answer["ranges"]]

    async def heads(self, after: str, limit: int, subjects: Sequence[str] | None = None) -> list[Head]:
        """Heads in order of subject."""
        wanted = {"after": after, "limit": limit, "subjects": None if subjects is None else list(subjects)}
        return _heads(await self._ask("POST", "/events/heads", json=wanted))

    async def oldest(self, wanted: Sequence[tuple[str, int]]) -> float:
        """Seconds since the oldest of the events was recorded that follow on these (subject, sequence)."""
        return float((await self._ask("POST", "/events/oldest", json={"wanted": list(wanted)}))["seconds"])

    async def last_position(self) -> int:
        """The highest position."""
        return int((await self._ask("GET", "/events/last"))["position"])

    async def report(self, positions: Sequence[tuple[str, int]], *, whole: bool) -> bool:
        """Say how far we are; whether that was waited for, because the log's database was set back."""
        said = {"positions": list(positions), "whole": whole}
        return bool((await self._ask("POST", "/restoration/positions", json=said))["waiting"])

    async def _ask(self, method: str, path: str, **request: Any) -> Any:
        try:
            answer = await self._client.request(method, path, **request)
            if answer.status_code == 503 and _type(answer) == _RESTORING:
                raise BeingRestored(f"set back, and waits for reports: {path}")
            answer.raise_for_status()
        except httpx.HTTPError as error:
            raise Unreachable(f"{type(error).__name__} at {path}") from error
        return answer.json()


def _type(answer: httpx.Response) -> Any:
    """The type of the problem that is answered; None when it isn't one."""
    with suppress(ValueError):
        if isinstance(problem := answer.json(), dict):
            return problem.get("type")
    return None


def _heads(answer: Any) -> list[Head]:
    return [
        Head(each["subject"], each["sequence"], bytes.fromhex(each["hash"]), each.get("position"))
        for each in answer["heads"]
    ]
