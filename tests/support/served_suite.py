"""The whole suite in a thread of its own, each service at a port: for programs that ask it from outside."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.embedded import SERVICES, EmbeddedSuite
from services.servers.server import free_ports
from shared.serving import Server
from tests.support.bench import eventually
from tests.support.suite import embedded


@dataclass(frozen=True)
class Served:
    """Where the services are, and what was prepared in them."""

    ports: dict[str, int]
    prepared: Any

    def url(self, service: str) -> str:
        """A service's address."""
        return f"http://127.0.0.1:{self.ports[service]}"


@contextmanager
def served(data: Path, prepare: Callable[[EmbeddedSuite], Awaitable[Any]]) -> Iterator[Served]:
    """The suite after ``prepare``, until the block ends."""
    ready: Future[Served] = Future()
    end = threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(_serve(data, prepare, ready, end)), name="served suite")
    thread.start()
    try:
        yield ready.result(120)
    finally:
        end.set()
        thread.join(60)


async def _serve(
    data: Path, prepare: Callable[[EmbeddedSuite], Awaitable[Any]], ready: "Future[Served]", end: threading.Event
) -> None:
    try:
        async with AsyncExitStack() as stack:
            suite = await stack.enter_async_context(embedded(data))
            ports = dict(zip(SERVICES, free_ports(len(SERVICES)), strict=True))
            for name, port in ports.items():
                await _listen(stack, suite, name, port)
            ready.set_result(Served(ports, await prepare(suite)))
            await asyncio.to_thread(end.wait)
    except BaseException as error:
        if ready.done():
            raise
        ready.set_exception(error)


async def _listen(stack: AsyncExitStack, suite: EmbeddedSuite, name: str, port: int) -> None:
    server = Server(suite.apps[name], lambda: None, host="127.0.0.1", port=port, lifespan="off")
    server.leave_signals_alone()
    serving = asyncio.create_task(server.serve(), name=f"{name} at its port")

    async def started() -> bool:
        return server.started

    async def stop() -> None:
        server.should_exit = True
        with suppress(SystemExit):
            await serving

    stack.push_async_callback(stop)
    await eventually(started, seconds=10)
