"""The HTTP server of a process, and its end: who is told to stop takes nothing new and finishes what is short."""

import asyncio
import os
from collections.abc import Callable
from contextlib import nullcontext
from signal import SIGINT, SIGTERM
from threading import Timer
from types import FrameType
from typing import Any

import structlog
import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.errors import Stopping
from shared.web.problems import problem_response

log = structlog.get_logger()

#: Seconds that requests under way get: streams end by themselves, and no command takes so long.
GRACE = 4
#: Seconds after which a process that was told to stop is gone in any case: orchestrators often wait 30 s, then kill.
LIMIT = 14.0


class Server(uvicorn.Server):
    """Calls ``leave`` once it is told to stop, before it waits for requests to end."""

    def __init__(self, app: ASGIApp, leave: Callable[[], None], trusted_proxies: str = "", **config: Any) -> None:
        async def answered(scope: Scope, receive: Receive, send: Send) -> None:
            await self._answer(app, scope, receive, send)

        config |= {"log_config": None, "timeout_graceful_shutdown": GRACE}
        # Nobody needs to know what serves.
        config |= {"server_header": False}
        # Uvicorn's default believes whoever connects over loopback.
        config |= {"proxy_headers": bool(trusted_proxies), "forwarded_allow_ips": trusted_proxies}
        super().__init__(uvicorn.Config(answered, **config))
        self._leave = leave

    async def _answer(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """Who is still here when the grace is over is told so; an answer that has begun breaks off.

        This concerns requests from outside: inside the process a call that is cancelled must stay so.
        """
        started = False

        async def watched_send(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await app(scope, receive, watched_send)
        except asyncio.CancelledError:
            if not self.should_exit or scope["type"] != "http":
                raise
            if not started:
                await problem_response(Stopping(), scope["path"])(scope, receive, send)

    def leave_signals_alone(self) -> None:
        """Somebody else in this process decides about them."""
        self.capture_signals = nullcontext  # type: ignore[method-assign,assignment]

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Uvicorn would raise the signal again at the end, and an orderly stop would look like a death."""
        limit_the_stop()
        self.force_exit = self.should_exit and sig == SIGINT
        self.should_exit = True

    async def shutdown(self, sockets: Any = None) -> None:
        """Begin to leave, then let requests end."""
        self._leave()
        await super().shutdown(sockets)


def limit_the_stop() -> None:
    """Whatever hangs: what is not finished then is as after a crash, and nothing is lost."""
    timer = Timer(LIMIT, _give_up)
    timer.daemon = True
    timer.start()


def end_this_process() -> None:
    """As when it is told to stop; whoever started it starts another."""
    os.kill(os.getpid(), SIGTERM)


def _give_up() -> None:
    log.error("not stopped in time, giving up", seconds=LIMIT)
    os._exit(1)
