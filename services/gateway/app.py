"""The gateway put together."""

from functools import partial
from pathlib import Path

from fastapi import FastAPI

from services.gateway import (
    accounts,
    api,
    audit,
    break_glass,
    console,
    description,
    emergencies,
    notices,
    own_account,
    passing,
    repair,
    sessions,
    sign_in,
    subjects,
    suite,
)
from services.gateway.admission import Admission
from services.gateway.clients import Neighbours
from services.gateway.description import Description
from services.gateway.handlers import FOLLOWS, HANDLERS
from services.gateway.oidc import provider_sign_in_of
from services.gateway.passes import Passes
from services.gateway.repository import PROJECTION, Unit
from services.gateway.settings import Settings
from services.gateway.stream import Stream
from shared.clock import ProgrammeClock
from shared.messaging.bus import Bus
from shared.persistence.database import Database
from shared.service import Service
from shared.telemetry import Telemetry
from shared.web.access import SESSION_COOKIE, whose
from shared.web.clients import Connect
from shared.web.rates import rates

MIGRATIONS = Path(__file__).parent / "migrations"
#: In order: what passes requests on takes every path below /api that is left.
ROUTERS = (
    description.router,
    sign_in.router,
    own_account.router,
    accounts.router,
    suite.dates,
    suite.router,
    repair.router,
    audit.router,
    break_glass.router,
    notices.router,
    subjects.router,
    api.router,
    passing.router,
    console.router,
)


def create_app(
    settings: Settings,
    *,
    bus: Bus | None = None,
    database: Database | None = None,
    clock: ProgrammeClock | None = None,
    connect: Connect | None = None,
    telemetry: Telemetry | None = None,
) -> FastAPI:
    """The gateway as an ASGI application; ``connect`` gives the client of each service."""
    service = Service(
        name="gateway",
        settings=settings,
        unit=Unit,
        handlers=HANDLERS,
        follows=FOLLOWS,
        migrations=MIGRATIONS,
        routers=ROUTERS,
        projection=PROJECTION,
        guards=[rates(settings)],
        scheduled=[emergencies.REASONS_DUE],
        bus=bus,
        database=database,
        clock=clock,
        connect=connect,
        telemetry=telemetry,
    )
    # FastAPI's own route would serve the gateway's part alone, and comes first.
    routes = service.app.router.routes
    routes[:] = [route for route in routes if getattr(route, "path", None) != service.app.openapi_url]
    state = service.app.state
    state.session_cookie = SESSION_COOKIE
    state.sessions = sessions.sessions_of(settings)
    state.signer = break_glass.signer_of(settings)
    state.provider_sign_in = provider_sign_in_of(settings, state.provider)
    if state.sessions:
        state.verifier = Admission(state.verifier, state.sessions)
    passes = Passes(state.signer, partial(whose, service.app)) if state.signer else None
    state.neighbours = Neighbours(service.client, passes)
    state.description = Description(state.neighbours)
    state.stream = Stream(service.database)
    service.when_stopping(state.stream.end)
    service.consumer.after_commit(lambda events, _: state.stream.wake() if events else None)
    return service.app
