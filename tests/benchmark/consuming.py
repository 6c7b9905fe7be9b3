"""Service processes at work: what they are given, how long they take, and whether each event took effect once."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Any, Self
from uuid import UUID

import httpx

from services.gateway.handlers import FOLLOWS
from shared.contracts import screening
from shared.ids import new_id
from shared.messaging.bus import exchange_of
from shared.messaging.reconciler import LONG
from shared.persistence import migrations
from shared.persistence.database import Database, rows, run, scalar
from tests.benchmark import story
from tests.benchmark.lab import Lab, Process, Usage
from tests.benchmark.producers import Broker, Producers
from tests.benchmark.story import Told
from tests.benchmark.tally import Noted

Tell = Callable[[str], None]
Figures = dict[str, Any]

_ROOT = Path(__file__).parents[2]
#: Seconds between looks at the database while a process works.
LOOK = 0.05
#: Events of which a backlog may consist: of more a service would empty the queue, and read the logs instead.
QUEUED = {"travel": 25_000, "gateway": 20_000, "tally": 25_000}
#: Makes a tally's event 600 bytes on the wire.
PADDING = 95
#: The queue that takes what is published: somebody must, so that a confirm means what it does in production.
SINK = "benchmark.sink"
#: Events whose positions are looked at while the process works; all are, when these are handled.
SAMPLE = 50


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
    events_per_second: int
    outgoing_per_second: int
    cpu_service: float
    cpu_postgres: float
    cpu_broker: float
    cpu_producers: float
    #: Of the largest process of the service.
    rss_mb: float
    wal_bytes_per_event: int
    #: Of one incoming event, envelope included, as it lies in a packed message.
    bytes_on_the_wire: int


class NotExactlyOnce(Exception):
    """The run is worth nothing."""


class NotFromTheQueue(Exception):
    """So many messages wait that the service would read the logs instead."""


@dataclass
class Expected:
    """Where the positions stand when all that was told is handled."""

    last: dict[tuple[str, str], int]
    events: int

    @classmethod
    def after(cls, told: Sequence[Told]) -> "Expected":
        """Of subjects that were not heard of before."""
        last = Counter((each.source, str(each.subject)) for each in reversed(told))
        return cls(dict(last), len(told))

    def arrays(self, limit: int | None = None) -> dict[str, Any]:
        """The positions as parameters; with a limit those that are reached last."""
        chosen = list(self.last.items())[:limit]
        return {
            "sources": [source for (source, _), _ in chosen],
            "subjects": [subject for (_, subject), _ in chosen],
            "sequences": [sequence for _, sequence in chosen],
        }


@dataclass
class Snapshot:
    """The state of the meters."""

    at: float
    processes: list[Usage]
    postgres: Usage
    broker: Usage
    producers: Usage
    wal: int
    logged: int


class Run:
    """One consuming service, the logs of its producers, and a queue between them. Use with ``async with``."""

    def __init__(
        self, lab: Lab, kind: str, *, url: str | None = None, producers: Mapping[str, str] | None = None
    ) -> None:
        self.lab, self.name, self.kind = lab, kind, KINDS[kind]
        self.queue = f"homeward.{kind}"
        self.url = url or lab.database()
        self.producers = Producers(lab, self.kind.follows, producers)
        self.processes: list[Process] = []
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        try:
            await self._open()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def _open(self) -> None:
        self.database = Database(self.url, name="homeward benchmark")
        self._stack.push_async_callback(self.database.close)
        self.broker = await self._stack.enter_async_context(Broker(self.lab.amqp_url))
        await self._stack.enter_async_context(self.producers)
        await migrations.upgrade(self.database, self.kind.migrations)
        await self._bind(self.queue, self.kind.follows)
        await self._bind(SINK, [f"/homeward/{self.name}"])
        self.logs = {source.split("/")[-1]: self._start_log(source) for source in self.kind.follows}

    async def _bind(self, queue: str, sources: Sequence[str]) -> None:
        await self.broker.bind(queue, [exchange_of(source) for source in sources])
        self._stack.push_async_callback(self.broker.remove, queue)

    def _start_log(self, source: str) -> Process:
        name = source.split("/")[-1]
        process = self.lab.service("tests.benchmark.producer", name, self.producers.urls[source], name)
        self._stack.callback(process.stop)
        return process

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def prepare(self, told: Sequence[Told]) -> None:
        """Put a backlog into the queue."""
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

    async def is_short(self) -> None:
        """Raises NotFromTheQueue when the backlog would not be taken from the queue."""
        waiting, _ = await self.broker.look(self.queue)
        if waiting >= LONG:
            raise NotFromTheQueue(f"{waiting} messages")

    async def start(self, processes: int = 1) -> None:
        """Start the service's processes, and wait until the first of them consumes."""
        urls = {name: process.url for name, process in self.logs.items()}
        for _ in range(processes):
            process = self.lab.service(self.kind.module, self.name, self.url, urls=urls)
            self._stack.callback(process.stop)
            self.processes.append(process)
        while not (await self.broker.look(self.queue))[1]:
            self._check_processes()
            await asyncio.sleep(0.02)

    def stop(self) -> None:
        """Stop the service's processes."""
        for process in self.processes:
            process.stop()
        self.processes.clear()

    async def ready(self, process: Process) -> None:
        """Wait until a process says that it is ready."""
        async with httpx.AsyncClient(base_url=process.url, timeout=5) as client:
            while True:
                process.check()
                try:
                    if (await client.get("/readyz")).is_success:
                        return
                except httpx.TransportError:
                    pass
                await asyncio.sleep(LOOK)

    async def offer(self, source: str, rate: float, seconds: float, *, seed: int) -> Figures:
        """Have a producer's process commit events at a rate, whatever becomes of them; returns when it has."""
        async with httpx.AsyncClient(base_url=self.logs[source.split("/")[-1]].url, timeout=None) as client:
            answer = await client.post("/offer", json={"rate": rate, "seconds": seconds, "seed": seed})
            answer.raise_for_status()
            return dict(answer.json())

    async def caught_up(self, source: str, tell: Tell = lambda _: None) -> None:
        """Wait until everything in a producer's log is handled, and check that it took effect once."""
        producer = self.producers.each[source].log.database
        while True:
            self._check_processes()
            async with producer.transaction() as connection:
                told = await scalar(connection, "SELECT coalesce(sum(sequence), 0) FROM log_head")
            async with self.database.transaction() as connection:
                found = await rows(connection, _TOTALS, source=source)
            if found[0].sequences == told:
                break
            tell(f"{told - found[0].sequences:,} events behind")
            await asyncio.sleep(2 * LOOK)
        if found[0].handled != told or found[0].parked:
            raise NotExactlyOnce(f"{found[0].handled} of {told} effects, {found[0].parked} parked")

    async def handled(self, expected: Expected, before: Snapshot, tell: Tell = lambda _: None) -> Measured:
        """See the processes through what is expected of them, and check that all of it took effect once."""
        await self.done(expected, tell)
        after = await self.snapshot()
        await self.check(expected)
        return await self._measured(expected.events, before, after)

    async def done(self, expected: Expected, tell: Tell = lambda _: None) -> None:
        """Wait until all is handled and what came of it is published."""
        sample = min(SAMPLE, len(expected.last))
        for arrays, count in ((expected.arrays(sample), sample), (expected.arrays(), len(expected.last))):
            while True:
                self._check_processes()
                reached, unpublished = await self._progress(arrays)
                if reached == count and not unpublished:
                    break
                tell(f"{reached:,} of {count:,} subjects handled, {unpublished:,} events to publish")
                await asyncio.sleep(LOOK)

    async def _progress(self, arrays: Mapping[str, Any]) -> tuple[int, int]:
        async with self.database.transaction() as connection:
            reached = await scalar(
                connection, f"SELECT count(*) {_POSITIONS} WHERE position.sequence >= wanted.sequence", **arrays
            )
            unpublished = await scalar(connection, "SELECT count(*) FROM event_unpublished")
        return int(reached), int(unpublished)

    def _check_processes(self) -> None:
        for process in (*self.processes, *self.logs.values()):
            process.check()

    async def snapshot(self) -> Snapshot:
        """Read the meters."""
        at = time.time()
        postgres, broker = self.lab.servers_usage()
        logs = [each.usage() for each in self.logs.values()]
        producers = Usage(sum(each.cpu for each in logs), sum(each.rss for each in logs))
        usages = [process.usage() for process in self.processes]
        async with self.database.transaction() as connection:
            wal = await scalar(connection, "SELECT pg_current_wal_insert_lsn() - '0/0'")
            logged = await scalar(connection, "SELECT coalesce(max(insert_id), 0) FROM event_log")
        return Snapshot(at, usages, postgres, broker, producers, int(wal), int(logged))

    async def _measured(self, events: int, before: Snapshot, after: Snapshot) -> Measured:
        seconds, outgoing = after.at - before.at, after.logged - before.logged
        service = sum(late.since(early) for early, late in zip(before.processes, after.processes, strict=True))
        return Measured(
            events=events,
            outgoing=outgoing,
            seconds=round(seconds, 2),
            events_per_second=round(events / seconds),
            outgoing_per_second=round(outgoing / seconds),
            cpu_service=round(service, 2),
            cpu_postgres=round(after.postgres.since(before.postgres), 2),
            cpu_broker=round(after.broker.since(before.broker), 2),
            cpu_producers=round(after.producers.since(before.producers), 2),
            rss_mb=round(max(each.rss for each in after.processes) / 2**20, 1),
            wal_bytes_per_event=round((after.wal - before.wal) / events),
            bytes_on_the_wire=round(await self.producers.average_bytes()),
        )

    async def check(self, expected: Expected) -> None:
        """Every event took effect once, in its place. Raises NotExactlyOnce."""
        async with self.database.transaction() as connection:
            right = await scalar(
                connection,
                f"""SELECT count(*) {_POSITIONS} WHERE position.sequence = wanted.sequence
                    AND position.handled = wanted.sequence AND position.diverged IS NULL""",
                **expected.arrays(),
            )
            found = await rows(
                connection, "SELECT (SELECT count(*) FROM inbox_parked), (SELECT count(*) FROM inbox_unreadable)"
            )
            effects = expected.events
            if self.name == "gateway":
                effects = await scalar(connection, "SELECT count(*) FROM timeline")
            elif self.name == "tally":
                effects = await scalar(connection, "SELECT sum((state ->> 'count')::int) FROM tally")
        if (right, *found[0], effects) != (len(expected.last), 0, 0, expected.events):
            raise NotExactlyOnce(f"{right} of {len(expected.last)} subjects, parked and unreadable {tuple(found[0])},"
                                 f" {effects} of {expected.events} effects")  # fmt: skip


_POSITIONS = """
    FROM unnest(CAST(:sources AS text[]), CAST(:subjects AS text[]), CAST(:sequences AS bigint[]))
        AS wanted (source, subject, sequence)
    JOIN inbox_position AS position ON position.source = wanted.source AND position.subject = wanted.subject"""


_TOTALS = """
    SELECT coalesce(sum(sequence), 0) AS sequences, coalesce(sum(handled), 0) AS handled,
           (SELECT count(*) FROM inbox_parked) AS parked FROM inbox_position WHERE source = :source"""


async def checkpoint(database: Database) -> None:
    """Every run begins with clean buffers and an empty stretch of the log before it."""
    async with database.engine.connect() as opened:
        connection = await opened.execution_options(isolation_level="AUTOCOMMIT")
        await connection.exec_driver_sql("CHECKPOINT")


async def measure(
    lab: Lab,
    kind: str,
    events: int,
    *,
    processes: int = 1,
    tell: Tell = lambda _: None,
    started: Callable[[Process], None] = lambda _: None,
) -> Measured:
    """One run from nothing, with a backlog that waits in the queue before the service starts."""
    told = KINDS[kind].story(events)
    async with Run(lab, kind) as run:
        tell(f"{events:,} events are being put into the queue")
        await run.prepare(told)
        await run.is_short()
        await run.start(processes)
        before = await run.snapshot()
        started(run.processes[0])
        return await run.handled(Expected.after(told), before, tell)
