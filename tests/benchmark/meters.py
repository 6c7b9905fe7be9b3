"""From commit to commit: when an event was committed by its producer and when by its consumer, by PostgreSQL's clock.

A trigger, which only the benchmark has, keeps which transaction of the consumer took which events.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from shared.persistence.database import Database, rows, run, scalar

_TRIGGER = (
    """CREATE TABLE benchmark_taken (source text NOT NULL, subject text NOT NULL, upto bigint NOT NULL)""",
    """CREATE FUNCTION benchmark_take() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
           INSERT INTO benchmark_taken VALUES (new.source, new.subject, new.sequence); RETURN NULL; END $$""",
    """CREATE TRIGGER benchmark_inserted AFTER INSERT ON inbox_position
       FOR EACH ROW WHEN (new.sequence > 0) EXECUTE FUNCTION benchmark_take()""",
    """CREATE TRIGGER benchmark_updated AFTER UPDATE ON inbox_position
       FOR EACH ROW WHEN (new.sequence > old.sequence) EXECUTE FUNCTION benchmark_take()""",
)


@dataclass(frozen=True, slots=True)
class Passage:
    """One event's way: the times of the two commits, in seconds of the epoch."""

    committed: float
    taken: float

    @property
    def milliseconds(self) -> float:
        """How long it took."""
        return 1000 * (self.taken - self.committed)


async def install(consumer: Database) -> None:
    """Have the consumer's database keep when each event is taken."""
    async with consumer.transaction() as connection:
        for statement in _TRIGGER:
            await run(connection, statement)


async def log_end(producer: Database) -> int:
    """The last insert id of a log."""
    async with producer.transaction() as connection:
        return int(await scalar(connection, "SELECT coalesce(max(insert_id), 0) FROM event_log"))


async def passages(producer: Database, source: str, consumer: Database, *, after: int = 0) -> list[Passage]:
    """Of every event of the log after an insert id, in the order of their commits."""
    async with producer.transaction() as connection:
        told = await rows(
            connection,
            """SELECT subject, sequence, extract(epoch FROM pg_xact_commit_timestamp(xmin))::float8 AS at
               FROM event_log WHERE insert_id > :after ORDER BY at""",
            after=after,
        )
    async with consumer.transaction() as connection:
        found = await rows(
            connection,
            """SELECT subject, upto, extract(epoch FROM pg_xact_commit_timestamp(xmin))::float8 AS at
               FROM benchmark_taken WHERE source = :source ORDER BY subject, upto""",
            source=source,
        )
    taken: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for row in found:
        taken[row.subject].append((row.upto, row.at))
    return [Passage(row.at, _when(taken[row.subject], row.sequence)) for row in told]


def _when(taken: Sequence[tuple[int, float]], sequence: int) -> float:
    return taken[bisect_left(taken, sequence, key=lambda each: each[0])][1]


def percentiles(values: Sequence[float]) -> dict[str, float]:
    """The usual ones, in the values' unit, by the nearest rank."""
    ranked = sorted(values)

    def at(share: float) -> float:
        return round(ranked[min(len(ranked) - 1, int(share * len(ranked)))], 1)

    return {"p50_ms": at(0.5), "p99_ms": at(0.99), "p99_9_ms": at(0.999), "max_ms": round(ranked[-1], 1)}
