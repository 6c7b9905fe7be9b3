import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import aio_pika
import psutil  # type: ignore[import-untyped]
import pytest
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import create_async_engine

from services import servers
from services.servers import create_database, fresh_database, postgres_server, rabbitmq_server
from services.servers.docker import docker_postgres, docker_works
from services.servers.postgres import LocalPostgres, WheelPostgres, installed_postgres
from services.servers.rabbitmq import LocalRabbitMQ, installed_rabbitmq
from services.servers.server import NotOurServer, Server, ServerUnavailable, in_own_loop

ROOT = Path(__file__).parents[2]
needs_docker = pytest.mark.skipif(not docker_works(), reason="no Docker here")
needs_postgres = pytest.mark.skipif(not any(installed_postgres()), reason="no PostgreSQL installed here")
needs_rabbitmq = pytest.mark.skipif(installed_rabbitmq() is None, reason="no RabbitMQ installed here")


def installed_postgres_server() -> Server:
    return LocalPostgres(next(iter(installed_postgres())))


def installed_rabbitmq_server() -> Server:
    script = installed_rabbitmq()
    assert script
    return LocalRabbitMQ(script)


def run(url: str, statement: str) -> list[object]:
    async def execute() -> list[object]:
        engine = create_async_engine(url)
        async with engine.begin() as connection:
            result = await connection.execute(text(statement))
            rows: list[object] = list(result.scalars()) if result.returns_rows else []
        await engine.dispose()
        return rows

    return in_own_loop(execute)


def send(url: str, body: bytes) -> None:
    async def publish() -> None:
        async with await aio_pika.connect(url) as connection:
            channel = await connection.channel()
            await channel.declare_queue("ledger", durable=True, arguments={"x-queue-type": "quorum"})
            message = aio_pika.Message(body, delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
            await channel.default_exchange.publish(message, "ledger")

    in_own_loop(publish)


def receive(url: str) -> bytes:
    async def get() -> bytes:
        async with await aio_pika.connect(url) as connection, asyncio.timeout(30):
            channel = await connection.channel()
            queue = await channel.get_queue("ledger")
            while (message := await queue.get(fail=False)) is None:
                await asyncio.sleep(0.1)  # a quorum queue elects its leader after a restart
            await message.ack()
            return message.body

    return in_own_loop(get)


@contextmanager
def nothing_left_behind() -> Iterator[None]:
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    yield
    assert {child.pid for child in psutil.Process().children(recursive=True)} <= before


def gone(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def wait_until(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(docker_postgres, marks=needs_docker, id="docker"),
        pytest.param(installed_postgres_server, marks=needs_postgres, id="installed"),
        pytest.param(WheelPostgres, id="wheel"),
    ],
)
def test_a_postgres_keeps_its_address_and_committed_rows_when_it_is_restarted_or_killed(
    make: Callable[[], Server],
) -> None:
    with nothing_left_behind(), make() as server:
        url = create_database(server.url)
        run(url, "CREATE TABLE entry (note text)")
        run(url, "INSERT INTO entry VALUES ('first')")
        server.restart()
        run(url, "INSERT INTO entry VALUES ('second')")
        server.kill()
        with pytest.raises(OSError):
            run(url, "SELECT 1")
        server.start()
        assert run(url, "SELECT note FROM entry ORDER BY note") == ["first", "second"]


@needs_rabbitmq
def test_a_rabbitmq_keeps_its_address_and_confirmed_messages_when_it_is_restarted_or_killed() -> None:
    with nothing_left_behind(), installed_rabbitmq_server() as server:
        send(server.url, b"first")
        server.restart()
        assert receive(server.url) == b"first"
        send(server.url, b"second")
        server.kill()
        with pytest.raises(OSError):
            send(server.url, b"third")
        server.start()
        assert receive(server.url) == b"second"


@pytest.mark.parametrize(
    ("kind", "number"),
    [
        pytest.param("postgres", signal.SIGINT, marks=needs_postgres),
        pytest.param("postgres", signal.SIGKILL, marks=needs_postgres),
        pytest.param("wheel", signal.SIGKILL),
        pytest.param("rabbitmq", signal.SIGKILL, marks=needs_rabbitmq),
    ],
)
def test_no_server_outlives_the_test_run(kind: str, number: signal.Signals) -> None:
    command = [sys.executable, "-m", "tests.support.server_user", kind]
    user = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert user.stdout
    started = json.loads(user.stdout.readline())
    assert started
    user.send_signal(number)
    user.communicate(timeout=60)
    wait_until(lambda: all(map(gone, started)))


def test_every_fresh_database_is_another_empty_one_and_gone_afterwards(postgres_url: str) -> None:
    with fresh_database(postgres_url) as one, fresh_database(postgres_url) as other:
        run(one, "CREATE TABLE entry (note text)")
        assert run(other, "SELECT to_regclass('entry')") == [None]
    names = ", ".join(f"'{make_url(each).database}'" for each in (one, other))
    assert run(postgres_url, f"SELECT datname FROM pg_database WHERE datname IN ({names})") == []


def test_the_ladder_finds_a_rabbitmq_here(amqp_url: str) -> None:
    send(amqp_url, b"first")
    assert receive(amqp_url) == b"first"


def test_servers_named_by_the_environment_come_first_and_are_never_touched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOMEWARD_POSTGRES_URL", "postgresql://someone:secret@db.example/main")
    monkeypatch.setenv("HOMEWARD_AMQP_URL", "amqp://someone:secret@mq.example/")
    with postgres_server() as postgres, rabbitmq_server() as rabbitmq:
        assert make_url(postgres.url).drivername == "postgresql+asyncpg"
        assert make_url(postgres.url).password == "secret"
        assert rabbitmq.url == "amqp://someone:secret@mq.example/"
        for server in (postgres, rabbitmq):
            with pytest.raises(NotOurServer):
                server.stop()
            with pytest.raises(NotOurServer):
                server.kill()


def test_a_machine_without_any_rung_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOMEWARD_AMQP_URL", raising=False)
    monkeypatch.setattr(servers, "docker_works", lambda: False)
    monkeypatch.setattr(servers, "installed_rabbitmq", lambda: None)
    monkeypatch.setattr(servers, "may_install", lambda: False)
    with pytest.raises(ServerUnavailable, match="install Docker or RabbitMQ"), rabbitmq_server():
        pass


def test_a_rung_that_breaks_gives_way_to_the_next_and_is_cleaned_up(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(WheelPostgres):
        def start(self) -> None:
            super().start()
            raise ServerUnavailable("it broke after its start")

    monkeypatch.delenv("HOMEWARD_POSTGRES_URL", raising=False)
    monkeypatch.setattr(servers, "docker_works", lambda: True)
    monkeypatch.setattr(servers, "docker_postgres", Broken)
    monkeypatch.setattr(servers, "installed_postgres", lambda: iter(()))
    with nothing_left_behind(), postgres_server() as server:
        assert isinstance(server, WheelPostgres)
        assert not isinstance(server, Broken)
        assert run(server.url, "SELECT 1") == [1]
