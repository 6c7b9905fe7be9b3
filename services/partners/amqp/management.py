"""A client of RabbitMQ's management API, as far as agencies' queues need it."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx

_TIMEOUT = 10.0


class ManagementFailed(Exception):
    """The management API can't be reached, or refuses."""


@dataclass(frozen=True)
class Figure:
    """What the API says of a queue, at some time before. ``work``: changes with every figure that the queue tells."""

    messages: int | None
    work: int | None


class Management:
    """``url``: with name and password of a user with the tag ``administrator``. Every call raises ManagementFailed."""

    def __init__(self, url: str) -> None:
        whole = httpx.URL(url)
        self.user = whole.username
        auth = (whole.username, whole.password)
        base = f"{str(whole.copy_with(userinfo=b'')).rstrip('/')}/api/"
        self._client = httpx.AsyncClient(base_url=base, auth=auth, timeout=_TIMEOUT)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def listed(self, *path: str, **query: str) -> list[dict[str, Any]]:
        """All there are: vhosts, users, permissions, limits or queues."""
        found: list[dict[str, Any]] = (await self._call("GET", path, query)).json()
        return found

    async def version(self) -> int:
        """RabbitMQ's major version."""
        told = (await self._call("GET", ("overview",))).json()
        return int(str(told["rabbitmq_version"]).split(".")[0])

    async def put(self, *path: str, **body: Any) -> None:
        """Have it so."""
        await self._call("PUT", path, body=body)

    async def remove(self, *path: str) -> None:
        """Have it no more."""
        await self._call("DELETE", path, missing=True)

    async def figure(self, vhost: str, queue: str) -> Figure | None:
        """What is known of the queue; None if there is no such queue. Of one queue the API caches nothing."""
        answer = await self._call("GET", ("queues", vhost, queue), missing=True)
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        told = answer.json()
        return Figure(told.get("messages"), told.get("reductions"))

    async def _call(
        self,
        method: str,
        path: tuple[str, ...],
        query: Mapping[str, str] | None = None,
        *,
        body: Any = None,
        missing: bool = False,
    ) -> httpx.Response:
        url = "/".join(quote(part, safe="") for part in path)
        try:
            answer = await self._client.request(method, url, params=query, json=body)
        except httpx.HTTPError as error:
            raise ManagementFailed(type(error).__name__) from error
        if not answer.is_success and not (missing and answer.status_code == httpx.codes.NOT_FOUND):
            raise ManagementFailed(f"{method} {path[0]}: {answer.status_code}")
        return answer
