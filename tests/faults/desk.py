"""The operators' desk: commands through the gateway, each under one key until its answer is known, each on record."""

import asyncio
import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from uuid import uuid4

import httpx

from shared.auth.roles import Role
from tests.support.purposes import usual_purpose

#: Seconds after which one attempt's answer counts as unknown.
PATIENCE = 8.0
#: Seconds for which a command is repeated.
PERSISTENCE = 90.0
#: The same for one that is still unknown when everything is healed.
RESOLVING = 20.0
#: Commands about dead letters, which carry no key.
REPAIR = "repair"


class Outcome(StrEnum):
    """What is known of a command."""

    ACKNOWLEDGED = "acknowledged"
    #: 4xx: it changed nothing.
    REFUSED = "refused"
    #: No attempt was answered, or an attempt before a refusal was not: it may yet take effect.
    UNKNOWN = "unknown"


@dataclass
class Record:
    """One command, and all that came of it."""

    kind: str
    #: What it is about, for the model: identifiers and amounts.
    about: Mapping[str, Any]
    role: str
    path: str
    body: Mapping[str, Any]
    key: str = field(default_factory=lambda: str(uuid4()))
    outcome: Outcome = Outcome.UNKNOWN
    status: int = 0
    answer: Any = None
    attempts: int = 0
    #: Attempts whose answer never came.
    unanswered: int = 0
    #: From the first attempt to the last word.
    seconds: float = 0.0

    @property
    def service(self) -> str:
        """Who decides about it."""
        return self.path.split("/")[2]

    @property
    def accepted(self) -> bool:
        """Whether it is known to have been done."""
        return self.outcome is Outcome.ACKNOWLEDGED


class Closed(Exception):
    """The desk takes no further commands."""


class Desk:
    """All operators of a run."""

    def __init__(
        self,
        gateway: httpx.AsyncClient,
        credentials: Mapping[str, tuple[str, str]],
        seed: int,
        *,
        pause: float = 0.6,
        persistence: float = PERSISTENCE,
    ) -> None:
        self.records: list[Record] = []
        self.closed = False
        self._gateway, self._credentials = gateway, credentials
        self._random, self._pause, self._persistence = random.Random(seed), pause, persistence
        self._tokens: dict[str, str] = {}
        self._signing_in = asyncio.Lock()

    async def command(self, kind: str, role: str, path: str, body: Mapping[str, Any] = {}, **about: Any) -> Record:
        """Give a command and repeat it until its answer is known. Raises Closed before a new one when closed."""
        await asyncio.sleep(self._random.uniform(0.3, 1.7) * self._pause)
        if self.closed:
            raise Closed
        return await self.send(kind, role, path, body, **about)

    async def send(self, kind: str, role: str, path: str, body: Mapping[str, Any] = {}, **about: Any) -> Record:
        """The same at once, and also when the desk is closed."""
        record = Record(kind, about, role, path, body)
        self.records.append(record)
        began = asyncio.get_running_loop().time()
        await self._persist(record, self._persistence)
        record.seconds = asyncio.get_running_loop().time() - began
        return record

    @property
    def unknown(self) -> list[Record]:
        """Commands of which nobody knows what became of them."""
        return [each for each in self.records if each.outcome is Outcome.UNKNOWN]

    def figures(self) -> dict[str, int]:
        """How many of the operators' commands came to which end."""
        return dict(Counter(each.outcome.value for each in self.records if each.kind != REPAIR))

    async def resolve(self) -> None:
        """Once everything is healed and at rest: repeat what is unknown until its answer is known, the oldest first."""
        for record in self.unknown:
            # Of what was sent before nothing is under way any more, so a refusal is the last word now.
            record.unanswered = 0
            await self._persist(record, RESOLVING)

    async def repeat(self, record: Record) -> httpx.Response:
        """Send a command once more, with the same key."""
        headers = {"Authorization": f"Bearer {await self._token(record.role)}", "Idempotency-Key": record.key}
        return await self._gateway.post(record.path, json=record.body, headers=headers, timeout=PATIENCE)

    async def read(self, role: str, path: str, **query: Any) -> Any:
        """What is there; None when nobody answers or there is no such thing."""
        try:
            headers = {"Authorization": f"Bearer {await self._token(role)}"} | usual_purpose(Role(role))
            answer = await self._gateway.get(path, params=query, headers=headers)
        except (httpx.TransportError, _NotSignedIn):
            return None
        return answer.json() if answer.is_success else None

    async def _persist(self, record: Record, seconds: float) -> None:
        pause, ends = 0.1, asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < ends:
            record.attempts += 1
            try:
                answer = await self.repeat(record)
            except _NotSignedIn:
                answer = None
            except httpx.TransportError:
                record.unanswered += 1
                answer = None
            if answer is not None and self._settle(record, answer):
                return
            await asyncio.sleep(self._random.uniform(0.5, 1.5) * pause)
            pause = min(2 * pause, 2.0)

    def _settle(self, record: Record, answer: httpx.Response) -> bool:
        if answer.is_server_error:
            record.unanswered += 1
            return False
        record.status, record.answer = answer.status_code, answer.json()
        if answer.is_success:
            record.outcome = Outcome.ACKNOWLEDGED
        # A key's answer is committed with its effects, and who comes with a key that is under way waits for its end. So
        # a refusal (409 and the like) says that no attempt had taken effect until then. But one that was frozen or
        # held up before its transaction may still do so: after an unanswered attempt the refusal is not the last word.
        elif not record.unanswered:
            record.outcome = Outcome.REFUSED
        return True

    async def _token(self, role: str) -> str:
        async with self._signing_in:
            if role not in self._tokens:
                name, password = self._credentials[role]
                try:
                    answer = await self._gateway.post("/api/sign-in", json={"name": name, "password": password})
                except httpx.TransportError as error:
                    raise _NotSignedIn from error
                if not answer.is_success:
                    raise _NotSignedIn
                self._tokens[role] = answer.json()["access_token"]
            return self._tokens[role]


class _NotSignedIn(Exception):
    pass
