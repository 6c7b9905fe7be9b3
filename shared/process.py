"""A service as a process of its own."""

import gc
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from fastapi import FastAPI

from shared.environment import SettingsUnusable
from shared.programme import ProgrammeError
from shared.protection.wrapping import KeysUnusable
from shared.serving import Server
from shared.settings import ServiceSettings
from shared.telemetry import configure_logging

#: Without them a service can't start.
_NEEDED = ("database_url", "amqp_url", "public_key", "identity_key", "service_keys")


def collect_rarely() -> None:
    """Spare the garbage collector what lives as long as the process, and what a batch of events makes and drops.

    With Python's own thresholds it took a third of the time: it looks through everything after 700 new objects, and
    a batch makes ten thousand, of which hardly any is part of a cycle.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def serve(create_app: Callable[[Any], FastAPI], kind: type[ServiceSettings]) -> None:
    """Run one service until it is told to stop; a start that fails is one line and a non-zero exit code."""
    try:
        settings = kind.read()
        if missing := [f"{kind.prefix()}{name.upper()}" for name in _NEEDED if not getattr(settings, name)]:
            raise SettingsUnusable(f"set {', '.join(missing)} to start this service")
        configure_logging(kind.prefix().removeprefix("HOMEWARD_").strip("_").lower())
        app = create_app(settings)
    except (SettingsUnusable, KeysUnusable, ProgrammeError) as error:
        sys.exit("\n".join(f"homeward: {line}" for line in str(error).splitlines()))
    collect_rarely()
    leave, proxies = app.state.service.leave, settings.trusted_proxies
    server = Server(app, leave, proxies, host=settings.host, port=settings.port, loop="uvloop")
    with suppress(KeyboardInterrupt):
        server.run()
    if not server.started:
        sys.exit(1)
