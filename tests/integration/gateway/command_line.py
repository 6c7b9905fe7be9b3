"""The ``homeward`` command line before a suite of this process."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from typer.testing import CliRunner

from services.__main__ import app
from shared.auth.principal import EVERY_OFFICE, Principal
from shared.auth.roles import Role
from tests.integration.gateway.suite import Suite
from tests.support.bench import eventually

Command = Callable[..., Any]


@asynccontextmanager
async def command_line(
    suite: Suite, *roles: Role, offices: tuple[str, ...] = (EVERY_OFFICE,)
) -> AsyncIterator[Command]:
    """Reaches the suite's gateway over a real socket, as somebody with these roles."""
    config = uvicorn.Config(suite.apps["gateway"], port=0, lifespan="off", log_config=None, timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    serving = asyncio.create_task(server.serve())
    await eventually(lambda: _listens(server))
    port = server.servers[0].sockets[0].getsockname()[1]
    token = suite.signer.issue(Principal("user:amina", "amina", frozenset(roles), frozenset(offices)))
    where = {"HOMEWARD_URL": f"http://127.0.0.1:{port}", "HOMEWARD_TOKEN": token, "HOMEWARD_DATA": str(suite.folder)}

    async def command(*words: str) -> Any:
        return await asyncio.to_thread(CliRunner().invoke, app, list(words), env=where)

    yield command
    server.should_exit = True
    await serving


async def _listens(server: uvicorn.Server) -> bool:
    return server.started
