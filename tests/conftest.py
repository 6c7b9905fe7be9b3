"""Servers and databases for the tests: real ones, from the ladder in ``services/servers``."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.servers import fresh_database, postgres_server, rabbitmq_server
from shared.telemetry import configure_logging


@pytest.fixture(scope="session", autouse=True)
def logs() -> None:
    """As in production: structlog's own default prints local variables with each error, which blocks the loop."""
    configure_logging("tests")


@pytest.fixture(scope="module")
def module_path(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder for what a module's tests share, as ``tmp_path`` is a test's own."""
    path = tmp_path_factory.mktemp("module")
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A PostgreSQL server."""
    with postgres_server() as server:
        yield server.url


@pytest.fixture(scope="session")
def amqp_url() -> Iterator[str]:
    """A RabbitMQ server."""
    with rabbitmq_server() as server:
        yield server.url


@pytest.fixture
def database_url(postgres_url: str) -> Iterator[str]:
    """A database of the test's own, empty."""
    with fresh_database(postgres_url) as url:
        yield url
