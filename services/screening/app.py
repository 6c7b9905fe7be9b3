"""Screening's parts put together."""

from pathlib import Path

from fastapi import FastAPI

from services.screening import outgoing
from services.screening.api import correction, erasure, reads, registration, screening, subjects
from services.screening.handlers import HANDLERS, LEARNING
from services.screening.repository import Unit
from services.screening.scheduled import scheduled
from services.screening.settings import Settings
from shared.clock import ProgrammeClock
from shared.contracts import monitoring, travel
from shared.contracts import screening as contracts
from shared.messaging.bus import Bus
from shared.persistence.database import Database
from shared.policy import Policy
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
    """The service; what is not given is made from the settings."""
    policy = Policy(settings.programme)
    return Service(
        name="screening",
        source=contracts.SOURCE,
        settings=settings,
        unit=Unit,
        publish=outgoing.publish,
        handlers=HANDLERS,
        learning=LEARNING,
        follows=(travel.SOURCE, monitoring.SOURCE),
        scheduled=scheduled(policy),
        migrations=Path(__file__).parent / "migrations",
        routers=[each.router for each in (registration, screening, correction, erasure, reads, subjects)],
        bus=bus,
        database=database,
        clock=clock,
        connect=connect,
        telemetry=telemetry,
        policy=policy,
    ).app
