"""Operators at work on a suite that runs elsewhere, and what came of each of their requests."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic
from typing import Any

import httpx

from services.cli.accounting import account
from services.patience import PATIENCE
from services.simulator.gateway import Gateway
from services.simulator.report import all_cases
from tests.faults.desk import Desk, Record
from tests.faults.driver import Driver
from tests.faults.verdict import repeated
from tests.faults.verification import verified

#: What operators have open beside their commands: who looks, and where.
_READS = (("manager", "/api/figures"), ("finance", "/api/reintegration/funds"), ("movements", "/api/travel/flights"))
#: Seconds for which one attempt waits, and between two reads of one page.
_ATTEMPT, _PAUSE = 8.0, 0.3


class Attempts(httpx.AsyncHTTPTransport):
    """Sends each attempt, and counts what came of it."""

    def __init__(self) -> None:
        super().__init__()
        #: By status, or by the name of what broke.
        self.outcomes: Counter[int | str] = Counter()
        #: Answers that ask for another attempt and don't say when.
        self.unsaid = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        try:
            answer = await super().handle_async_request(request)
        except httpx.TransportError as error:
            self.outcomes[type(error).__name__] += 1
            raise
        self.outcomes[answer.status_code] += 1
        self.unsaid += answer.status_code == httpx.codes.SERVICE_UNAVAILABLE and "retry-after" not in answer.headers
        return answer


@dataclass
class Load:
    """Commands and reads, each repeated as docs/operators.md says, for as long as it says."""

    gateway: Gateway
    desk: Desk
    attempts: Attempts
    #: Seconds until each read was answered.
    reads: list[float] = field(default_factory=list)

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Operators work as long as the block runs, and end what they have begun."""
        now = datetime.fromisoformat((await self.gateway.get("admin", "/api/clock"))["now"])
        async with asyncio.TaskGroup() as group:
            group.create_task(Driver(self.desk, seed=1, now=now).run())
            for role, path in _READS:
                group.create_task(self._look(role, path))
            yield
            self.desk.closed = True

    async def _look(self, role: str, path: str) -> None:
        """Raises Away when no answer comes for too long."""
        while not self.desk.closed:
            began = monotonic()
            await self.gateway.get(role, path)
            self.reads.append(monotonic() - began)
            await asyncio.sleep(_PAUSE)

    def unanswered(self) -> list[Record]:
        """Commands that have got no answer within their retry."""
        return [each for each in self.desk.records if not each.status]

    async def cases(self) -> set[str]:
        """All that there are."""
        return {str(each["case_id"]) for each in await all_cases(self.gateway)}

    def registered(self) -> set[str]:
        """Cases of which an operator was told."""
        told = [each.answer for each in self.desk.records if each.accepted and each.kind in ("register", "household")]
        return {str(case["case_id"]) for answer in told for case in answer.get("cases", [answer])}

    async def wrong(self) -> list[str]:
        """What is lost, doubled, broken or dead in a suite that is at rest."""
        accounting = await self.gateway.get("admin", "/api/accounting")
        lengths = {source.rsplit("/", 1)[-1]: each["events"] for source, each in accounting["producers"].items()}
        letters = (await self.gateway.get("admin", "/api/dead-letters"))["dead_letters"]
        wrong = [*account(accounting).problems, *await verified(self.desk, lengths), *await repeated(self.desk, 1)]
        return wrong + [f"dead letter: {each}" for each in letters]

    def figures(self) -> dict[str, Any]:
        """How much was asked, how often again, and how long it took."""
        waits = sorted([*self.reads, *(each.seconds for each in self.desk.records)])
        sent = self.attempts.outcomes.total()
        return {
            "requests": len(waits),
            "attempts beyond the first": sum(each.attempts - 1 for each in self.desk.records),
            "attempts": sent,
            "longest": round(waits[-1], 1),
            "outcomes": dict(self.attempts.outcomes),
        }


@asynccontextmanager
async def load(url: str, credentials: Mapping[str, tuple[str, str]]) -> AsyncIterator[Load]:
    """Nobody is at work yet."""
    attempts = Attempts()
    async with httpx.AsyncClient(base_url=url, timeout=_ATTEMPT, transport=attempts) as client:
        desk = Desk(client, credentials, seed=1, persistence=PATIENCE)
        yield Load(Gateway(client, credentials), desk, attempts)
