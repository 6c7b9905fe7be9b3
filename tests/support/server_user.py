"""Uses a server in a process of its own, as a test run does: tells the ids of what it started and waits to be ended."""

import json
import sys
import threading
from collections.abc import Callable

import psutil  # type: ignore[import-untyped]

from services.servers.postgres import LocalPostgres, WheelPostgres, installed_postgres
from services.servers.rabbitmq import LocalRabbitMQ, installed_rabbitmq
from services.servers.server import Server, ServerUnavailable


def installed_rabbitmq_server() -> Server:
    script = installed_rabbitmq()
    if script is None:
        raise ServerUnavailable
    return LocalRabbitMQ(script)


KINDS: dict[str, Callable[[], Server]] = {
    "postgres": lambda: LocalPostgres(next(iter(installed_postgres()))),
    "wheel": WheelPostgres,
    "rabbitmq": installed_rabbitmq_server,
}


def use(kind: str) -> None:
    with KINDS[kind]():
        started = [process.pid for process in psutil.Process().children(recursive=True)]
        print(json.dumps(started), flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    use(sys.argv[1])
