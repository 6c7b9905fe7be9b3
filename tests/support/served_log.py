"""A bench's log behind the internal routes of a service, read over them as another service does."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace

import httpx
from fastapi import FastAPI

from shared.auth.grants import granted
from shared.auth.principal import service_principal
from shared.messaging.outbox import Log
from shared.messaging.producer_log import HttpProducerLog
from shared.web import internal


@asynccontextmanager
async def served_log(log: Log) -> AsyncIterator[HttpProducerLog]:
    """The log as ``HttpProducerLog`` reads it, without a network in between."""
    app = FastAPI()
    app.include_router(internal.router)
    app.state.service = SimpleNamespace(log=log, database=log.database)
    app.state.verifier = SimpleNamespace(
        verify=lambda token: service_principal("travel", granted("travel", "screening"))
    )
    transport, headers = httpx.ASGITransport(app), {"Authorization": "Bearer token"}
    async with httpx.AsyncClient(base_url="http://screening", transport=transport, headers=headers) as client:
        yield HttpProducerLog(client)
