"""Calls to receivers, whoever they are: they may answer anything, at any length and at any pace, or nothing at all."""

import asyncio
import re
import ssl
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpcore

from services.partners.webhooks.addresses import AddressRefused, Guarded, Guards

_CONNECT = 5.0
_WHOLE = 15.0
#: Seconds for a body once the status is known, and bytes of it: nothing in it matters.
_BODY_SECONDS, _BODY = 1.0, 64 * 1024
#: At once, to all receivers.
_CONNECTIONS = 256
#: Receivers to which connections are kept open.
_ORIGINS = 512
_SHOWN = 120
_UNPRINTABLE = re.compile(r"[^\x20-\x7e]+")


class Unreachable(Exception):
    """Nobody has answered as HTTP has it."""


class NotConnected(Unreachable):
    """Nobody was there: nothing was sent."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A receiver's answer. ``extract``: how its body begins, one printable line."""

    status: int
    headers: Mapping[str, str]
    extract: str


class Caller:
    """Calls receivers; closed at the end."""

    def __init__(
        self, private_hosts: Mapping[str, Iterable[str]], inner: httpcore.AsyncNetworkBackend | None = None
    ) -> None:
        self.guards = Guards(private_hosts, inner)
        self._turn = asyncio.Semaphore(_CONNECTIONS)
        self._tls = ssl.create_default_context()
        #: By origin and who may go there, who was called last at the end: a pool looks at all its connections for each
        #: call, and one agency's connection into our network is nobody else's.
        self._pools: OrderedDict[tuple[Guarded, str], httpcore.AsyncConnectionPool] = OrderedDict()

    async def call(
        self, agency: str, method: str, url: str, headers: Mapping[str, str], content: bytes = b""
    ) -> Answer:
        """The receiver's answer; redirects are answers like others. ``agency``: whose receiver, by its name.

        Raises Unreachable and AddressRefused.
        """
        guard = self.guards.of(agency)
        guard.check(url)
        async with self._turn:
            try:
                async with asyncio.timeout(_WHOLE):
                    return await self._call(guard, method, url, headers, content)
            except AddressRefused:
                raise
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                raise NotConnected(f"no connection: {type(error).__name__}") from error
            except (TimeoutError, httpcore.TimeoutException) as error:
                raise Unreachable(f"no answer within {_WHOLE:.0f} s") from error
            except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol, OSError) as error:
                raise Unreachable(f"no connection or no HTTP: {type(error).__name__}") from error

    async def close(self) -> None:
        """Close all connections."""
        for pool in self._pools.values():
            await pool.aclose()

    async def _pool(self, guard: Guarded, url: str) -> httpcore.AsyncConnectionPool:
        parts = urlsplit(url)
        origin = (guard, f"{parts.scheme}://{parts.netloc}")
        if origin not in self._pools:
            await self._forget()
            self._pools[origin] = httpcore.AsyncConnectionPool(
                ssl_context=self._tls, keepalive_expiry=20, network_backend=guard
            )
        self._pools.move_to_end(origin)
        return self._pools[origin]

    async def _forget(self) -> None:
        """Close what has not been used for longest, but for what is in use."""
        for origin, pool in list(self._pools.items())[: max(0, len(self._pools) - _ORIGINS)]:
            if all(each.is_idle() for each in pool.connections):
                del self._pools[origin]
                await pool.aclose()

    async def _call(self, guard: Guarded, method: str, url: str, headers: Mapping[str, str], content: bytes) -> Answer:
        timeout = {"connect": _CONNECT, "read": _WHOLE, "write": _WHOLE, "pool": _WHOLE}
        pool = await self._pool(guard, url)
        async with pool.stream(
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
