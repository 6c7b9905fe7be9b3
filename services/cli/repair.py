"""``homeward reconcile``, ``homeward events verify`` and what they have in common: asked page by page, summed here."""

import json
import time
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from services.cli.connection import DEFAULT_DATA, DEFAULT_URL, Connection, Data, Token, Url, connected
from services.cli.services import Producer, Service

app = typer.Typer()

#: Events that a service verifies for one answer.
_EVENTS = 2000
#: Broken links that are named for each service; all are counted.
_NAMED = 50
#: Seconds between two looks while waiting.
_PAUSE = 0.5
_SUMS = ("subjects", "events_behind", "subjects_behind", "ahead", "differing")
_COLUMNS = {
    "events_behind": "Events behind", "oldest_seconds": "Oldest (s)", "subjects_behind": "Subjects behind",
    "parked": "Parked", "dead": "Dead", "diverged": "Diverged", "ahead": "Ahead", "differing": "Differing",
    "unreadable": "Unreadable",
}  # fmt: skip


@app.command()
def reconcile(
    service: Annotated[list[Service] | None, typer.Argument(help="Which consumers; all without it.")] = None,
    wait: Annotated[float, typer.Option(min=0, help="Seconds to give the suite to become even.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    url: Url = DEFAULT_URL,
    token: Token = "",
    data: Data = DEFAULT_DATA,
) -> None:
    """Compare every consumer's positions with its producers' logs, and change nothing.

    Exit code 0 when all is even; 1 when a consumer is behind a producer, a subject has diverged, or a log ends before
    what was handled. A dead letter counts as behind until it is replayed or skipped.
    """
    with connected(url, token, data, "auditor") as gateway:
        end = time.monotonic() + wait
        found = [_consumer(gateway, each) for each in service or list(Service)]
        while (uneven := _uneven(found)) and time.monotonic() < end:
            time.sleep(_PAUSE)
            found = [_consumer(gateway, each) for each in service or list(Service)]
    if as_json:
        typer.echo(json.dumps({"even": not uneven, "consumers": found}, indent=2))
    else:
        _print_lag(found)
    if uneven:
        raise typer.Exit(1)


def verify(
    service: Annotated[list[Producer] | None, typer.Argument(help="Whose log; all of them without it.")] = None,
    url: Url = DEFAULT_URL,
    token: Token = "",
    data: Data = DEFAULT_DATA,
) -> None:
    """Hash every event of the logs again and name the first broken link of each subject; exit code 1 if there is one.

    Checks that sequences are dense, that each event hangs on the one before it, that its hash is that of its content
    and of what is published, and that the log's heads agree.
    """
    broken = 0
    with connected(url, token, data, "auditor") as gateway:
        for each in service or list(Producer):
            broken += _verify(gateway, each)
    if broken:
        raise typer.Exit(1)


def _verify(gateway: Connection, producer: Producer) -> int:
    events = subjects = broken = 0
    last: str | None = None
    with progress_of(f"verifying {producer}") as progress:
        task = progress.add_task("", total=None)
        for page in _verified(gateway, producer):
            events, subjects = events + page["events"], subjects + page["subjects"]
            progress.update(task, completed=events, total=max(events, page.get("total", 0)) or None)
            for link in page["broken"]:
                # A subject that goes on over two pages may be named on both.
                if link["subject"] != last:
                    broken += 1
                    if broken <= _NAMED:
                        typer.echo(f"/homeward/{producer} {link['subject']} {link['sequence']}: {link['what']}")
                last = link["subject"]
    more = f", {broken - _NAMED} not named here" if broken > _NAMED else ""
    typer.echo(f"{producer}: {events} events of {subjects} subjects, {broken or 'no'} broken chains{more}")
    return broken


def _verified(gateway: Connection, producer: Producer) -> Iterator[dict[str, Any]]:
    total = 0
    after: dict[str, Any] = {}
    while True:
        page = gateway.get(f"/api/{producer}/events/verification", limit=_EVENTS, **after)
        total = page.setdefault("total", total)
        yield page
        if page["next"] is None:
            return
        after = page["next"]


def progress_of(what: str) -> Progress:
    """A bar on a terminal, and nothing elsewhere."""
    return Progress(
        TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
        console=Console(stderr=True), transient=True, disable=not Console(stderr=True).is_terminal,
    )  # fmt: skip


def _consumer(gateway: Connection, service: Service) -> dict[str, Any]:
    """How far one consumer is behind each of its producers."""
    known = gateway.get(f"/api/{service}/lag")
    sources = {
        source: _behind(gateway, service, source.rsplit("/", 1)[-1]) | held
        for source, held in sorted(known["sources"].items())
    }
    return {"consumer": service.value, "sources": sources, "unreadable": known["unreadable"]} | {
        "diverged": known["diverged"]
    }


def _behind(gateway: Connection, service: Service, source: str) -> dict[str, Any]:
    sums: dict[str, Any] = dict.fromkeys(_SUMS, 0) | {"oldest_seconds": 0.0}
    after: str | None = ""
    while after is not None:
        page = gateway.get(f"/api/{service}/lag/{source}", after=after)
        sums |= {name: sums[name] + page[name] for name in _SUMS}
        sums["oldest_seconds"] = max(sums["oldest_seconds"], page["oldest_seconds"])
        after = page["next"]
    return sums


def _uneven(found: list[dict[str, Any]]) -> bool:
    wrong = ("events_behind", "diverged", "ahead", "differing")
    return any(lag[name] for each in found for lag in each["sources"].values() for name in wrong)


def _print_lag(found: list[dict[str, Any]]) -> None:
    table = Table("Consumer", "Producer", box=None)
    for title in _COLUMNS.values():
        table.add_column(title, justify="right")
    for each in found:
        for number, (source, lag) in enumerate(each["sources"].items()):
            # What can't be read has no source: it is told once for each consumer.
            table.add_row(each["consumer"], source, *_cells(lag | {"unreadable": "" if number else each["unreadable"]}))
    console = Console(highlight=False, soft_wrap=True)
    if not console.is_terminal:
        console.width = 200
    console.print(table)
    for each in found:
        for subject in each["diverged"]:
            place = f"{subject['source']} {subject['subject']} {subject['sequence']}"
            typer.echo(f"{each['consumer']} has stopped at {place}: {subject['reason']}")


def _cells(lag: Mapping[str, Any]) -> Iterator[str]:
    for name in _COLUMNS:
        yield f"{lag[name]:.1f}" if name == "oldest_seconds" else str(lag[name])
