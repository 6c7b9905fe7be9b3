"""Travel's parts put together."""

from pathlib import Path

from fastapi import FastAPI

from services.travel import outgoing
from services.travel.api import cases, departure, flights, subjects
from services.travel.handlers import HANDLERS
from services.travel.repository import Unit
from services.travel.scheduled import SCHEDULED
from services.travel.settings import Settings
from shared.clock import ProgrammeClock
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
    """The service; what is not given is made from the settings."""
    return Service(
        name="travel",
        source=travel.SOURCE,
        settings=settings,
        unit=Unit,
        publish=outgoing.publish,
        handlers=HANDLERS,
        follows=(screening.SOURCE,),
        scheduled=SCHEDULED,
        migrations=Path(__file__).parent / "migrations",
        routers=[cases.router, flights.router, departure.router, subjects.router],
        bus=bus,
        database=database,
        clock=clock,
        connect=connect,
        telemetry=telemetry,
    ).app
