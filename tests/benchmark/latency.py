"""From the commit in one service to the commit in the next, with the real relay, broker and consumer between them."""

from shared.contracts.screening import SOURCE
from tests.benchmark.consuming import Figures, Run
from tests.benchmark.meters import Passage, install, log_end, passages, percentiles
from tests.benchmark.session import Session

#: Events a second at which the promise is given.
RATE = 100
#: Shares of what one process can handle that are offered, the last of them far too much.
LOADS = (0.1, 0.25, 0.5, 0.75, 1.0, 2.0)


async def run(session: Session) -> Figures:
    """A steady load first, then more and more of it."""
    async with Run(session.lab, "travel") as suite:
        await install(suite.database)
        await suite.start()
        await suite.ready(suite.processes[0])
        session.tell("warming up")
        await _offered(suite, session, RATE, 3, seed=1)
        session.tell(f"{RATE} events a second")
        steady = await _offered(suite, session, RATE, session.choose(20, 60), seed=2)
        loads = session.choose(LOADS[-2:], LOADS)
        saturation = []
        for number, load in enumerate(loads):
            rate = load * session.capacity
            session.tell(f"{rate:,.0f} events a second")
            found = await _offered(suite, session, rate, session.choose(8, 20), seed=3 + number)
            saturation.append(_loaded(load, rate, found))
            session.tell(f"{rate:,.0f} events a second: {saturation[-1]['handled_per_second']:,} handled")
    latency = [each.milliseconds for each in steady]
    best = max(each["handled_per_second"] for each in saturation)
    return {
        **percentiles(latency),
        "events": len(latency),
        "offered_per_second": RATE,
        "distribution_ms": _distribution(latency),
        "saturation": saturation,
        "ratio_saturated_to_best": round(saturation[-1]["handled_per_second"] / best, 2),
    }


async def _offered(suite: Run, session: Session, rate: float, seconds: float, *, seed: int) -> list[Passage]:
    producer = suite.producers.each[SOURCE].log.database
    before = await log_end(producer)
    await suite.offer(SOURCE, rate, seconds, seed=seed)
    await suite.caught_up(SOURCE, session.tell)
    return await passages(producer, SOURCE, suite.database, after=before)


def _loaded(load: float, rate: float, found: list[Passage]) -> Figures:
    """What was handled while it was offered, what was left at the end of that, and how long events took."""
    first, last = found[0].committed, found[-1].committed
    handled = sum(each.taken <= last for each in found)
    return {
        "load": load,
        "wanted_per_second": round(rate),
        "offered_per_second": round(len(found) / (last - first)),
        "handled_per_second": round(handled / (last - first)),
        "left": len(found) - handled,
        "drained_s": round(max(each.taken for each in found) - last, 2),
        **percentiles([each.milliseconds for each in found]),
    }


def _distribution(latency: list[float]) -> list[tuple[float, float]]:
    """(share, milliseconds) of a hundred ranks and of the last thousandths, for the plot."""
    ranked = sorted(latency)
    shares = [*(each / 100 for each in range(100)), 0.995, 0.999, 1.0]
    return [(share, round(ranked[min(len(ranked) - 1, int(share * len(ranked)))], 2)) for share in shares]
