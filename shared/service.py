"""A service: its parts put together, started in order, stopped in order."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from time import monotonic
from typing import Any

import httpx
import structlog
from fastapi import APIRouter, FastAPI
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.middleware import Middleware

from shared.audit.heads import Heads
from shared.audit.policies import PolicyHistory
from shared.audit.trail import Trail
from shared.auth.grants import followers
from shared.auth.keys import read_key_set, read_public_key
from shared.auth.oidc import Provider
from shared.auth.services import callers
from shared.auth.tokens import ISSUER, Operators, Verifier
from shared.clock import ProgrammeClock
from shared.health import Health
from shared.loops import start
from shared.messaging.bus import Bus, exchange_of
from shared.messaging.comparison import Comparer
from shared.messaging.consumer import Consumer
from shared.messaging.deadletters import DeadLetters
from shared.messaging.handlers import Handlers
from shared.messaging.learning import Learner, Learning
from shared.messaging.outbox import Log, Logged, Outgoing
from shared.messaging.producer_log import HttpProducerLog
from shared.messaging.rabbitmq import RabbitBus
from shared.messaging.rebuild import NO_PROJECTION, Projection, Rebuild
from shared.messaging.reconciler import Reconciler
from shared.messaging.relay import Relay
from shared.messaging.restoration import Also, Restoration, report
from shared.messaging.unreadable import Unreadables
from shared.persistence import migrations
from shared.persistence.database import Database, rows, run
from shared.persistence.sealing import erase_again, seal_everything, seals
from shared.persistence.unit_of_work import Surroundings, UnitOfWork
from shared.policy import Policy
from shared.programme import Programme
from shared.protection.register import Register
from shared.protection.vault import Vault, equip
from shared.protection.wrapping import KeysUnusable, LocalWrapping
from shared.scheduler import Scheduled, Scheduler
from shared.serving import end_this_process
from shared.settings import ServiceSettings
from shared.telemetry import RunningAs, Telemetry, running_as
from shared.web import audit, internal, keys, repair, restoring
from shared.web.clients import Connect, ServiceAuth, connect_over_http, identity_of
from shared.web.commands import Desk
from shared.web.description import describe
from shared.web.guard import guard
from shared.web.internal import RealClock

log = structlog.get_logger()

#: A queue of its own for each service, named like its exchange.
_PREFIX = "/homeward/"
#: Seconds, from the moment it is told to stop, in which a consumer finishes and acknowledges what it has in hand.
_DRAIN = 9.0


class Service:
    """One service in one process. ``app`` is its HTTP face, whose lifespan starts and stops everything."""

    def __init__(
        self,
        *,
        name: str,
        settings: ServiceSettings,
        unit: type[UnitOfWork],
        handlers: Handlers,
        follows: Sequence[str],
        migrations: Path,
        routers: Sequence[APIRouter] = (),
        source: str | None = None,
        publish: Callable[[Any], Outgoing | None] = lambda _: None,
        scheduled: Sequence[Scheduled] = (),
        projection: Projection = NO_PROJECTION,
        learning: Learning | None = None,
        restored: Also | None = None,
        guards: Sequence[Middleware] = (),
        bus: Bus | None = None,
        database: Database | None = None,
        clock: ProgrammeClock | None = None,
        connect: Connect | None = None,
        telemetry: Telemetry | None = None,
        policy: Policy | None = None,
    ) -> None:
        self.name, self.settings, self.follows = name, settings, tuple(follows)
        self.queue = f"homeward.{name}"
        self.telemetry = telemetry or Telemetry(name, otlp_endpoint=settings.otlp_endpoint or None)
        self.database = database or Database(settings.database_url, name=f"homeward {name}")
        self.vault = Vault(wrapping_of(settings)) if seals(unit) else None
        if self.vault:
            equip(self.database, self.vault)
        self.bus: Bus = bus or RabbitBus(settings.amqp_url, f"homeward {name}")
        self._owns_bus = bus is None
        self.clock = clock or ProgrammeClock(settings.clock_start)
        self.policy = policy or Policy(settings.programme)
        self.connect = connect or connect_over_http(settings.url_of, self.telemetry)
        self._connect_replicas = connect or connect_over_http(settings.replicas_of, self.telemetry)
        self._identity = identity_of(name, settings)
        self.source, self._migrations = source, migrations
        self.log = Log(self.database, source or _PREFIX + name)
        self.relay = Relay(self.log, self.bus, self.telemetry) if source else None
        lease = self.relay.lease if self.relay else None
        self.register = Register(settings.erasures)
        self._surroundings = Surroundings(source, publish, self.clock, self.policy.current, lease, self.register)
        self._unit = unit
        self._clients: dict[str, httpx.AsyncClient] = {}
        self._tasks: list[asyncio.Task[None]] = []
        #: It answers from its database; before, who asks is told to come again.
        self.started = False
        self._started_at = monotonic()
        self._leaving: asyncio.Task[None] | None = None
        #: Ends the process, to be started anew by whoever sees to it.
        self.end: Callable[[], None] = end_this_process
        self._more_loops: list[Callable[[], Coroutine[Any, Any, None]]] = []
        self._when_stopping: list[Callable[[], None]] = []
        self._guards = tuple(guards)
        self._compose(handlers, scheduled, projection)
        self.restoration = Restoration(self.database, source, followers(name), self.clock, lambda: self.end(), restored)
        self.learner = Learner(learning, self._log_of, self.database, self.unit, self.committed) if learning else None
        self.app = self._face(routers)

    def unit(self, connection: AsyncConnection, actor: str = "system") -> UnitOfWork:
        """A unit of work in a transaction."""
        return self._unit(connection, self._surroundings, actor)

    def client(self, service: str, *, replicas: bool = False) -> httpx.AsyncClient:
        """The client with which this service calls another, or itself as others do; ``replicas``: ready or not."""
        apart = replicas and self.settings.replicas_at
        key, connect = (f"{service} replicas", self._connect_replicas) if apart else (service, self.connect)
        if key not in self._clients:
            self._clients[key] = client = self._itself() if service == self.name else connect(service)
            if self._identity:
                client.auth = ServiceAuth(self._identity, service)
        return self._clients[key]

    def _itself(self) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url=f"http://{self.name}")

    def _compose(self, handlers: Handlers, scheduled: Sequence[Scheduled], projection: Projection) -> None:
        self.consumer = Consumer(self.queue, self.database, self.unit, handlers, self.telemetry, system=self.bus.system)
        self.consumer.after_commit(lambda _, logged: self.committed(logged))
        self.producers = self._producers()
        self.reconciler = Reconciler(
            self.consumer,
            self.producers,
            self.telemetry,
            on_the_bus=lambda: self.bus.waiting(self.queue),
            report=lambda source: report(self.database, source, self.producers[source].report),
        )
        self.comparer = Comparer(self.reconciler, self.follows)
        self.rebuild = Rebuild(self.consumer, self.unit, self._producers(), self._migrations, projection)
        self.scheduler = Scheduler(scheduled, self.database, self.unit, self.clock, self.committed)
        self.dead_letters = DeadLetters(self.database)
        self.unreadables = Unreadables(self.database)
        self.health = Health(self)
        self.heads = Heads(self.name, self.database, self.settings.audit_key, self.settings.audit_export)

    def _producers(self) -> dict[str, HttpProducerLog]:
        return {source: self._log_of(source.removeprefix(_PREFIX)) for source in self.follows}

    def _log_of(self, service: str) -> HttpProducerLog:
        return HttpProducerLog(self.client(service, replicas=True))

    def _face(self, routers: Sequence[APIRouter]) -> FastAPI:
        app = FastAPI(
            title=f"Homeward {self.name}",
            version="1",
            lifespan=self._lifespan,
            telemetry=self.telemetry.fastapi_config(),
            docs_url=None,
            redoc_url=None,
        )
        waiting = Middleware(restoring.Restorations, under_way=lambda: self.restoration.under_way)
        guard(app, self.settings, (*self._guards, waiting))
        app.add_middleware(RunningAs, service=self.name)
        app.state.service = self
        digest = self.vault.digest if self.vault else lambda said: hashlib.sha256(said).digest()
        app.state.desk = Desk(
            self.database, self.unit, self.clock, self.policy.current, self.committed, digest, Trail(self.name)
        )
        if self.settings.public_key:
            app.state.verifier = self._verifier()
        app.state.provider = Provider(self.settings.oidc) if self.settings.oidc else None
        own = [keys.router] if self.vault else []
        own += [audit.router, repair.router, internal.probes, internal.router, restoring.router]
        for router in (*routers, *own):
            app.include_router(router)
        describe(app)
        return app

    def _verifier(self) -> Verifier:
        given = self.settings
        services = given.read_as("service_keys", read_key_set) if given.service_keys else {}
        operators = {ISSUER: Operators(given.read_as("public_key", read_public_key), self.name)}
        return Verifier(callers(services, self.name) | operators)

    @property
    def programme(self) -> Programme:
        """The policy that is in force."""
        return self.policy.current

    @property
    def ended(self) -> list[str]:
        """Which of the loops that run as long as the service have ended."""
        return [task.get_name() for task in self._tasks if task.done()]

    @property
    def seconds_up(self) -> float:
        """Seconds since it has started."""
        return monotonic() - self._started_at

    def committed(self, logged: Sequence[Logged]) -> None:
        """These events are in the log: the relay may have them."""
        if self.relay and logged:
            self.relay.offer(logged)

    @asynccontextmanager
    async def _lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        await self.start()
        try:
            yield
        finally:
            await self.stop()

    async def start(self) -> None:
        """Migrate, join the bus, start the loops. Raises when the database can't be had."""
        await migrations.upgrade(self.database, self._migrations)
        # Before anything is recorded, and anybody can ask.
        set_back = await self.restoration.begin(cut_back=await self.heads.cut_back())
        await self.protect()
        if set_back:
            await self.heads.try_to_export()
        else:
            await self.erase_returned()
        await self.read_clock()
        await self.adopt()
        self.started = True
        self._started_at = monotonic()
        await self.bus.start()
        if self.source:
            await self.bus.declare(exchange_of(self.source))
        if set_back:
            self.reconciler.afresh = True
            self._tasks = [asyncio.create_task(self._restore(), name="restoring")]
        else:
            await self._join()

    async def _restore(self) -> None:
        with running_as(self.name):
            while self.restoration.under_way:
                try:
                    await self.restoration.run({source: log.report for source, log in self.producers.items()})
                    await self.erase_returned()
                    await self._join()
                    self._started_at = monotonic()
                    self.restoration.done()
                except Exception:
                    # Nobody is served before it is done, so it is tried until it is.
                    log.exception("restoring failed, and is tried again")
                    await asyncio.sleep(1)

    async def _join(self) -> None:
        """Take what others tell, and tell."""
        if self.follows:
            exchanges = [exchange_of(each) for each in self.follows]
            await self.bus.subscribe(self.queue, exchanges, self.consumer.receive, self.reconciler.takes_over)
        loops: list[Coroutine[Any, Any, None]] = [
            self.consumer.run(),
            self.reconciler.run(),
            self.scheduler.run(),
            self.health.watch(),
            self.restoration.watch(),
            self.heads.run(),
            self.policy.follow(self.adopt),
        ]
        loops += [self.relay.run()] if self.relay else []
        loops += [self.learner.run()] if self.learner else []
        loops += [loop() for loop in self._more_loops]
        if self.settings.environment != "production":
            loops.append(self._follow_clock())
        with running_as(self.name):
            self._tasks = start(loops, lambda: self.end())

    async def protect(self) -> None:
        """Have the keys, and seal what was written before it was sealed."""
        if self.vault:
            await self.database.retried(self.vault.open)
            await seal_everything(self.database, self.unit)

    async def erase_returned(self) -> None:
        """Erase whom a restored backup has brought back."""
        if self.vault:
            await erase_again(
                self.database, lambda each: self.unit(each, "register of erasures"), self.register.owners()
            )

    def also_run(self, loop: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Have the loop run as long as the service."""
        self._more_loops.append(loop)

    def when_stopping(self, end: Callable[[], None]) -> None:
        """Call ``end`` when the service is told to stop: for what would not end by itself, such as a live stream."""
        self._when_stopping.append(end)

    def leave(self) -> None:
        """Told to stop: the consumer drains and streams end; requests under way and the relay still go on."""
        if self._leaving is None:
            for end in self._when_stopping:
                end()
            self._leaving = asyncio.create_task(self._leave(), name=f"{self.name} leaving")

    async def _leave(self) -> None:
        ending = [self.rebuild.stop(), self.comparer.stop()]
        if self.follows:
            ending.append(self.bus.unsubscribe(self.queue))
        # What is not acknowledged by then is delivered again.
        with suppress(TimeoutError):
            async with asyncio.timeout(_DRAIN):
                await asyncio.gather(*ending)

    async def stop(self) -> None:
        """Take nothing new, drain what is being handled, close."""
        self.started = False
        self.leave()
        if self._leaving:
            await self._leaving
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self.relay:
            with suppress(OSError, SQLAlchemyError):
                await self.relay.give_back()
        await self.heads.try_to_export()
        if self._owns_bus:
            await self.bus.close()
        for client in self._clients.values():
            await client.aclose()
        await self.database.close()
        self.telemetry.shutdown()

    async def read_clock(self) -> None:
        """Take the programme's time that was set, here or by another replica."""
        async with self.database.transaction() as connection:
            found = await rows(connection, "SELECT now FROM programme_clock")
        if found and found[0].now > self.clock.now():
            self.clock.set(found[0].now)

    async def set_clock(self, now: datetime) -> None:
        """Set the programme's time, keep it, and do what falls due. Raises RealClock in production."""
        if self.settings.environment == "production":
            raise RealClock
        self.clock.set(now)
        async with self.database.transaction() as connection:
            await run(
                connection,
                """INSERT INTO programme_clock (now) VALUES (:now)
                   ON CONFLICT (one) DO UPDATE SET now = greatest(programme_clock.now, excluded.now)""",
                now=now,
            )
        await self.scheduler.run_due()

    async def adopt(self) -> None:
        """Go by the programme that is in force now: what has begun ends by the one with which it began."""
        self._surroundings.programme = self.programme
        self.app.state.desk = replace(self.app.state.desk, programme=self.programme)
        log.info("programme in force", service=self.name, sha256=self.policy.digest)
        # Where the audit is signed, it also tells by which policy everything was done.
        if self.settings.audit_key:
            await PolicyHistory(Trail(self.name), self.database, self.settings.audit_export).write_down(self.policy)

    async def _follow_clock(self) -> None:
        while True:
            await asyncio.sleep(1)
            # A database that is away for a moment has the same time afterwards.
            with suppress(OSError, SQLAlchemyError):
                await self.read_clock()


def wrapping_of(settings: ServiceSettings) -> LocalWrapping:
    """With the key-encryption keys that the settings name. Raises KeysUnusable."""
    prefix = settings.model_config["env_prefix"]
    if settings.key_file is None and not settings.keys.get_secret_value():
        raise KeysUnusable(f"set {prefix}KEY_FILE or {prefix}KEYS: personal data are sealed with keys from there")
    return LocalWrapping(path=settings.key_file, text=settings.keys.get_secret_value())
