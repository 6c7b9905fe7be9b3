"""Calls to receivers, whoever they are: they may answer anything, at any length and at any pace, or nothing at all."""

import asyncio
import re
import ssl
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice

import aiohttp
from yarl import URL

from services.partners.webhooks.addresses import AddressRefused, Guard, Guards, Way, place_called

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


@dataclass
class _Line:
    """Connections to one origin, and how many calls use them now."""

    session: aiohttp.ClientSession
    calls: int = 0


class Caller:
    """Calls receivers; closed at the end. ``tls``: whom it trusts, when not those whom the system does."""

    def __init__(self, private_hosts: Mapping[str, Iterable[str]], tls: ssl.SSLContext | None = None) -> None:
        self.guards = Guards(private_hosts)
        self._turn = asyncio.Semaphore(_CONNECTIONS)
        self._tls = tls or ssl.create_default_context()
        #: By origin and who may go there, who was called last at the end: one agency's connection into our network is
        #: nobody else's.
        self._lines: OrderedDict[tuple[Guard, URL], _Line] = OrderedDict()

    def place(self) -> asyncio.Semaphore:
        """To be held while calling: there is only room for so many calls at once."""
        return self._turn

    async def call(
        self, agency: str, method: str, url: str, headers: Mapping[str, str], content: bytes = b""
    ) -> Answer:
        """The receiver's answer; redirects are answers like others. ``agency``: whose receiver, by its name.

        Raises Unreachable and AddressRefused.
        """
        guard = self.guards.of(agency)
        called = guard.check(url)
        try:
            async with asyncio.timeout(_WHOLE):
                return await self._call(guard, method, called, headers, content)
        except aiohttp.InvalidURL as error:
            raise AddressRefused from error
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise NotConnected(f"no connection: {type(error).__name__}") from error
        except TimeoutError as error:
            raise Unreachable(f"no answer within {_WHOLE:.0f} s") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise Unreachable(f"no connection or no HTTP: {type(error).__name__}") from error

    async def close(self) -> None:
        """Close all connections."""
        for line in self._lines.values():
            await line.session.close()

    def _line(self, guard: Guard, url: URL) -> _Line:
        key = (guard, url.origin())
        if key not in self._lines:
            self._lines[key] = _Line(self._session(Way(guard, place_called(url))))
        self._lines.move_to_end(key)
        return self._lines[key]

    def _session(self, way: Way) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            resolver=way,
            socket_factory=way.open,
            ssl=self._tls,
            use_dns_cache=False,
            # One address after the other: a refusal is raised, and not gathered with others.
            happy_eyeballs_delay=None,
            keepalive_timeout=20,
            limit=0,
        )
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            headers={"User-Agent": "Homeward", "Accept-Encoding": "identity"},
            skip_auto_headers=("Accept", "Content-Type"),
            timeout=aiohttp.ClientTimeout(connect=_CONNECT),
        )

    async def _forget(self) -> None:
        """Close what has not been used for longest, but for what is in use."""
        for key, line in list(islice(self._lines.items(), max(0, len(self._lines) - _ORIGINS))):
            # Another call may have closed it, or used it, while the one before was being closed.
            if self._lines.get(key) is line and not line.calls:
                del self._lines[key]
                await line.session.close()

    async def _call(self, guard: Guard, method: str, url: URL, headers: Mapping[str, str], content: bytes) -> Answer:
        line = self._line(guard, url)
        line.calls += 1
        try:
            await self._forget()
            async with line.session.request(
                method, url, headers=headers, data=content or None, allow_redirects=False
            ) as response:
                found = {name.lower(): _UNPRINTABLE.sub(" ", value) for name, value in response.headers.items()}
                return Answer(response.status, found, _extract(await _beginning(response)))
        finally:
            line.calls -= 1


async def _beginning(response: aiohttp.ClientResponse) -> bytes:
    """What comes of a body within the bounds; a connection whose body has not ended is closed afterwards."""
    body = b""
    with suppress(TimeoutError, aiohttp.ClientError, OSError):
        async with asyncio.timeout(_BODY_SECONDS):
            while len(body) <= _BODY and (part := await response.content.readany()):
                body += part
    return body


def _extract(body: bytes) -> str:
    text = _UNPRINTABLE.sub(" ", body[: 4 * _SHOWN].decode("utf-8", "ignore"))
    return " ".join(text.split())[:_SHOWN]
