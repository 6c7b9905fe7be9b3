"""The suite in one process: every service on one event loop, PostgreSQL as our own child, the in-process bus."""

import asyncio
import importlib
import socket
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
from fastapi import FastAPI

from services.credentials import Credentials
from services.registers import Registers
from shared.auth.keys import public_pem
from shared.messaging.inprocess import InProcessBus
from shared.persistence.embedded import EmbeddedPostgres
from shared.process import collect_rarely
from shared.serving import Server
from shared.telemetry import Telemetry

SERVICES = ("screening", "travel", "reintegration", "monitoring", "partners", "gateway")


#: Reached from outside: the gateway by operators, the partners' service by agencies.
_PUBLIC = ("gateway", "partners")


class PortTaken(Exception):
    """The port is in use: give another with --port or --agencies-port."""


class EmbeddedSuite:
    """All services, started in order and stopped in order. Use with ``async with``."""

    def __init__(
        self,
        data: Path,
        *,
        port: int | None = None,
        agencies_port: int | None = None,
        simulated: datetime | None = None,
        progress: Callable[[str], None] = lambda _: None,
        telemetry: Callable[[str], Telemetry] = Telemetry,
    ) -> None:
        self.data, self.simulated, self.progress = data, simulated, progress
        ports = zip(_PUBLIC, (port, agencies_port), strict=True)
        self._ports = {name: number for name, number in ports if number is not None}
        self.registers = Registers(data / "erasures")
        self.apps: dict[str, FastAPI] = {}
        self.credentials: dict[str, tuple[str, str]] = {}
        self.url, self.agencies_url = self._url("gateway"), self._url("partners")
        self._telemetry = telemetry
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def _start(self) -> None:
        listening = {name: self._listen(port) for name, port in self._ports.items()}
        postgres = await self._stack.enter_async_context(
            EmbeddedPostgres(self.data / "postgres", on_progress=self.progress)
        )
        self.accounts = await asyncio.to_thread(Credentials, self.data, simulated_people=self.simulated is not None)
        self.accounts.identify(SERVICES)
        self.credentials = self.accounts.by_role
        self.bus = InProcessBus()
        self.registers.begin()
        await postgres.forget_replacements(SERVICES)
        for name in SERVICES:
            await postgres.ensure_database(name)
            self.apps[name] = self._create(name, postgres.url(name))
        for name in SERVICES:
            self.progress(f"starting {name}")
            await self._stack.enter_async_context(self.apps[name].router.lifespan_context(self.apps[name]))
        await self._restored()
        self.gateway = await self._stack.enter_async_context(self._client("gateway"))
        collect_rarely()
        for name, taken in listening.items():
            await self._serve(name, taken)

    async def _restored(self) -> None:
        """Wait for those whose database was set back; the others tell them what they have of it."""
        for name, app in self.apps.items():
            if app.state.service.restoration.under_way:
                self.progress(f"{name} was set back to an earlier moment; the others tell what it has lost")
                await app.state.service.restoration.over.wait()

    def _create(self, name: str, database_url: str) -> FastAPI:
        package = importlib.import_module(f"services.{name}.app")
        settings = importlib.import_module(f"services.{name}.settings").Settings
        telemetry = self._telemetry(name)
        values: dict[str, Any] = {
            "database_url": database_url,
            "public_key": public_pem(self.accounts.key),
            "identity_key": str(self.accounts.identity_file(name)),
            "service_keys": str(self.accounts.service_keys_file),
            "environment": "demo" if self.simulated else "production",
            "clock_start": self.simulated,
            "audit_key": self.accounts.audit_key(name),
            "audit_export": self.accounts.audit_export,
        }
        values |= {"key_file": self.accounts.keys_file, "erasures": self.registers.of(name)}
        if name == "partners":
            values["public_url"] = self.agencies_url
        if name in _PUBLIC:
            # The simulator plays everybody at once, by one account for each role.
            values |= {"requests_per_second": 2000, "burst": 20_000} if self.simulated else {}
        if name == "gateway":
            values |= {"private_key": self.accounts.key_file, "accounts": self.accounts.accounts_file}
            # It listens on loopback: a second factor is offered.
            values["second_factor_roles"] = frozenset()
        app: FastAPI = package.create_app(
            settings.read(**values),
            bus=self.bus,
            connect=lambda other: self._client(other, telemetry),
            telemetry=telemetry,
        )
        return app

    def _client(self, name: str, telemetry: Telemetry | None = None) -> httpx.AsyncClient:
        transport: httpx.AsyncBaseTransport = _InProcess(self.apps, name)
        return httpx.AsyncClient(
            transport=telemetry.transport(transport) if telemetry else transport,
            base_url=f"http://{name}",
            timeout=60,
        )

    def _url(self, name: str) -> str:
        port = self._ports.get(name)
        return f"http://127.0.0.1:{port}" if port else f"http://{name}"

    def _listen(self, port: int) -> socket.socket:
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._stack.callback(listening.close)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind(("127.0.0.1", port))
        except OSError:
            raise PortTaken(f"port {port} is in use: give another with --port or --agencies-port") from None
        return listening

    async def _serve(self, name: str, listening: socket.socket) -> None:
        app = self.apps[name]
        server = Server(app, app.state.service.leave, lifespan="off")
        # The command line decides about them.
        server.leave_signals_alone()
        serving = asyncio.create_task(server.serve(sockets=[listening]))

        async def stop() -> None:
            server.should_exit = True
            await asyncio.gather(serving, return_exceptions=True)

        self._stack.push_async_callback(stop)


class _InProcess(httpx.AsyncBaseTransport):
    """Requests to a service of this process; a service that isn't there yet can't be connected to."""

    def __init__(self, apps: dict[str, FastAPI], name: str) -> None:
        self._apps, self._name = apps, name

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        app = self._apps.get(self._name)
        if app is None or not app.state.service.started:
            raise httpx.ConnectError(f"{self._name} is not there", request=request)
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        return await transport.handle_async_request(request)
