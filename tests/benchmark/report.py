"""docs/benchmark.md, made of docs/benchmark.json: what was promised, what was found, what that means."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tests.benchmark.consuming import Figures
from tests.benchmark.plot import number
from tests.benchmark.plots import NAMES
from tests.benchmark.prose import AGENCIES, GROWTH, HEAD, LATENCY, ONCE, REPEAT


@dataclass(frozen=True)
class Promise:
    """What was promised of a figure."""

    words: str
    group: str
    key: str
    holds: Callable[[float], bool]
    bound: str
    unit: str = ""

    def value(self, figures: Figures) -> float | None:
        """What was found; None when it was not measured."""
        found = figures.get(self.group)
        for part in self.key.split("."):
            found = found.get(part) if found is not None else None
        return found


PROMISES = (
    Promise("times FastStream with an ORM", "exactly_once", "ratio_to_faststream", lambda x: x >= 15, "≥ 15"),
    Promise("times the leanest of FastStream", "exactly_once", "ratio_to_lean_faststream", lambda x: x >= 4, "≥ 4"),
    Promise("times what bare aio-pika publishes", "exactly_once", "ratio_to_bare_publish", lambda x: x > 1, "> 1"),
    Promise("latency, half of the events", "latency", "p50_ms", lambda x: x < 10, "< 10 ms", " ms"),
    Promise("latency, 99 % of the events", "latency", "p99_ms", lambda x: x < 50, "< 50 ms", " ms"),
    Promise("handled at too much load, of the best", "latency", "ratio_saturated_to_best", lambda x: x >= 0.9, "≥ 0.9"),
    Promise("two processes, times one", "scale_out", "ratio_two_to_one", lambda x: x > 1, "> 1"),
    Promise(
        "rate with most cases stored, times the first", "growth", "ratio_last_to_first", lambda x: x >= 0.9, "≥ 0.9"
    ),
    Promise("bytes written per event, times the first", "growth", "ratio_of_bytes", lambda x: x <= 1.1, "≤ 1.1"),
    Promise("memory per process, times the first", "growth", "ratio_of_memory", lambda x: x <= 1.1, "≤ 1.1"),
    Promise(
        "events delivered to 200 agencies", "agencies", "delivered_per_second", lambda x: x >= 1000, "≥ 1000/s", "/s"
    ),
    Promise(
        "latency to agencies with one dead, times without", "agencies", "ratio_of_p99", lambda x: x <= 1.2, "≤ 1.2"
    ),
    Promise("new events while catching up, 99 %", "catch_up", "new_events.p99_ms", lambda x: x < 1000, "< 1 s", " ms"),
)


def verdicts(figures: Figures) -> list[tuple[str, str, str, str]]:
    """(what, promised, measured, met or not) of every promise whose figure is there."""
    found = [(promise, promise.value(figures)) for promise in PROMISES]
    return [
        (each.words, each.bound, number(value) + each.unit, "met" if each.holds(value) else "**not met**")
        for each, value in found
        if value is not None
    ]


def document(figures: Figures) -> str:
    """The whole page."""
    parts = [HEAD.format(machine=_machine(figures), groups=_dates(figures))]
    parts.append(_table(("promised", "target", "measured", ""), verdicts(figures)))
    sections = {
        "exactly_once": _exactly_once,
        "latency": _latency,
        "scale_out": _scale_out,
        "growth": _growth,
        "catch_up": _catch_up,
        "inprocess": _inprocess,
        "agencies": _agencies,
    }
    for name, section in sections.items():
        if name in figures:
            parts += section(figures[name])
    return "\n\n".join([*parts, REPEAT]) + "\n"


def _machine(figures: Figures) -> str:
    machine, versions = figures["machine"], figures["versions"]
    names = {"homeward": "Homeward's libraries", "others": "the others'"}
    libraries = "; ".join(
        f"{words}: {', '.join(f'{name} {number}' for name, number in versions[key].items())}"
        for key, words in names.items()
    )
    return (
        f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gb']} GB,"
        f" {machine['system']} {machine['kernel']}; Python {versions['python']}, PostgreSQL {versions['postgresql']},"
        f" RabbitMQ {versions['rabbitmq']}. {libraries}."
    )


def _dates(figures: Figures) -> str:
    runs = figures["runs"]
    stamps = {(run["date"][:10], run["commit"], run["quick"]) for run in runs.values()}
    if len(stamps) == 1:
        date, commit, quick = stamps.pop()
        return f"Measured {date} at commit {commit}{', in the quick form' if quick else ''}."
    each = (
        f"{name} {run['date'][:10]} at {run['commit']}{' (quick form)' if run['quick'] else ''}"
        for name, run in runs.items()
    )
    return f"Measured: {'; '.join(each)}."


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    marks = ["---", *("---:" for _ in head[1:])]
    return "\n".join(f"| {' | '.join(map(str, row))} |" for row in (head, marks, *rows))


def _plot(name: str, words: str) -> str:
    return f"![{words}](images/benchmark-{name}.svg)"


def _exactly_once(found: Figures) -> Iterator[str]:
    yield "## Events handled exactly once"
    yield ONCE
    yield _plot("exactly-once", "Events per second of each contestant")
    rows = []
    for name, each in sorted(found["contestants"].items(), key=lambda item: -item[1]["events_per_second"]):
        runs = each["runs"]
        rate = each["events_per_second"]
        rows.append(
            (
                NAMES[name],
                number(rate),
                " ".join(number(run["events_per_second"]) for run in runs),
                number(found["events_per_second"] / rate),
                _per_event(runs, "cpu_service"),
                _per_event(runs, "cpu_postgres"),
                _per_event(runs, "cpu_broker"),
                number(max(run.get("rss_mb", 0) for run in runs)) if name != "bare_publish" else "",
            )
        )
    yield _table(
        ("", "events/s", "each run", "travel is times", "its CPU, µs", "PostgreSQL's", "RabbitMQ's", "memory, MB"), rows
    )
    yield (
        f"Travel handles {number(found['ratio_to_faststream'])} times what FastStream with an ORM does,"
        f" {number(found['ratio_to_lean_faststream'])} times the leanest FastStream handler,"
        f" {number(found['ratio_to_celery'])} times Celery, and {number(found['ratio_to_bare_publish'])} times what"
        " bare aio-pika publishes. CPU is per event, of all the contestant's processes and of the servers. The least"
        " handler does what the others do, no more."
    )


def _per_event(runs: Sequence[Figures], key: str) -> str:
    spent = [1e6 * run[key] / run["events"] for run in runs]
    return number(round(sum(spent) / len(spent))) if any(spent) else ""


def _latency(found: Figures) -> Iterator[str]:
    yield "## From commit to commit"
    yield LATENCY.format(rate=found["offered_per_second"])
    yield _plot("latency", "Share of events that took longer")
    yield _table(
        ("events", "half", "99 %", "99.9 %", "all"),
        [(number(found["events"]), *(f"{number(found[key])} ms" for key in _PERCENTILES))],
    )
    yield "More is offered then, up to twice of what one process handles; nothing waits for anything to be handled."
    yield _plot("saturation", "Events handled of events offered")
    yield _table(
        ("wanted/s", "offered/s", "handled/s", "left at the end", "handled after, s", "half", "99 %", "all"),
        [
            (
                *(
                    number(step[key])
                    for key in ("wanted_per_second", "offered_per_second", "handled_per_second", "left")
                ),
                number(step["drained_s"]),
                *(f"{number(step[key])} ms" for key in ("p50_ms", "p99_ms", "max_ms")),
            )
            for step in found["saturation"]
        ],
    )
    if any(step["offered_per_second"] < 0.9 * step["wanted_per_second"] for step in found["saturation"]):
        yield "Where less was offered than wanted, the producer, which shares the cores, could commit no more."


_PERCENTILES = ("p50_ms", "p99_ms", "p99_9_ms", "max_ms")


def _scale_out(found: Figures) -> Iterator[str]:
    yield "## Two processes of one service"
    yield "Both take from one queue and write to one database; the backlog waits before they start."
    yield _plot("scale-out", "Events per second of one process and of two")
    rows = []
    for kind in ("travel", "gateway"):
        for key, words in (("one", "one process"), ("two", "two processes")):
            each = found[kind][key]
            busy = each["cores_busy"]
            rows.append(
                (
                    f"{kind}, {words}",
                    number(each["events_per_second"]),
                    *(number(busy[part]) for part in _PARTS),
                    number(sum(busy.values())),
                )
            )
    yield _table(("", "events/s", "cores: service", "PostgreSQL", "RabbitMQ", "producers' logs", "all"), rows)
    busy = sum(found["travel"]["two"]["cores_busy"].values())
    bound = "The cores are the bound" if busy > 0.85 * found["cores"] else "The cores are not all in use"
    yield (
        f"{bound}: with two processes {number(busy)} of {found['cores']} are busy. Two processes of travel handle"
        f" {number(found['travel']['ratio_two_to_one'])} times what one does, of the gateway"
        f" {number(found['gateway']['ratio_two_to_one'])} times."
    )
    yield (
        "Cases are spread over the whole backlog, so both processes hold some of the same cases at any time and wait"
        " for each other's locks; [decision 15](decisions/0015-replicas-share-a-queue.md) says what it would take to"
        " change that."
    )


_PARTS = ("service", "postgres", "broker", "producers")


def _growth(found: Figures) -> Iterator[str]:
    yield "## Growth"
    yield GROWTH
    yield _plot("growth", "Events per second over cases stored")
    keys = ("cases", "events_per_second", "wal_bytes_per_event", "stored_bytes_per_event", "rss_mb", "ready_s")
    yield _table(
        (
            "cases stored",
            "events/s",
            "written per event, bytes",
            "stored per event, bytes",
            "memory, MB",
            "ready after, s",
        ),
        [[number(step[key]) for key in keys] for step in found["steps"]],
    )


def _catch_up(found: Figures) -> Iterator[str]:
    new = found["new_events"]
    yield "## Catching up"
    yield (
        f"Travel was stopped while {number(found['events'])} events came. It starts, and"
        f" {new['offered_per_second']} new events a second, of other cases, keep coming until it is through. A"
        " queue as long as this is emptied and caught up from the producer's log, while new events come over the bus."
    )
    yield _plot("catch-up", "How long new events take while a consumer catches up")
    yield _table(
        ("events", "seconds", "events/s", "new events", "half", "99 %", "all"),
        [
            (
                number(found["events"]),
                number(found["seconds"]),
                number(found["events_per_second"]),
                number(new["count"]),
                *(f"{number(new[key])} ms" for key in ("p50_ms", "p99_ms", "max_ms")),
            )
        ],
    )


def _inprocess(found: Figures) -> Iterator[str]:
    yield "## The embedded suite"
    yield (
        f"`homeward demo`: {found['persons']} people from registration to the last visit, all services in one"
        " process on the in-process bus, every step a request to the API."
    )
    yield _plot("inprocess", "Journeys per second")
    yield (
        f"{number(found['journeys_per_second'])} journeys a second, {number(found['events_per_second'])} events handled"
        " a second, requests and the simulator's own work included."
    )


def _agencies(found: Figures) -> Iterator[str]:
    yield "## Two hundred agencies"
    yield AGENCIES.format(agencies=found["agencies"], cases=found["cases"])
    rows = []
    for name, words in (("well", "all well"), ("dead", "one dead")):
        for each in found[name]:
            ways = (each["ways"][way][key] for way in ("feed", "webhook") for key in ("p50_ms", "p99_ms"))
            spent = sum(each["cpu"].values()) / each["events"] * 1000
            rows.append(
                (
                    f"{words}, {number(each['wanted_per_second'])}/s",
                    number(each["offered_per_second"]),
                    number(each["delivered_per_second"]),
                    *(f"{number(ms)} ms" for ms in ways),
                    number(round(spent, 2)),
                )
            )
    head = ("", "offered/s", "delivered/s", "feed, half", "99 %", "webhook, half", "99 %", "CPU of all per event, ms")
    yield _table(head, rows)
    busy = found["dead"][1]["cpu"]
    parts = ", ".join(
        f"{name} {number(round(1000 * spent / found['dead'][1]['events'], 2))}" for name, spent in busy.items()
    )
    yield f"What an event costs at the larger load, in milliseconds of CPU: {parts}."
