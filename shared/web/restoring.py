"""Nothing is done for anybody while a service waits to go on after its database was set back."""

from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send

from shared.errors import Unavailable
from shared.web.limits import PROBES

#: What is answered all the same: whether it is ready and why not, and the reports for which it waits.
_ANSWERED = PROBES | {"/health", "/restoration/positions"}


class Restoring(Unavailable):
    """The database was set back to an earlier moment, and the others have not all said yet what they have of it."""


class Restorations:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, *, under_way: Callable[[], bool]) -> None:
        self.app, self._under_way = app, under_way

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and self._under_way() and scope["path"] not in _ANSWERED:
            raise Restoring(retry_after=2)
        await self.app(scope, receive, send)
