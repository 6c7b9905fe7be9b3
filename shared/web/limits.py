"""What one request may take of a service: bytes, seconds, and a place among the requests under way."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.errors import HomewardError, Unavailable

_LIMITS = "homeward.limits"
#: Asked by whoever keeps the process alive: a crowd of other requests must not look like a death.
PROBES = frozenset({"/healthz", "/readyz"})


class TooLarge(HomewardError):
    """The request is larger than is taken here: divide the list, or send less at once."""

    status = 413


class TookTooLong(Unavailable):
    """There was no answer in time, and what was begun is undone: send it again later, with the same key."""


class Busy(Unavailable):
    """Too many requests are under way: try again shortly."""


@dataclass(frozen=True)
class Allowed:
    """What is allowed. ``uploads``: how paths end that take a file; ``unhurried``: paths whose work may be long."""

    body: int
    upload: int
    seconds: float
    requests: int
    uploads: tuple[str, ...] = ()
    unhurried: frozenset[str] = frozenset()

    def largest(self, path: str) -> int:
        """Bytes that a request's body may have."""
        return self.upload if path.endswith(self.uploads) else self.body


def limits_of(scope: Scope) -> "Limits":
    """The limits under which a request is answered."""
    found: Limits = scope[_LIMITS]
    return found


class Limits:
    """ASGI middleware. An answer that has begun, such as a live stream, has neither time limit nor place any more."""

    def __init__(self, app: ASGIApp, *, allowed: Allowed) -> None:
        self.app, self.allowed = app, allowed
        self._under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in PROBES:
            await self.app(scope, receive, send)
            return
        if self._under_way >= self.allowed.requests:
            raise Busy(retry_after=1)
        request = _Request(self.allowed.largest(scope["path"]), receive, send)
        request.check_length(scope)
        self._under_way += 1
        scope[_LIMITS] = self
        try:
            await self._in_time(scope, request)
        finally:
            self._under_way -= 1

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """While the block waits for something to happen, another request may have this one's place."""
        self._under_way -= 1
        try:
            yield
        finally:
            self._under_way += 1

    async def _in_time(self, scope: Scope, request: "_Request") -> None:
        seconds = None if scope["path"] in self.allowed.unhurried else self.allowed.seconds
        try:
            async with asyncio.timeout(seconds) as request.time:
                await request.answer(self.app, scope)
        except TimeoutError as error:
            if not request.time.expired():
                raise
            raise TookTooLong(retry_after=5) from error


class _Request:
    """One request: counts what it sends, and sees its answer begin."""

    def __init__(self, largest: int, receive: Receive, send: Send) -> None:
        self.time = asyncio.timeout(None)
        self._largest, self._receive, self._send = largest, receive, send
        self._read, self._started = 0, False

    @property
    def _too_large(self) -> bool:
        return self._read > self._largest

    def check_length(self, scope: Scope) -> None:
        """Raise TooLarge for a length that is announced."""
        announced = dict(scope["headers"]).get(b"content-length", b"")
        if announced.isdigit() and int(announced) > self._largest:
            raise TooLarge(largest=self._largest)

    async def answer(self, app: ASGIApp, scope: Scope) -> None:
        """Raise TooLarge, whatever the application makes of a body that breaks off."""
        try:
            await app(scope, self.receive, self.send)
        except Exception:
            if not self._too_large or self._started:
                raise
        if self._too_large and not self._started:
            raise TooLarge(largest=self._largest)

    async def receive(self) -> Message:
        message = await self._receive()
        self._read += len(message.get("body", b""))
        if self._too_large:
            raise TooLarge(largest=self._largest)
        return message

    async def send(self, message: Message) -> None:
        if self._too_large and not self._started:
            return
        self._started = True
        self.time.reschedule(None)
        await self._send(message)
