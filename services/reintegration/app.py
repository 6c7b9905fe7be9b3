"""Reintegration, put together."""

from pathlib import Path

from fastapi import FastAPI

from services.reintegration import api, outgoing
from services.reintegration.handlers import HANDLERS, LEARNING
from services.reintegration.repository import Unit
from services.reintegration.settings import Settings
from shared.clock import ProgrammeClock
from shared.contracts import reintegration as contracts
from shared.contracts import screening, travel
from shared.messaging.bus import Bus
from shared.persistence.database import Database
from shared.service import Service
from shared.telemetry import Telemetry
from shared.web.clients import Connect


def create_app(
    settings: Settings,
    *,
    bus: Bus | None = None,
    database: Database | None = None,
    clock: ProgrammeClock | None = None,
    connect: Connect | None = None,
    telemetry: Telemetry | None = None,
) -> FastAPI:
    """The service as an application whose lifespan starts and stops it."""
    return Service(
        name="reintegration",
        source=contracts.SOURCE,
        settings=settings,
        unit=Unit,
        publish=outgoing.publish,
        handlers=HANDLERS,
        learning=LEARNING,
        follows=(screening.SOURCE, travel.SOURCE),
        routers=[api.router],
        migrations=Path(__file__).parent / "migrations",
        bus=bus,
        database=database,
        clock=clock,
        connect=connect,
        telemetry=telemetry,
    ).app
