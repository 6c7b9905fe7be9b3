"""The partners' service, put together."""

from pathlib import Path

from fastapi import FastAPI

from services.partners import registry
from services.partners.access import Access
from services.partners.amqp.delivery import AmqpDelivery
from services.partners.answering import answering
from services.partners.api import (
    access,
    acknowledgements,
    agencies,
    agreements,
    answers,
    contents,
    contracts,
    deliveries,
    feed,
    figures,
    preview,
    referrals,
    subjects,
    subscriptions,
    suspending,
    webhooks,
)
from services.partners.arrivals import Arrivals
from services.partners.cursors import bounding, restored
from services.partners.expiring import FORGETTING
from services.partners.feeds import Feeds
from services.partners.handlers import FOLLOWS, HANDLERS
from services.partners.health.gauges import Gauges
from services.partners.health.tombstones import ESCALATIONS
from services.partners.issuing import figures_due
from services.partners.keys import AgencyKeys
from services.partners.names import Names
from services.partners.neighbours import Neighbours
from services.partners.repository import Unit
from services.partners.settings import Settings
from services.partners.webhooks.calls import Caller
from services.partners.webhooks.sender import Sender
from shared.clock import ProgrammeClock
from shared.messaging.bus import Bus
from shared.persistence.database import Database
from shared.service import Service
from shared.telemetry import Telemetry
from shared.web.clients import Connect
from shared.web.rates import Buckets, rates

ROUTERS = (
    agencies.router,
    access.router,
    suspending.router,
    agreements.router,
    subscriptions.router,
    preview.router,
    figures.router,
    feed.router,
    webhooks.router,
    deliveries.router,
    acknowledgements.router,
    contracts.router,
    referrals.router,
    answers.router,
    contents.router,
    subjects.router,
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
    """The service as an application whose lifespan starts and stops it."""

    def heard() -> bool:
        return service.reconciler.complete

    service = Service(
        name="partners",
        settings=settings,
        unit=Unit,
        restored=restored,
        handlers=HANDLERS,
        follows=FOLLOWS,
        routers=ROUTERS,
        guards=[rates(settings)],
        scheduled=[*ESCALATIONS, *FORGETTING, bounding(heard), *figures_due(heard)],
        migrations=Path(__file__).parent / "migrations",
        bus=bus,
        database=database,
        clock=clock,
        connect=connect,
        telemetry=telemetry,
    )
    registry.equip(service.database)
    state = service.app.state
    state.arrivals = Arrivals(service.database)
    service.also_run(state.arrivals.run)
    state.names = Names(lambda: service.client("screening"))
    state.feeds = Feeds(service.database, state.desk.trail)
    state.provider = AgencyKeys(service.database, state.provider)
    state.access = Access(state.desk)
    state.claims = Buckets(1 / settings.claims_every_seconds, settings.claims_burst)
    caller = Caller(settings.webhook_private_hosts)
    state.sender = Sender(state.desk, state.arrivals, state.names, caller, settings.public_url.rstrip("/"))
    service.also_run(state.sender.run)
    service.also_run(Gauges(state.desk, state.sender, service.telemetry.metrics).run)
    counter = service.telemetry.metrics.count(
        "homeward.partners.answers", "{answer}", "Answers of agencies, by type and by what became of them."
    )
    state.answering = answering(state.desk, Neighbours(service.client), counter)
    _deliver_by_amqp(service, settings)
    service.consumer.after_commit(lambda events, _: state.arrivals.wake() if events else None)
    return service.app


def _deliver_by_amqp(service: Service, settings: Settings) -> None:
    """None of it without a broker that agencies use."""
    state = service.app.state
    state.amqp = None
    if settings.by_amqp:
        delivery = state.amqp = AmqpDelivery(
            state.desk,
            state.arrivals,
            state.names,
            base=settings.public_url.rstrip("/"),
            broker_url=settings.agencies_amqp_url.get_secret_value(),
            management_url=settings.agencies_management_url.get_secret_value(),
            public_url=settings.agencies_amqp_public_url,
            prefix=settings.agencies_amqp_prefix,
        )
        service.also_run(delivery.sender.run)
        service.also_run(delivery.reconciler.run)
