"""HTTP clients between services: the service's own token, the trace passed on, short timeouts."""

from collections.abc import Callable

import httpx

from shared.settings import ServiceSettings
from shared.telemetry import Telemetry

#: Gives the client for a service's name.
Connect = Callable[[str], httpx.AsyncClient]


def connect_over_http(settings: ServiceSettings, telemetry: Telemetry) -> Connect:
    """Clients that go over the network, to the addresses in the settings."""

    def connect(service: str) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            base_url=settings.url_of(service),
            headers={"Authorization": f"Bearer {settings.service_token}"},
            timeout=httpx.Timeout(10, connect=2),
            transport=telemetry.transport(),
        )

    return connect
