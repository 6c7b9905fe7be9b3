"""A consumer that was stopped for long comes back, while new events keep coming."""

import asyncio
from itertools import count

from shared.contracts.screening import SOURCE
from tests.benchmark import story
from tests.benchmark.consuming import Expected, Figures, Run
from tests.benchmark.meters import install, log_end, passages, percentiles
from tests.benchmark.session import Session

#: New events a second, of new cases.
RATE = 100
#: Seconds for which they are offered at a time.
PIECE = 5


async def run(session: Session) -> Figures:
    """The backlog waits in the queue; when its consumer starts, new events line up behind it."""
    told = story.screening(session.choose(20_000, 100_000))
    async with Run(session.lab, "travel") as suite:
        producer = suite.producers.each[SOURCE].log.database
        await install(suite.database)
        session.tell(f"{len(told):,} events are being put into the queue")
        await suite.prepare(told)
        mark = await log_end(producer)
        await suite.start()
        before = await suite.snapshot()
        stop = asyncio.Event()
        offering = asyncio.create_task(_offer(suite, stop))
        await suite.done(Expected.after(told), session.tell)
        stop.set()
        await offering
        await suite.caught_up(SOURCE, session.tell)
        found = await passages(producer, SOURCE, suite.database)
        new = await passages(producer, SOURCE, suite.database, after=mark)
    reached = sorted(each.taken for each in found[: len(told)])[-1]
    # What came while the backlog was there; what came later had nothing before it.
    behind = [each.milliseconds for each in new if each.committed < reached]
    seconds = reached - before.at
    return {
        "events": len(told),
        "seconds": round(seconds, 2),
        "events_per_second": round(len(told) / seconds),
        "new_events": {"count": len(behind), "offered_per_second": round(len(behind) / seconds), **percentiles(behind)},
    }


async def _offer(suite: Run, stop: asyncio.Event) -> None:
    for seed in count(100):
        if stop.is_set():
            return
        await suite.offer(SOURCE, RATE, PIECE, seed=seed)
