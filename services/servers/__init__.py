"""Real servers for tests and demonstrations, from the first rung of a ladder that holds on this machine.

PostgreSQL: HOMEWARD_POSTGRES_URL, Docker, installed programs, the wheel.
RabbitMQ: HOMEWARD_AMQP_URL, Docker, installed programs, Debian's package when we are root.
"""

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import asyncpg  # type: ignore[import-untyped]
from sqlalchemy import make_url

from services.servers.debian import may_install
from services.servers.docker import docker_postgres, docker_rabbitmq, docker_works
from services.servers.postgres import LocalPostgres, WheelPostgres, installed_postgres
from services.servers.rabbitmq import LocalRabbitMQ, install_rabbitmq, installed_rabbitmq
from services.servers.server import ExternalServer, Server, ServerUnavailable, in_own_loop, plain

__all__ = [
    "LocalRabbitMQ",
    "Server",
    "ServerUnavailable",
    "create_database",
    "fresh_database",
    "local_postgres",
    "local_rabbitmq",
    "postgres_server",
    "rabbitmq_server",
]

Rung = tuple[str, Callable[[], Server]]


@contextmanager
def postgres_server() -> Iterator[Server]:
    """`url` is SQLAlchemy's, of a user who may create databases."""
    with _first_that_starts(postgres_rungs(), "install Docker or PostgreSQL 15 or newer") as server:
        yield server


@contextmanager
def rabbitmq_server() -> Iterator[Server]:
    with _first_that_starts(rabbitmq_rungs(), "install Docker or RabbitMQ 3.10 or newer") as server:
        yield server


def local_postgres() -> Server:
    """One of this machine's own programs, started: what is to be killed and watched must be a process of ours."""
    return _climb(_local_postgres_rungs(), "install PostgreSQL 15 or newer")


def local_rabbitmq() -> LocalRabbitMQ:
    """RabbitMQ's programs on this machine, started; installed before when we may."""
    server = _climb(_local_rabbitmq_rungs(), "install RabbitMQ 3.10 or newer")
    assert isinstance(server, LocalRabbitMQ)
    return server


def create_database(server_url: str) -> str:
    """Creates an empty database that nobody else uses; returns its URL. It is there for as long as the server."""
    name = f"hw_{secrets.token_hex(6)}"
    _execute(server_url, f"CREATE DATABASE {name}")
    return make_url(server_url).set(database=name).render_as_string(hide_password=False)


@contextmanager
def fresh_database(server_url: str) -> Iterator[str]:
    """The URL of an empty database that nobody else uses, and that is gone afterwards, whoever is still connected."""
    url = create_database(server_url)
    try:
        yield url
    finally:
        # Of a server that is gone, so is it.
        with suppress(OSError):
            _execute(server_url, f"DROP DATABASE IF EXISTS {make_url(url).database} WITH (FORCE)")


def _execute(server_url: str, statement: str) -> None:
    async def execute() -> None:
        connection = await asyncpg.connect(plain(server_url), timeout=30)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    in_own_loop(execute)


def postgres_rungs() -> Iterator[Rung]:
    if url := os.environ.get("HOMEWARD_POSTGRES_URL"):
        yield "HOMEWARD_POSTGRES_URL", lambda: ExternalServer(_with_driver(url))
        return
    if docker_works():
        yield "Docker", docker_postgres
    yield from _local_postgres_rungs()


def _local_postgres_rungs() -> Iterator[Rung]:
    for folder in installed_postgres():
        yield str(folder), lambda folder=folder: LocalPostgres(folder)  # type: ignore[misc]
    yield "the wheel", WheelPostgres


def rabbitmq_rungs() -> Iterator[Rung]:
    if url := os.environ.get("HOMEWARD_AMQP_URL"):
        yield "HOMEWARD_AMQP_URL", lambda: ExternalServer(url)
        return
    if docker_works():
        yield "Docker", docker_rabbitmq
    yield from _local_rabbitmq_rungs()


def _local_rabbitmq_rungs() -> Iterator[Rung]:
    if script := installed_rabbitmq():
        yield str(script), lambda: LocalRabbitMQ(script)
    elif may_install():
        yield "Debian's package", _installed_now


def _installed_now() -> Server:
    install_rabbitmq()
    script = installed_rabbitmq()
    if script is None:
        raise ServerUnavailable("the package holds no rabbitmq-server")
    return LocalRabbitMQ(script)


def _with_driver(url: str) -> str:
    return make_url(url).set(drivername="postgresql+asyncpg").render_as_string(hide_password=False)


@contextmanager
def _first_that_starts(rungs: Iterator[Rung], advice: str) -> Iterator[Server]:
    server = _climb(rungs, advice)
    try:
        yield server
    finally:
        server.close()


def _climb(rungs: Iterator[Rung], advice: str) -> Server:
    reasons = []
    for name, make in rungs:
        try:
            return make().__enter__()
        except Exception as error:  # noqa: BLE001  whatever it is, the next rung may hold, and the reason is told if none does
            reasons.append(f"{name}: {error}")
    raise ServerUnavailable("; ".join([*reasons, advice]))
