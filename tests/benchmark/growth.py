"""Whether the work stays the same when a million cases are stored.

A thousand cases are handled as ever; the stored ones are copies of them with other, older ids, made by SQL in the
databases of both producer and consumer, with one row of the log for each subject.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import asdict

from shared.contracts.screening import SOURCE
from shared.persistence.database import Database, rows, scalar
from shared.persistence.database import run as execute
from tests.benchmark import story
from tests.benchmark.consuming import Expected, Figures, Run, Tell, checkpoint
from tests.benchmark.session import Session

SIZES = (1_000, 10_000, 100_000, 1_000_000)
#: Cases of the first measurement, of which the others are copies; an event in 6.4 begins a case.
TEMPLATE = 1_000
_EVENTS_PER_CASE = 6.4
#: Copies that one statement makes: it must end before the connection's timeout.
_COPIES = 50
#: Seconds without work after which nothing is thought to be under way.
_STILL = 3
_SHARED_TABLES = ("log_head", "event_log", "event_position")
_CONSUMER_TABLES = ("travel_household", "travel_case", "inbox_position", *_SHARED_TABLES)
#: Of the log, the last event of each subject is copied.
_LAST = "SELECT event_log.insert_id FROM event_log JOIN log_head USING (subject, sequence)"


async def run(session: Session) -> Figures:
    """The same new events at each size."""
    sizes = session.choose(SIZES[:3], SIZES)
    events = session.choose(5_000, 20_000)
    async with Run(session.lab, "travel") as suite:
        session.tell("the first thousand cases")
        await _handle(suite, round(TEMPLATE * _EVENTS_PER_CASE), seed=1)
        copies = [_Copies(suite.database, _CONSUMER_TABLES), _Copies(suite.producers.each[SOURCE].log.database)]
        for each in copies:
            await each.keep()
        steps = []
        for number, size in enumerate(sizes):
            for each in copies:
                await each.grow(size // TEMPLATE, session.tell)
            session.tell(f"{size:,} cases stored: handling {events:,} new events")
            steps.append({"cases": size, **await _handle(suite, events, seed=2 + number)})
            session.tell(f"{size:,} cases stored: {steps[-1]['events_per_second']:,} events/s")
    first, last = steps[0], steps[-1]
    return {
        "ratio_last_to_first": round(last["events_per_second"] / first["events_per_second"], 2),
        "ratio_of_bytes": round(last["wal_bytes_per_event"] / first["wal_bytes_per_event"], 2),
        "ratio_of_memory": round(last["rss_mb"] / first["rss_mb"], 2),
        "steps": steps,
    }


async def _handle(suite: Run, events: int, *, seed: int) -> Figures:
    """A fresh process, new events in one burst when it is ready and has compared all heads."""
    told = story.screening(events, seed)
    begun = time.monotonic()
    await suite.start()
    await suite.ready(suite.processes[0])
    await _quiet(suite)
    ready = time.monotonic() - begun - _STILL
    await checkpoint(suite.database)
    before, size = await suite.snapshot(), await _size(suite.database)
    released = await suite.producers.at_once(told)
    before.at = released
    measured = await suite.handled(Expected.after(told), before)
    grown = await _size(suite.database) - size
    suite.stop()
    return {**asdict(measured), "ready_s": round(ready, 1), "stored_bytes_per_event": round(grown / events)}


async def _quiet(suite: Run) -> None:
    """Wait until the service asks nothing more of the producer's log, and PostgreSQL has nothing left to tidy."""
    still = 0
    while still < _STILL:
        before = await suite.snapshot()
        await asyncio.sleep(1)
        after = await suite.snapshot()
        spent = [late.since(early) for early, late in zip(before.processes, after.processes, strict=True)]
        spent += [after.producers.since(before.producers), after.postgres.since(before.postgres)]
        still = still + 1 if max(spent) < 0.1 else 0


async def _size(database: Database) -> int:
    async with database.transaction() as connection:
        return int(await scalar(connection, "SELECT pg_database_size(current_database())"))


class _Copies:
    """Rows that are made from those that are there: the same in all but their ids and places."""

    def __init__(self, database: Database, tables: Sequence[str] = _SHARED_TABLES) -> None:
        self.database, self.tables = database, tables
        self.made = 1

    async def keep(self) -> None:
        """Take what is there as the template."""
        async with self.database.transaction() as connection:
            for table in self.tables:
                only = f"WHERE insert_id IN ({_LAST})" if table.startswith("event_") else ""
                await execute(connection, f"CREATE TABLE template_{table} AS SELECT * FROM {table} {only}")
            found = await rows(
                connection,
                "SELECT min(left(subject, 8)) AS prefix FROM template_log_head",
            )
        self.prefix = int(found[0].prefix, 16) - 1
        self.step = await self._last_number()

    async def _last_number(self) -> int:
        """The highest place that anything has in the log."""
        statement = """SELECT greatest((SELECT max(insert_id) FROM event_log),
                                       (SELECT max(position) FROM event_position)) AS last"""
        async with self.database.transaction() as connection:
            return int(await scalar(connection, statement))

    async def _go_on_after_what_is_there(self) -> None:
        """Copies come after what was handled meanwhile, and leave room for each other."""
        self.base = await self._last_number() - self.step * self.made

    async def grow(self, times: int, tell: Tell) -> None:
        """Have the template so many times."""
        if times <= self.made:
            return
        await self._go_on_after_what_is_there()
        for table in self.tables:
            tell(f"copying {table}, {times:,} times as many rows")
            names, values = await self._columns(table)
            for first in range(self.made, times, _COPIES):
                async with self.database.transaction() as connection:
                    await execute(
                        connection,
                        f"""INSERT INTO {table} ({names}) OVERRIDING SYSTEM VALUE SELECT {values} FROM
                            template_{table} AS old, generate_series(CAST(:first AS int), CAST(:last AS int)) AS k""",
                        first=first,
                        last=min(first + _COPIES, times) - 1,
                    )
        await self._settle()
        self.made = times

    async def _columns(self, table: str) -> tuple[str, str]:
        """The columns, and what becomes of each."""
        async with self.database.transaction() as connection:
            found = await rows(
                connection,
                """SELECT column_name AS name, data_type AS type FROM information_schema.columns
                   WHERE table_name = :table ORDER BY ordinal_position""",
                table=table,
            )
        return ", ".join(row.name for row in found), ", ".join(self._copied(row.name, row.type) for row in found)

    def _copied(self, name: str, type: str) -> str:
        # Ids begin with the upper bits of a time: the copies' are older than all others, as stored cases are.
        older = f"lpad(to_hex({self.prefix} - k), 8, '0')"
        if type == "uuid":
            return f"CAST({older} || substr(old.{name}::text, 9) AS uuid)"
        if name == "subject":
            return f"{older} || substr(old.{name}, 9)"
        if name == "state":
            uuids = '"[0-9a-f]{8}-([0-9a-f]{4}-7)'
            return f"""CAST(regexp_replace(old.state::text, '{uuids}', '"' || {older} || '-\\1', 'g') AS {type})"""
        numbered = name in ("insert_id", "position")
        return f"old.{name} + {self.base} + {self.step} * CAST(k AS bigint)" if numbered else f"old.{name}"

    async def _settle(self) -> None:
        """Numbers go on after the copies'; the planner knows of them."""
        async with self.database.transaction() as connection:
            await rows(
                connection,
                """SELECT setval(pg_get_serial_sequence('event_log', 'insert_id'),
                                 (SELECT max(insert_id) FROM event_log))""",
            )
        async with self.database.engine.connect() as opened:
            connection = await opened.execution_options(isolation_level="AUTOCOMMIT")
            for table in self.tables:
                await connection.exec_driver_sql(f"VACUUM (ANALYZE) {table}")
