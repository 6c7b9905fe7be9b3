"""Everyone else, one at a time, on the same servers and with the same effects."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from uuid import UUID

from shared.ids import new_id
from shared.persistence.database import Database, rows, run
from tests.benchmark.consuming import SINK, NotExactlyOnce, checkpoint
from tests.benchmark.lab import Lab, Process
from tests.benchmark.producers import Broker

IN, OUT = "benchmark.in", "benchmark.out"
#: Bytes of one event on the wire.
SIZE = 600
_HERE = Path(__file__).parent
#: The environment that ``make bench`` sets up from requirements.lock.
ENVIRONMENT = _HERE.parents[1] / ".venv-bench" / "bin"

_TABLES = (
    "CREATE TABLE seen (id uuid PRIMARY KEY)",
    "CREATE TABLE case_row (id uuid PRIMARY KEY, count int NOT NULL, note text NOT NULL)",
    "CREATE TABLE outgoing (id uuid PRIMARY KEY, subject uuid NOT NULL, count int NOT NULL, note text NOT NULL)",
)


@dataclass(frozen=True)
class Contender:
    """One of them: how it is started, and how many messages it may have in hand."""

    command: tuple[str, ...]
    prefetch: int = 20
    #: Its messages are tasks, which only it can send.
    sends: bool = False


CONTENDERS = {
    "faststream": Contender(("python", "faststream_orm.py")),
    "lean_faststream": Contender(("python", "faststream_lean.py")),
    "celery": Contender(
        (*("celery", "-A", "celery_orm", "worker", "--concurrency", "2", "--queues", IN, "--loglevel", "warning"),
         *("--without-gossip", "--without-mingle", "--without-heartbeat")),
        sends=True,
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Scored:
    """What one run of a contender gave."""

    events: int
    seconds: float
    events_per_second: float
    cpu_service: float = 0.0
    cpu_postgres: float = 0.0
    cpu_broker: float = 0.0
    rss_mb: float = 0.0


async def compete(lab: Lab, name: str, count: int) -> Scored:
    """One run of a contender from nothing."""
    contender, url = CONTENDERS[name], lab.database()
    database = Database(url, name="homeward benchmark")
    async with Broker(lab.amqp_url) as broker:
        try:
            events = await _prepare(database, broker, count)
            variables = {
                "BENCHMARK_DATABASE_URL": url,
                "BENCHMARK_AMQP_URL": lab.amqp_url,
                "BENCHMARK_PREFETCH": str(contender.prefetch),
            }
            if contender.sends:
                await asyncio.to_thread(_send, variables, events)
            else:
                await broker.fill(IN, events)
            await checkpoint(database)
            command = (str(ENVIRONMENT / contender.command[0]), *contender.command[1:])
            process = lab.start(command, variables, folder=_HERE / "contenders")
            return await _score(lab, process, broker, database, count)
        finally:
            await broker.remove(IN)
            await broker.remove(SINK)
            await database.close()


async def _prepare(database: Database, broker: Broker, count: int) -> list[bytes]:
    await broker.bind(IN, [IN])
    await broker.bind(SINK, [OUT])
    random = Random(3)
    cases = [new_id() for _ in range(max(1, count // 5))]
    async with database.transaction() as connection:
        for table in _TABLES:
            await run(connection, table)
        await run(connection, "INSERT INTO case_row SELECT unnest(CAST(:ids AS uuid[])), 0, ''", ids=cases)
    return [_event(random.choice(cases)) for _ in range(count)]


def _event(subject: UUID) -> bytes:
    event = {"id": str(new_id()), "subject": str(subject), "note": ""}
    return json.dumps(event | {"note": "x" * (SIZE - len(json.dumps(event)))}).encode()


def _send(variables: dict[str, str], events: Sequence[bytes]) -> None:
    command = [str(ENVIRONMENT / "python"), "celery_orm.py"]
    subprocess.run(command, input=b"\n".join(events), env=variables, cwd=_HERE / "contenders", check=True)


async def _score(lab: Lab, process: Process, broker: Broker, database: Database, count: int) -> Scored:
    while not (await broker.look(IN))[1]:
        process.check()
        await asyncio.sleep(0.02)
    begun, before = time.time(), (process.usage(), *lab.servers_usage())
    while (await broker.look(SINK))[0] < count:
        process.check()
        await asyncio.sleep(0.25)
    after = process.usage(), *lab.servers_usage()
    process.stop()
    async with database.transaction() as connection:
        found = await rows(
            connection,
            """SELECT extract(epoch FROM max(pg_xact_commit_timestamp(xmin))), count(*),
                   (SELECT sum(count) FROM case_row), (SELECT count(*) FROM seen) FROM outgoing""",
        )
    if tuple(map(int, found[0][1:])) != (count, count, count):
        raise NotExactlyOnce(f"expected {count}, found {tuple(found[0][1:])}")
    seconds = float(found[0][0]) - begun
    service, postgres, rabbit = (round(late.since(early), 2) for early, late in zip(before, after, strict=True))
    memory = round(after[0].rss / 2**20, 1)
    return Scored(count, round(seconds, 2), round(count / seconds), service, postgres, rabbit, memory)


async def publish_barely(lab: Lab, count: int) -> Scored:
    """How fast bare aio-pika publishes with confirms into a quorum queue."""
    async with Broker(lab.amqp_url) as broker:
        await broker.bind(SINK, [OUT])
        try:
            command = [
                str(ENVIRONMENT / "python"),
                str(_HERE / "contenders" / "bare_publish.py"),
                str(count),
                str(SIZE),
            ]
            made = await asyncio.create_subprocess_exec(
                *command, env={"BENCHMARK_AMQP_URL": lab.amqp_url}, stdout=asyncio.subprocess.PIPE
            )
            seconds = float((await made.communicate())[0])
        finally:
            await broker.remove(SINK)
    return Scored(count, round(seconds, 2), round(count / seconds))


def main() -> None:
    """``python -m tests.benchmark.contest NAME COUNT``: one of them alone."""
    name, count = sys.argv[1], int(sys.argv[2])
    with Lab() as lab:
        work = partial(publish_barely, lab) if name == "bare_publish" else partial(compete, lab, name)
        print(asyncio.run(work(count)))


if __name__ == "__main__":
    main()
