"""One plot for each group of measurements."""

from collections.abc import Callable

from tests.benchmark.consuming import Figures
from tests.benchmark.plot import OTHERS, OURS, THIRD, Axis, Bar, Series, axis, bars, lines, number

#: What the contestants are called where people read.
NAMES = {
    "travel": "Homeward: travel",
    "gateway": "Homeward: gateway",
    "tally": "Homeward: least handler",
    "bare_publish": "aio-pika, publishing only",
    "lean_faststream": "FastStream, leanest",
    "faststream": "FastStream, ORM",
    "celery": "Celery, ORM, 2 workers",
}


def exactly_once(found: Figures) -> str:
    """Everybody's rate."""
    given = [
        Bar(NAMES[name], each["events_per_second"], ours=name in ("travel", "gateway", "tally"))
        for name, each in found["contestants"].items()
    ]
    given.sort(key=lambda bar: -bar.value)
    return bars(
        "Events handled exactly once",
        "each with its outgoing event published and confirmed; gateway publishes nothing",
        "events per second",
        given,
    )


def latency(found: Figures) -> str:
    """Which share of events took longer than so many milliseconds."""
    points = [(ms, 100 * (1 - share)) for share, ms in found["distribution_ms"] if share < 1]
    across = axis("milliseconds from commit to commit", [max(ms, 1) for ms, _ in points], log=True)
    up = Axis("slower events, %", 0.1, 100, log=True)
    goals = [Series("promised: half in 10 ms, 99 % in 50 ms", THIRD, [(10, 100), (10, 50), (50, 50), (50, 1)], True)]
    return lines(
        f"Latency at {found['offered_per_second']} events a second",
        f"half within {number(found['p50_ms'])} ms, 99 % within {number(found['p99_ms'])} ms",
        across,
        up,
        [Series("measured", OURS, points), *(goal for goal in goals if across.high >= 50)],
        marks=False,
    )


def saturation(found: Figures) -> str:
    """What is handled of what is offered."""
    steps = found["saturation"]
    offered = [step["offered_per_second"] for step in steps]
    handled = [step["handled_per_second"] for step in steps]
    across, up = axis("events offered per second", offered), axis("events handled per second", offered)
    return lines(
        "Under more and more load",
        f"at the most, {number(found['ratio_saturated_to_best'])} of the best rate is handled",
        across,
        up,
        [
            Series("handled", OURS, list(zip(offered, handled, strict=True))),
            Series("all of it", OTHERS, [(0, 0), (max(offered), max(offered))], dashed=True),
        ],
    )


def scale_out(found: Figures) -> str:
    """One process and two."""
    given = [
        Bar(f"{kind}, {words}", found[kind][key]["events_per_second"], note, ours=key == "two")
        for kind in ("travel", "gateway")
        for key, words, note in (
            ("one", "one process", ""),
            ("two", "two processes", f"{number(found[kind]['ratio_two_to_one'])} times"),
        )
    ]
    return bars(
        "Two processes of one service",
        f"on one database and one queue, {found['cores']} cores for everything",
        "events per second",
        given,
    )


def growth(found: Figures) -> str:
    """Rate over what is stored."""
    points = [(step["cases"], step["events_per_second"]) for step in found["steps"]]
    across = axis("cases stored", [cases for cases, _ in points], log=True)
    return lines(
        "Growth",
        f"the last is {number(found['ratio_last_to_first'])} times the first",
        across,
        axis("events per second", [rate for _, rate in points]),
        [Series("travel", OURS, points)],
    )


def catch_up(found: Figures) -> str:
    """The rate, and what new events wait meanwhile."""
    new = found["new_events"]
    waits = [
        (key, f"{name} of new events") for key, name in (("p50_ms", "half"), ("p99_ms", "99 %"), ("max_ms", "all"))
    ]
    return bars(
        f"Catching up with {found['events']:,} events",
        f"at {number(found['events_per_second'])} events per second; new ones wait meanwhile",
        "milliseconds from commit to commit",
        [Bar(name, new[key], ours=True) for key, name in waits],
    )


def inprocess(found: Figures) -> str:
    """Journeys of the demonstration."""
    given = [
        Bar(f"run {place}", each["journeys_per_second"], f"{each['events_per_second']:,} events/s", ours=True)
        for place, each in enumerate(found["runs"], 1)
    ]
    return bars(
        "The embedded suite",
        f"{found['persons']} whole journeys through the API, one process, in-process bus",
        "journeys per second",
        given,
    )


#: Of which group's figures each is drawn.
PLOTS: dict[str, tuple[str, Callable[[Figures], str]]] = {
    "exactly-once": ("exactly_once", exactly_once),
    "latency": ("latency", latency),
    "saturation": ("latency", saturation),
    "scale-out": ("scale_out", scale_out),
    "growth": ("growth", growth),
    "catch-up": ("catch_up", catch_up),
    "inprocess": ("inprocess", inprocess),
}
