"""Calls to receivers, whoever they are: they may answer anything, at any length and at any pace, or nothing at all."""

import asyncio
import re
import ssl
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass

import httpcore

from services.partners.webhooks.addresses import AddressRefused, Guarded

_CONNECT = 5.0
_WHOLE = 15.0
#: Seconds for a body once the status is known, and bytes of it: nothing in it matters.
_BODY_SECONDS, _BODY = 1.0, 64 * 1024
#: At once, to all receivers.
_CONNECTIONS = 256
_SHOWN = 120
_UNPRINTABLE = re.compile(r"[^\x20-\x7e]+")


class Unreachable(Exception):
    """Nobody has answered as HTTP has it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A receiver's answer. ``extract``: how its body begins, one printable line."""

    status: int
    headers: Mapping[str, str]
    extract: str


class Caller:
    """Calls receivers; closed at the end."""

    def __init__(self, private_hosts: Iterable[str]) -> None:
        self.guard = Guarded(private_hosts)
        self._turn = asyncio.Semaphore(_CONNECTIONS)
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=ssl.create_default_context(),
            max_connections=2 * _CONNECTIONS,
            max_keepalive_connections=_CONNECTIONS,
            keepalive_expiry=20,
            network_backend=self.guard,
        )

    async def call(self, method: str, url: str, headers: Mapping[str, str], content: bytes = b"") -> Answer:
        """The receiver's answer; redirects are answers like others. Raises Unreachable and AddressRefused."""
        self.guard.check(url)
        async with self._turn:
            try:
                async with asyncio.timeout(_WHOLE):
                    return await self._call(method, url, headers, content)
            except AddressRefused:
                raise
            except (TimeoutError, httpcore.TimeoutException) as error:
                raise Unreachable(f"no answer within {_WHOLE:.0f} s") from error
            except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol, OSError) as error:
                raise Unreachable(f"no connection or no HTTP: {type(error).__name__}") from error

    async def close(self) -> None:
        """Close all connections."""
        await self._pool.aclose()

    async def _call(self, method: str, url: str, headers: Mapping[str, str], content: bytes) -> Answer:
        timeout = {"connect": _CONNECT, "read": _WHOLE, "write": _WHOLE, "pool": _WHOLE}
        async with self._pool.stream(
            method,
            url,
            headers=list((dict(headers) | {"User-Agent": "Homeward", "Accept-Encoding": "identity"}).items()),
            content=content,
            extensions={"timeout": timeout},
        ) as response:
            found = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
            return Answer(response.status, found, _extract(await _beginning(response)))


async def _beginning(response: httpcore.Response) -> bytes:
    """What comes of a body within the bounds; a connection whose body has not ended is closed afterwards."""
    body = b""
    with suppress(TimeoutError, httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException):
        async with asyncio.timeout(_BODY_SECONDS):
            async for part in response.aiter_stream():
                body += part
                if len(body) > _BODY:
                    break
    return body


def _extract(body: bytes) -> str:
    text = _UNPRINTABLE.sub(" ", body[: 4 * _SHOWN].decode("utf-8", "ignore"))
    return " ".join(text.split())[:_SHOWN]
