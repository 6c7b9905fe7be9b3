"""How many requests a second somebody may make: a bucket of tokens per person, and per address of strangers."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address
from typing import Protocol

from fastapi import Request
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.errors import HomewardError
from shared.web.access import authenticated
from shared.web.limits import PROBES

#: Buckets that are remembered: the longest unused goes first, and is full by then.
REMEMBERED = 10_000
#: A network of IPv6 has as many addresses as it likes.
_NETWORK = 64


class TooManyRequests(HomewardError):
    """Too many requests in a short time: wait."""

    status = 429


@dataclass
class Buckets:
    """A bucket per key that holds ``burst`` tokens and gains ``rate`` of them a second."""

    rate: float
    burst: float
    now: Callable[[], float] = time.monotonic
    _kept: OrderedDict[str, tuple[float, float]] = field(default_factory=OrderedDict)

    def take(self, key: str) -> float:
        """Take a token; seconds to wait for the next one when there is none, else 0."""
        now = self.now()
        tokens, since = self._kept.get(key, (self.burst, now))
        tokens = min(self.burst, tokens + (now - since) * self.rate)
        wait = 0.0 if tokens >= 1 else (1 - tokens) / self.rate
        self._kept[key] = (tokens if wait else tokens - 1, now)
        self._kept.move_to_end(key)
        while len(self._kept) > REMEMBERED:
            self._kept.popitem(last=False)
        return wait

    def give_back(self, key: str) -> None:
        """The token that was taken last was for nothing that counts."""
        if key in self._kept:
            tokens, since = self._kept[key]
            self._kept[key] = (tokens + 1, since)


class Allowances(Protocol):
    """How much somebody may ask: a service's settings."""

    requests_per_second: float
    burst: int
    strangers_per_second: float
    strangers_burst: int


def rates(allowed: Allowances) -> Middleware:
    """The middleware that holds everybody to it."""
    people = Buckets(allowed.requests_per_second, allowed.burst)
    return Middleware(Rates, people=people, strangers=Buckets(allowed.strangers_per_second, allowed.strangers_burst))


class Rates:
    """ASGI middleware. Who is signed in is counted by name: a whole office may come from one address."""

    def __init__(self, app: ASGIApp, *, people: Buckets, strangers: Buckets) -> None:
        self.app, self.people, self.strangers = app, people, strangers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] not in PROBES and (wait := await self._wait(scope)):
            raise TooManyRequests(retry_after=math.ceil(wait))
        await self.app(scope, receive, send)

    async def _wait(self, scope: Scope) -> float:
        try:
            return self.people.take((await authenticated(Request(scope))).id)
        except HomewardError:
            return self.strangers.take(network(scope))


def network(scope: Scope) -> str:
    """Where a request comes from: its address, or its network where one has many."""
    host: str = (scope.get("client") or ("",))[0]
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if isinstance(address, IPv6Address):
        mapped = address.ipv4_mapped
        return str(mapped or int(address) >> (128 - _NETWORK))
    return str(address)
