"""Where webhooks may go: public addresses by HTTPS, and hosts of our own network that the settings name.

A name is resolved here, and the connection goes to the address that was looked at: a name that points elsewhere a
moment later leads nowhere else.
"""

import asyncio
import socket
from collections.abc import Iterable
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
#: A name server that doesn't answer keeps a thread for some ten seconds.
_RESOLVERS = 16


class AddressRefused(Invalid):
    """Webhooks go by HTTPS to a public address: give another URL, or ask the programme to allow this host."""


class Guarded(httpcore.AsyncNetworkBackend):
    """Connections to where webhooks may go. ``private``: hosts that may be anywhere."""

    def __init__(self, private: Iterable[str] = (), inner: httpcore.AsyncNetworkBackend | None = None) -> None:
        self.private = frozenset(each.lower() for each in private)
        self._inner = inner or httpcore.AnyIOBackend()
        # Others use the loop's own threads.
        self._threads = ThreadPoolExecutor(_RESOLVERS, thread_name_prefix="webhook-resolver")

    def check(self, url: str) -> SplitResult:
        """The URL's parts. Raises AddressRefused."""
        try:
            parts = urlsplit(url)
            parts.port  # noqa: B018  it is looked at when it is asked for
        except ValueError:
            raise AddressRefused from None
        allowed = ("https", "http") if (parts.hostname or "") in self.private else ("https",)
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
        if host.lower() not in self.private and not all(map(public, addresses)):
            raise AddressRefused
        return list(dict.fromkeys(addresses))


def public(address: IPv4Address | IPv6Address) -> bool:
    """Whether the address is somebody's in the internet, and not of a network of our own."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        return public(address.ipv4_mapped)
    inward = any(address in network for network in _INWARD if network.version == address.version)
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified or inward)
