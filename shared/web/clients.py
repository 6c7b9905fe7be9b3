"""HTTP clients between services: a token for each, the trace passed on, short timeouts."""

from collections.abc import Callable, Generator
from typing import Protocol

import httpx

from shared.auth.keys import read_private_key
from shared.auth.services import Identity
from shared.settings import ServiceSettings
from shared.telemetry import Telemetry

#: Gives the client for a service's name.
Connect = Callable[[str], httpx.AsyncClient]


class Clients(Protocol):
    """Gives the client with which a service calls another; ``replicas``: to be met by one that isn't ready, too."""

    def __call__(self, service: str, *, replicas: bool = False) -> httpx.AsyncClient: ...


def connect_over_http(address: Callable[[str], str], telemetry: Telemetry) -> Connect:
    """Clients that go over the network, to each service's address."""

    def connect(service: str) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            base_url=address(service),
            timeout=httpx.Timeout(10, connect=2),
            transport=telemetry.transport(),
        )

    return connect


class ServiceAuth(httpx.Auth):
    """Signs each request to another service as this one, unless it is passed on with its caller's token."""

    def __init__(self, identity: Identity, callee: str) -> None:
        self._identity, self._callee = identity, callee

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """The request with a token."""
        if "authorization" not in request.headers:
            request.headers["Authorization"] = f"Bearer {self._identity.token_for(self._callee)}"
        yield request


def identity_of(name: str, settings: ServiceSettings) -> Identity | None:
    """As whom the service calls the others, when its settings say so."""
    given = settings.identity_key.get_secret_value()
    return Identity(name, settings.read_as("identity_key", read_private_key)) if given else None
