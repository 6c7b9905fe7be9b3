"""Where webhooks may go: public addresses by HTTPS, and what of our own network the settings name for that agency.

A name is resolved here, and the connection goes to the address that was looked at: a name that points elsewhere a
moment later leads nowhere else.
"""

import asyncio
import socket
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any
from urllib.parse import SplitResult, urlsplit

import httpcore

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

    def __init__(
        self, private: Mapping[str, Iterable[str]] | None = None, inner: httpcore.AsyncNetworkBackend | None = None
    ) -> None:
        # Others use the loop's own threads.
        threads = ThreadPoolExecutor(_RESOLVERS, thread_name_prefix="webhook-resolver")
        inner = inner or httpcore.AnyIOBackend()
        self._everybody = Guarded(frozenset(), inner, threads)
        self._own = {
            agency: Guarded(frozenset(map(place_of, places)), inner, threads)
            for agency, places in (private or {}).items()
        }

    def of(self, agency: str) -> "Guarded":
        """The agency's."""
        return self._own.get(agency, self._everybody)


class Guarded(httpcore.AsyncNetworkBackend):
    """Connections to where webhooks may go. ``private``: places that may be anywhere."""

    def __init__(
        self, private: frozenset[Place], inner: httpcore.AsyncNetworkBackend, threads: ThreadPoolExecutor
    ) -> None:
        self._private, self._inner, self._threads = private, inner, threads

    def check(self, url: str) -> SplitResult:
        """The URL's parts. Raises AddressRefused."""
        try:
            parts = urlsplit(url)
            place = (parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 0))
        except ValueError:
            raise AddressRefused from None
        allowed = ("https", "http") if place in self._private else ("https",)
        if not url.isascii() or not parts.hostname or "@" in parts.netloc:
            raise AddressRefused
        if parts.scheme not in allowed or parts.fragment:
            raise AddressRefused
        return parts

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  httpcore's own signature
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """A connection to the host, at an address that was looked at."""
        failure: Exception = httpcore.ConnectError(f"{host} has no address")
        try:
            async with asyncio.timeout(timeout):
                for address in await self._addresses(host, port):
                    try:
                        return await self._inner.connect_tcp(str(address), port, None, local_address, socket_options)
                    except httpcore.ConnectError as error:
                        failure = error
        except TimeoutError as error:
            raise httpcore.ConnectTimeout from error
        raise failure

    async def connect_unix_socket(self, *_: Any, **__: Any) -> httpcore.AsyncNetworkStream:
        raise AddressRefused

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def _addresses(self, host: str, port: int) -> list[IPv4Address | IPv6Address]:
        """Raises AddressRefused if any of them leads inward: who mixes them is up to something."""
        loop = asyncio.get_running_loop()
        try:
            found = await loop.run_in_executor(
                self._threads, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            )
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"{host} can't be found") from error
        addresses = [ip_address(each[4][0]) for each in found]
        if (host.lower().strip("[]"), port) not in self._private and not all(map(public, addresses)):
            raise AddressRefused
        return list(dict.fromkeys(addresses))


def public(address: IPv4Address | IPv6Address) -> bool:
    """Whether the address is somebody's in the internet, and not of a network of our own."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        return public(address.ipv4_mapped)
    inward = any(address in network for network in _INWARD if network.version == address.version)
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified or inward)
