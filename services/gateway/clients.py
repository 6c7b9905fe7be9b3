"""The services behind the gateway: asked on a caller's behalf, with a pass that is good at that service alone."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from services.gateway.passes import NoSigningKey, Passes
from shared.auth.principal import Principal
from shared.errors import Unavailable
from shared.telemetry import current_traceparent
from shared.web.clients import Clients
from shared.web.restoring import ANSWERED

#: Those that publish events.
PRODUCERS = ("screening", "travel", "reintegration", "monitoring")
SERVICES = (*PRODUCERS, "partners")

#: Seconds that a read which only adds to an answer may take; the rest of the answer doesn't wait longer.
PATIENCE = 2.0


class ServiceDown(Unavailable):
    """A service can't be reached; nothing was changed unless an answer says so: send it again with the same key."""

    def __init__(self, service: str) -> None:
        super().__init__(
            f"The service {service} can't be reached: try again shortly, with the same key.", service=service
        )


@dataclass(frozen=True)
class Asked:
    """What the services answered: a service that refuses has no answer, one that is down is a gap."""

    answers: Mapping[str, Any]
    gaps: list[str]


@dataclass(frozen=True)
class Neighbours:
    """The clients of the services, by name."""

    client: Clients
    #: What services are shown in place of the caller's token.
    passes: Passes | None = None

    async def send(
        self,
        service: str,
        method: str,
        url: str,
        *,
        token: str,
        emergency: Principal | None = None,
        headers: Mapping[str, str] | None = None,
        **content: Any,
    ) -> httpx.Response:
        """Whatever the service answers; ``emergency``: as whom it is asked instead, for one case's file.

        Raises ServiceDown when it doesn't answer, and NoSigningKey.
        """
        # The caller's own token is good elsewhere too: no service sees it.
        if self.passes is None:
            raise NoSigningKey
        shown = self.passes.of(emergency, service) if emergency else await self.passes.shown(token, service)
        sent = {**(headers or {}), "Authorization": f"Bearer {shown}"}
        if traceparent := current_traceparent():
            sent["traceparent"] = traceparent
        try:
            # A caller's header may hold any byte, and it is the service that says what is wrong with it.
            raw = [(name.encode(), value.encode("latin-1")) for name, value in sent.items()]
            client = self.client(service, replicas=url.partition("?")[0] in ANSWERED)
            return await client.request(method, url, headers=raw, **content)
        except httpx.TransportError as error:
            raise ServiceDown(service) from error

    async def answer(self, service: str, method: str, url: str, *, token: str, **content: Any) -> Any:
        """The JSON that the service answers, None when it refuses. Raises ServiceDown when it is down or failing."""
        try:
            async with asyncio.timeout(PATIENCE):
                response = await self.send(service, method, url, token=token, **content)
        except TimeoutError as error:
            raise ServiceDown(service) from error
        if response.is_server_error:
            raise ServiceDown(service)
        return response.json() if response.is_success else None

    async def ask_each(self, urls: Mapping[str, str], *, token: str, headers: Mapping[str, str] | None = None) -> Asked:
        """One read of each service, all at once."""
        replies = await asyncio.gather(
            *(self.answer(service, "GET", url, token=token, headers=headers) for service, url in urls.items()),
            return_exceptions=True,
        )
        answers, gaps = {}, []
        for service, reply in zip(urls, replies, strict=True):
            if isinstance(reply, ServiceDown):
                gaps.append(service)
            elif isinstance(reply, BaseException):
                raise reply
            elif reply is not None:
                answers[service] = reply
        return Asked(answers, gaps)
