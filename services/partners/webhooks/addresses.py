"""Where webhooks may go: public addresses by HTTPS, and what of our own network the settings name for that agency.

A name is resolved here, and the connection goes to the address that was looked at: a name that points elsewhere a
moment later leads nowhere else.
"""

import asyncio
import socket
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

from aiohttp import AddrInfoType
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from shared.errors import Invalid

#: What Python calls global and yet leads into a network of one's own: clouds' own services, IPv4 within IPv6, sites.
_INWARD = tuple(
    map(ip_network, ("168.63.129.16/32", "64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32", "fec0::/10"))
)
#: A host and a port.
Place = tuple[str, int]
_PORTS = {"https": 443, "http": 80}
#: A name server that doesn't answer keeps a thread for some ten seconds.
_RESOLVERS = 16


class AddressRefused(Invalid):
    """Webhooks go by HTTPS to a public address: give another URL, or ask the programme to allow this host."""


def place_of(text: str) -> Place:
    """What ``host:port`` names. Raises ValueError."""
    parts = urlsplit(f"//{text}")
    if not parts.hostname or parts.port is None or parts.netloc != text or "@" in text:
        raise ValueError(f"not a host and a port, such as 10.1.2.3:8443: {text}")
    return parts.hostname, parts.port


class Guards:
    """By agency, by its name: where its webhooks may go. ``private``: places of our own network, ``host:port``."""

    def __init__(self, private: Mapping[str, Iterable[str]] | None = None) -> None:
        # Others use the loop's own threads.
        threads = ThreadPoolExecutor(_RESOLVERS, thread_name_prefix="webhook-resolver")
        self._everybody = Guard(frozenset(), threads)
        self._own = {
            agency: Guard(frozenset(map(place_of, places)), threads) for agency, places in (private or {}).items()
        }

    def of(self, agency: str) -> "Guard":
        """The agency's."""
        return self._own.get(agency, self._everybody)


class Guard:
    """Where webhooks may go. ``private``: places that may be anywhere."""

    def __init__(self, private: frozenset[Place], threads: ThreadPoolExecutor) -> None:
        self._private, self._threads = private, threads

    def check(self, url: str) -> URL:
        """The URL as it will be called. Raises AddressRefused."""
        try:
            parts, called = urlsplit(url), URL(url, encoded=True)
            place = (parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 0))
        except ValueError:
            raise AddressRefused from None
        allowed = ("https", "http") if place in self._private else ("https",)
        if not url.isascii() or not parts.hostname or "@" in parts.netloc:
            raise AddressRefused
        if parts.scheme not in allowed or parts.fragment:
            raise AddressRefused
        # What two readers of a URL read differently leads somewhere else than it seems.
        if (called.scheme, *place_called(called)) != (parts.scheme, *place):
            raise AddressRefused
        return called

    def admits(self, place: Place, address: str) -> bool:
        """Whether the place may be reached at this address."""
        try:
            return place in self._private or public(ip_address(address))
        except ValueError:
            return False

    async def addresses(self, place: Place) -> list[str]:
        """Where the place is. Raises OSError, and AddressRefused if any of them leads inward: who mixes them is up to
        something.
        """
        loop = asyncio.get_running_loop()
        try:
            found = await loop.run_in_executor(
                self._threads, lambda: socket.getaddrinfo(*place, type=socket.SOCK_STREAM)
            )
        except UnicodeError as error:
            raise OSError(f"{place[0]} can't be found") from error
        addresses = list(dict.fromkeys(str(each[4][0]) for each in found))
        if not all(self.admits(place, each) for each in addresses):
            raise AddressRefused
        return addresses


class Way(AbstractResolver):
    """To one place, under a guard: connections go to the addresses that were looked at, and nowhere else."""

    def __init__(self, guard: Guard, place: Place) -> None:
        self._guard, self._place = guard, place

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Of the way's place, whatever is asked for."""
        return [
            ResolveResult(
                hostname=host, host=each, port=port, family=_family(each), proto=0, flags=socket.AI_NUMERICHOST
            )
            for each in await self._guard.addresses(self._place)
        ]

    def open(self, info: AddrInfoType) -> socket.socket:
        """A socket for exactly this address, which may have been written in the URL. Raises AddressRefused."""
        family, type, protocol, _, address = info
        if not self._guard.admits(self._place, str(address[0])):
            raise AddressRefused
        return socket.socket(family, type, protocol)

    async def close(self) -> None:
        """There is nothing to close."""


def place_called(url: URL) -> Place:
    """The host and the port of a URL."""
    return (url.raw_host or "").lower(), url.port or 0


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def public(address: IPv4Address | IPv6Address) -> bool:
    """Whether the address is somebody's in the internet, and not of a network of our own."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        return public(address.ipv4_mapped)
    inward = any(address in network for network in _INWARD if network.version == address.version)
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified or inward)
