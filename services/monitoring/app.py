"""Monitoring, put together."""

from pathlib import Path

from fastapi import FastAPI

from services.monitoring import api, outgoing, usecases
from services.monitoring.handlers import HANDLERS, LEARNING
from services.monitoring.repository import Unit, newly_overdue
from services.monitoring.settings import Settings
from shared.clock import ProgrammeClock
from shared.contracts import monitoring as contracts
from shared.contracts import reintegration, screening
from shared.messaging.bus import Bus
from shared.persistence.database import Database
from shared.scheduler import Scheduled
from shared.service import Service
from shared.telemetry import Telemetry
from shared.web.clients import Connect

SCHEDULED = (Scheduled("follow-up-overdue", due=newly_overdue, run=usecases.mark_overdue),)


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
        name="monitoring",
        source=contracts.SOURCE,
        settings=settings,
        unit=Unit,
        publish=outgoing.publish,
        handlers=HANDLERS,
        learning=LEARNING,
        follows=(reintegration.SOURCE, screening.SOURCE),
        scheduled=SCHEDULED,
        routers=[api.router],
        migrations=Path(__file__).parent / "migrations",
        bus=bus,
        database=database,
        clock=clock,
        connect=connect,
        telemetry=telemetry,
    ).app
