"""Each service as it puts itself together, without a server: what it is called, follows and publishes."""

import importlib
from functools import cache
from typing import NamedTuple

from shared.messaging.bus import exchange_of
from shared.protection.wrapping import first_keys
from tests.architecture.tree import SERVICES


class Names(NamedTuple):
    """What a service has on the broker."""

    queue: str
    #: The exchange that it publishes to, if it does.
    own: str | None
    followed: frozenset[str]


@cache
def on_the_broker() -> dict[str, Names]:
    """By service."""
    return {name: _names(name) for name in SERVICES}


def _names(name: str) -> Names:
    settings = importlib.import_module(f"services.{name}.settings").Settings
    create_app = importlib.import_module(f"services.{name}.app").create_app
    nowhere = {"database_url": "postgresql+asyncpg://nowhere/homeward", "amqp_url": "amqp://nowhere/"}
    service = create_app(settings(**nowhere, keys=first_keys().text())).state.service
    own = exchange_of(service.source) if service.source else None
    return Names(service.queue, own, frozenset(map(exchange_of, service.follows)))
