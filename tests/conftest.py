"""Servers and databases for the tests: real ones, from the ladder in ``tests/support/servers.py``."""

from collections.abc import Iterator

import pytest

from services.servers import fresh_database, postgres_server, rabbitmq_server


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
def database_url(postgres_url: str) -> str:
    """A database of the test's own, empty."""
    return fresh_database(postgres_url)
