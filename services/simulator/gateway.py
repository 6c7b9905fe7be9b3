"""The gateway as the simulator's people use it: signed in by role, each command under one key until it is answered."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, TypeVar
from uuid import uuid4

import httpx

from services.patience import AWAY, PATIENCE, asked_for, pauses

T = TypeVar("T")

#: Requests under way at once.
CONCURRENCY = 8
#: A rule of the suite forbids it, now or for good.
CONFLICT = 409


class Refused(Exception):
    """The gateway refused a request of the simulation: scenario and suite do not fit together."""

    def __init__(self, what: str, answer: httpx.Response) -> None:
        super().__init__(f"{what}: {answer.status_code} {_problem(answer)}")
        self.status = answer.status_code


class Away(Exception):
    """The gateway could not be reached for too long."""


class Gateway:
    """One suite. ``credentials`` are a name and a password for each role."""

    def __init__(self, client: httpx.AsyncClient, credentials: Mapping[str, tuple[str, str]]) -> None:
        self._client, self._credentials = client, credentials
        self._tokens: dict[str, str] = {}
        self._signing_in = asyncio.Lock()
        self._places = asyncio.Semaphore(CONCURRENCY)

    async def get(self, role: str, path: str, *, purpose: str | None = None, **params: Any) -> Any:
        """What the role reads there; a purpose is named for personal data."""
        headers = {"Purpose": purpose} if purpose else {}
        return (await self._send(role, "GET", path, headers=headers, params=params)).json()

    async def post(self, role: str, path: str, body: Mapping[str, Any] | None = None, **more: Any) -> Any:
        """Give a command once, however often it has to be sent."""
        if "files" not in more:
            more["json"] = body or {}
        return (await self._send(role, "POST", path, headers={"Idempotency-Key": str(uuid4())}, **more)).json()

    async def each(self, items: Iterable[T], act: Callable[[T], Awaitable[Any]]) -> None:
        """Do the same for all, some at a time; the first failure ends it."""
        async with asyncio.TaskGroup() as group:
            for item in items:
                group.create_task(self._in_turn(item, act))

    async def _in_turn(self, item: T, act: Callable[[T], Awaitable[Any]]) -> None:
        async with self._places:
            await act(item)

    async def _send(self, role: str, method: str, path: str, **request: Any) -> httpx.Response:
        headers = request.pop("headers", {})
        answer = await self._patiently(role, method, path, headers, request)
        if answer.status_code == 401:
            # The token has ended meanwhile.
            self._tokens.pop(role, None)
            answer = await self._patiently(role, method, path, headers, request)
        if not answer.is_success:
            raise Refused(f"{role}: {method} {path}", answer)
        return answer

    async def _patiently(
        self, role: str, method: str, path: str, headers: Mapping[str, str], request: Mapping[str, Any]
    ) -> httpx.Response:
        ends = asyncio.get_running_loop().time() + PATIENCE
        for pause in pauses():
            try:
                signed = {**headers, "Authorization": f"Bearer {await self._token(role)}"}
                answer = await self._client.request(method, path, headers=signed, **request)
                if answer.status_code not in AWAY:
                    return answer
                reason, asked = _problem(answer), asked_for(answer)
            except httpx.TransportError as error:
                reason, asked = str(error) or type(error).__name__, 0.0
            if asyncio.get_running_loop().time() > ends:
                raise Away(f"{method} {path}: no answer for {PATIENCE:.0f} s: {reason}")
            await asyncio.sleep(max(pause, asked))
        raise AssertionError("unreachable")

    async def _token(self, role: str) -> str:
        async with self._signing_in:
            if role not in self._tokens:
                name, password = self._credentials[role]
                answer = await self._client.post("/api/sign-in", json={"name": name, "password": password})
                if answer.status_code in AWAY:
                    raise httpx.ConnectError("the gateway is not ready to sign anybody in")
                if not answer.is_success:
                    raise Refused(f"sign-in as {role}", answer)
                self._tokens[role] = answer.json()["access_token"]
        return self._tokens[role]


def _problem(answer: httpx.Response) -> str:
    try:
        problem = answer.json()
    except ValueError:
        return answer.text[:200]
    if not isinstance(problem, dict):
        return str(problem)[:200]
    known = {"type", "title", "status", "detail", "instance"}
    more = {name: value for name, value in problem.items() if name not in known}
    return f"{problem.get('detail') or problem.get('title')}{f' {more}' if more else ''}"[:500]
