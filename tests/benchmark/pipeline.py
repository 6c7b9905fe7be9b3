"""How fast one service process handles a backlog: ``python -m tests.benchmark.pipeline travel --events 20000``.

The process is the service as it ships. The backlog waits in its quorum queue before it starts; the end is when
every event is handled and every outgoing event is confirmed by the broker, by the database's clock.
"""

import argparse
import asyncio
import json
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from random import Random
from uuid import UUID

from services.gateway.handlers import FOLLOWS
from shared.contracts import screening
from shared.ids import new_id
from shared.persistence import migrations
from shared.persistence.database import Database, rows, run, scalar
from tests.benchmark import story
from tests.benchmark.lab import Lab, Process, Usage
from tests.benchmark.producers import Broker, Producers
from tests.benchmark.story import Told
from tests.benchmark.tally import Noted

_ROOT = Path(__file__).parents[2]
#: Seconds between looks at the database while it works.
LOOK = 0.25
#: Makes a tally's event 600 bytes on the wire.
PADDING = 95
_PROFILER = ("py-spy", "record", "--rate", "200", "--format", "raw")


@dataclass(frozen=True)
class Kind:
    """A service that can be measured."""

    module: str
    follows: Sequence[str]
    migrations: Path
    story: Callable[[int], list[Told]]


def tallied(count: int) -> list[Told]:
    """Events for cases that are there already, five for each."""
    random = Random(3)
    cases = [new_id() for _ in range(max(1, count // 5))]
    return [Told(screening.SOURCE, random.choice(cases), Noted(note="x" * PADDING)) for _ in range(count)]


KINDS = {
    "travel": Kind("services.travel", (screening.SOURCE,), _ROOT / "services/travel/migrations", story.screening),
    "gateway": Kind("services.gateway", FOLLOWS, _ROOT / "services/gateway/migrations", story.whole_journeys),
    "tally": Kind("tests.benchmark.tally", (screening.SOURCE,), _ROOT / "tests/benchmark/tally/migrations", tallied),
}


@dataclass(frozen=True)
class Measured:
    """What one run gave. Seconds of CPU are those between the first event and the last confirm."""

    events: int
    outgoing: int
    seconds: float
    events_per_second: float
    outgoing_per_second: float
    cpu_service: float
    cpu_postgres: float
    cpu_broker: float
    cpu_producers: float
    rss_mb: float
    #: Of one incoming event, envelope included, as it lies in a packed message.
    bytes_on_the_wire: int = 0


class NotExactlyOnce(Exception):
    """The run is worth nothing."""


class Run:
    """One consumer, its producers, and a backlog. Use with ``async with``."""

    def __init__(self, lab: Lab, kind: str, *, service_arguments: Sequence[str] = ()) -> None:
        self.lab, self.name, self.kind = lab, kind, KINDS[kind]
        self.queue = f"homeward.{kind}"
        self.url = lab.database()
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> "Run":
        self.database = Database(self.url, name="homeward benchmark")
        self._stack.push_async_callback(self.database.close)
        self.broker = await self._stack.enter_async_context(Broker(self.lab.amqp_url))
        self.producers = await self._stack.enter_async_context(Producers(self.lab, self.kind.follows))
        await migrations.upgrade(self.database, self.kind.migrations)
        await self.broker.bind(self.queue, self.kind.follows)
        self._stack.push_async_callback(self.broker.remove, self.queue)
        self.logs = self._start_logs()
        return self

    async def __aexit__(self, *_: object) -> None:
        for process in self.logs.values():
            process.stop()
        await self._stack.aclose()

    def _start_logs(self) -> dict[str, Process]:
        names = {source: source.split("/")[-1] for source in self.kind.follows}
        return {
            name: self.lab.service("tests.benchmark.producer", name, self.producers.urls[source], name)
            for source, name in names.items()
        }

    async def prepare(self, told: Sequence[Told]) -> None:
        """Put the backlog into the queue."""
        if self.name == "tally":
            await self._make_tallies({each.subject for each in told})
        await self.producers.backlog(told)
        await checkpoint(self.database)

    async def _make_tallies(self, ids: set[UUID]) -> None:
        async with self.database.transaction() as connection:
            await run(
                connection,
                """INSERT INTO tally SELECT id, jsonb_build_object('id', id, 'count', 0, 'note', '')
                   FROM unnest(CAST(:ids AS uuid[])) AS new (id)""",
                ids=sorted(ids),
            )

    def start(self) -> Process:
        """Start a process of the service."""
        urls = {name: process.url for name, process in self.logs.items()}
        return self.lab.service(self.kind.module, self.name, self.url, urls=urls)

    async def measure(
        self, told: Sequence[Told], *, tell: Callable[[str], None] = lambda _: None, profile: Path | None = None
    ) -> Measured:
        """Start the service's process and see it through the backlog."""
        process = self.start()
        if profile:
            self.lab.start([*_PROFILER, "--pid", str(process.pid), "--output", str(profile.absolute())], {})
        tell(f"pid {process.pid}")
        while not (await self.broker.look(self.queue))[1]:
            process.check()
            await asyncio.sleep(0.02)
        begun, before = time.time(), self._usage(process)
        await self.done(len(told), process, tell)
        after = self._usage(process)
        await self.check(told)
        ended, outgoing = await self._ended()
        result = self._measured(len(told), outgoing, ended - begun, before, after)
        process.stop()
        return replace(result, bytes_on_the_wire=round(await self.producers.average_bytes()))

    async def done(self, count: int, process: Process, tell: Callable[[str], None] = lambda _: None) -> None:
        """Wait until all is handled and published, looking at the tables only when the queue is empty."""
        while (await self.broker.look(self.queue))[0]:
            process.check()
            await asyncio.sleep(LOOK)
        while True:
            process.check()
            handled, unpublished = await self._progress()
            tell(f"{handled:,} handled, {unpublished:,} to publish")
            if handled >= count and not unpublished:
                return
            await asyncio.sleep(LOOK)

    async def _progress(self) -> tuple[int, int]:
        async with self.database.transaction() as connection:
            handled = await scalar(connection, "SELECT coalesce(sum(handled), 0) FROM inbox_position")
            left = await scalar(connection, "SELECT count(*) FROM event_log WHERE published_at IS NULL")
        return int(handled), int(left)

    async def _ended(self) -> tuple[float, int]:
        """When the last position was committed and the last outgoing event confirmed."""
        async with self.database.transaction() as connection:
            found = await rows(
                connection,
                """SELECT extract(epoch FROM greatest(
                       (SELECT max(pg_xact_commit_timestamp(xmin)) FROM inbox_position),
                       (SELECT max(published_at) FROM event_log))), (SELECT count(*) FROM event_log)""",
            )
        return float(found[0][0]), int(found[0][1])

    def _usage(self, process: Process) -> list[Usage]:
        logs = [each.usage() for each in self.logs.values()]
        return [
            process.usage(),
            *self.lab.servers_usage(),
            Usage(sum(each.cpu for each in logs), sum(each.rss for each in logs)),
        ]

    def _measured(
        self, events: int, outgoing: int, seconds: float, before: list[Usage], after: list[Usage]
    ) -> Measured:
        spent = [round(late.since(early), 2) for early, late in zip(before, after, strict=True)]
        return Measured(
            events=events,
            outgoing=outgoing,
            seconds=round(seconds, 2),
            events_per_second=round(events / seconds),
            outgoing_per_second=round(outgoing / seconds),
            cpu_service=spent[0],
            cpu_postgres=spent[1],
            cpu_broker=spent[2],
            cpu_producers=spent[3],
            rss_mb=round(after[0].rss / 2**20, 1),
        )

    async def check(self, told: Sequence[Told]) -> None:
        """Every event took effect once, in its place."""
        subjects = len({(each.source, each.subject) for each in told})
        async with self.database.transaction() as connection:
            found = await rows(
                connection,
                """SELECT count(*), sum(sequence), sum(handled), count(*) FILTER (WHERE handled <> sequence),
                       (SELECT count(*) FROM inbox_parked), (SELECT count(*) FROM inbox_unreadable)
                   FROM inbox_position WHERE sequence > 0""",
            )
            kept = len(told)
            if self.name == "gateway":
                kept = await scalar(connection, "SELECT count(*) FROM timeline")
        expected = (subjects, len(told), len(told), 0, 0, 0)
        if tuple(map(int, found[0])) != expected or kept != len(told):
            raise NotExactlyOnce(f"expected {expected} and {len(told)}, found {tuple(found[0])} and {kept}")


async def checkpoint(database: Database) -> None:
    """Every run begins with clean buffers and an empty stretch of the log before it."""
    async with database.engine.connect() as opened:
        connection = await opened.execution_options(isolation_level="AUTOCOMMIT")
        await connection.exec_driver_sql("CHECKPOINT")


async def measure(
    lab: Lab, kind: str, events: int, *, tell: Callable[[str], None] = lambda _: None, profile: Path | None = None
) -> Measured:
    """One run from nothing; ``profile`` is a file for py-spy, which must be on the PATH."""
    told = KINDS[kind].story(events)
    async with Run(lab, kind) as run:
        await run.prepare(told)
        tell(f"{events:,} events wait")
        return await run.measure(told, tell=tell, profile=profile)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=sorted(KINDS))
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--times", type=int, default=1)
    parser.add_argument("--profile", type=Path, help="have py-spy write the last run's profile to this file")
    arguments = parser.parse_args()
    with Lab() as lab:
        for _ in range(arguments.times):
            measured = measure(lab, arguments.kind, arguments.events, tell=_tell, profile=arguments.profile)
            print(json.dumps(asdict(asyncio.run(measured)), indent=1))


def _tell(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    main()
