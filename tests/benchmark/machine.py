"""What it was measured on."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]
import psutil  # type: ignore[import-untyped]

from services.servers.server import plain
from tests.benchmark.consuming import Figures
from tests.benchmark.contest import ENVIRONMENT
from tests.benchmark.lab import SETTINGS, Lab
from tests.benchmark.producers import Broker

_OURS = ("aio-pika", "asyncpg", "fastapi", "orjson", "pydantic", "sqlalchemy", "uvloop")
_THEIRS = ("aio-pika", "asyncpg", "celery", "faststream", "psycopg", "sqlalchemy", "uvloop")
_ROOT = Path(__file__).parents[2]


def machine() -> Figures:
    """Processor, memory, system."""
    return {
        "cpu": _cpu(),
        "cores": psutil.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "kernel": platform.release(),
        "system": platform.system(),
    }


async def versions(lab: Lab) -> Figures:
    """Of servers and libraries."""
    connection = await asyncpg.connect(plain(lab.postgres.url))
    try:
        postgres = str(await connection.fetchval("SHOW server_version")).split()[0]
    finally:
        await connection.close()
    async with Broker(lab.amqp_url) as broker:
        rabbitmq = broker.version
    return {
        "python": platform.python_version(),
        "postgresql": postgres,
        "rabbitmq": rabbitmq,
        "homeward": {name: metadata.version(name) for name in _OURS},
        "others": _others(),
        "postgresql_settings": SETTINGS,
    }


def stamp(quick: bool) -> Figures:
    """When, and of which state of the code."""
    commit = _git("rev-parse", "--short", "HEAD")
    changed = " with changes" if _git("status", "--porcelain", "--", "services", "shared", "tests/benchmark") else ""
    return {"date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"), "commit": commit + changed, "quick": quick}


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines() if os.path.exists("/proc/cpuinfo") else ():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _others() -> dict[str, str]:
    code = f"from importlib import metadata\nfor name in {_THEIRS!r}: print(name, metadata.version(name))"
    done = subprocess.run([str(ENVIRONMENT / "python"), "-c", code], capture_output=True, text=True, check=True)
    return dict(line.split() for line in done.stdout.splitlines())


def _git(*command: str) -> str:
    done = subprocess.run(["git", *command], cwd=_ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip()
