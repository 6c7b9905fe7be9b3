"""``homeward events``: the producers' logs and what consumers made of them."""

import json
import sys
import time
from collections.abc import Iterator
from typing import Annotated, Any
from uuid import UUID

import typer
from rich.console import Console
from rich.table import Table

from services.cli.connection import DEFAULT_DATA, DEFAULT_URL, Connection, Data, Token, Url, connected
from services.cli.failure import Failure
from services.cli.repair import verify
from services.cli.services import Producer, Service

app = typer.Typer(help="Look into the logs of events, and have consumers catch up.", no_args_is_help=True)
app.command()(verify)

#: Seconds between two looks at the logs while following.
_PAUSE = 1.0
_PAGE = 500


def route(service: str, path: str) -> str:
    """A service's internal route as the gateway serves it; the gateway's own is its own."""
    return path if service == Service.GATEWAY else f"/api/{service}{path}"


@app.command()
def tail(
    service: Annotated[list[Producer] | None, typer.Argument(help="Whose log; all of them without it.")] = None,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, max=10_000, help="Events to begin with.")] = 20,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as events are recorded.")] = False,
    url: Url = DEFAULT_URL,
    token: Token = "",
    data: Data = DEFAULT_DATA,
) -> None:
    """Show the last events, one a line: time, type, subject and sequence."""
    with connected(url, token, data, "admin") as gateway:
        positions = {each: _last(gateway, each) for each in service or list(Producer)}
        begin = {each: max(0, position - lines) for each, position in positions.items()}
        found, positions = _after(gateway, begin)
        for event in found[-lines:] if lines else []:
            _print_line(event)
        while follow:
            time.sleep(_PAUSE)
            found, positions = _after(gateway, positions)
            for event in found:
                _print_line(event)


@app.command()
def show(
    event: Annotated[UUID, typer.Argument(help="An event's id, or a subject's: all its events.")],
    url: Url = DEFAULT_URL,
    token: Token = "",
    data: Data = DEFAULT_DATA,
) -> None:
    """Show events in full, as CloudEvents in JSON."""
    with connected(url, token, data, "admin") as gateway:
        found = [each for producer in Producer for each in _about(gateway, producer, event)]
    if not found:
        raise Failure(f"no log has an event or a subject {event}: see `homeward events tail`")
    for each in sorted(found, key=_in_time):
        typer.echo(json.dumps(each, indent=2, ensure_ascii=False))


@app.command()
def lost(url: Url = DEFAULT_URL, token: Token = "", data: Data = DEFAULT_DATA) -> None:
    """List what services whose database was set back have lost: it must be entered again."""
    table = Table("Service", "Subject", "Events", "Noticed", box=None)
    with connected(url, token, data, "admin") as gateway:
        for producer in Producer:
            for each in _gone(gateway, producer):
                first, last = each["lost_from"], each["lost_upto"]
                numbers = str(first) if first == last else f"{first} to {last}"
                table.add_row(producer, each["subject"], numbers, each["recorded_at"][:16].replace("T", " "))
    if table.row_count:
        Console().print(table)
    typer.echo(f"{table.row_count} subjects have lost events" if table.row_count else "nothing is lost")


@app.command()
def without(
    follower: Annotated[Service, typer.Argument(help="Who will not report.")],
    service: Annotated[Producer, typer.Argument(help="Whose database was set back.")],
    reason: Annotated[str, typer.Option(help="Why: the service's log keeps it.")],
    url: Url = DEFAULT_URL,
    token: Token = "",
    data: Data = DEFAULT_DATA,
) -> None:
    """Have a service whose database was set back go on without a follower that will never report.

    Numbers that only this follower has handled are not found to be lost: it will take what comes under them for
    something that it has had. So it is for a follower whose database is lost.
    """
    with connected(url, token, data, "admin") as gateway:
        gateway.post(route(service, "/restoration/without"), {"follower": follower, "reason": reason})
    typer.echo(f"{service} doesn't wait for {follower}")


@app.command()
def replay(
    service: Annotated[list[Service] | None, typer.Argument(help="Who is to catch up; all without it.")] = None,
    from_nothing: Annotated[
        bool, typer.Option("--from-nothing", help="Rebuild a projection beside the one that serves, then swap them.")
    ] = False,
    url: Url = DEFAULT_URL,
    token: Token = "",
    data: Data = DEFAULT_DATA,
) -> None:
    """Have consumers compare the logs with what they have handled, and handle what is missing."""
    table = Table("Consumer", "Events fetched", box=None)
    with connected(url, token, data, "admin") as gateway:
        if from_nothing:
            if service != [Service.GATEWAY]:
                raise Failure("only the gateway's projection is rebuilt from nothing: others only move forward")
            _rebuild(gateway)
            return
        for each in service or list(Service):
            table.add_row(each, str(_compared(gateway, each)))
    Console(highlight=False).print(table)


def _gone(gateway: Connection, producer: Producer) -> Iterator[dict[str, Any]]:
    page: dict[str, Any] = {"next": {}}
    while page["next"] is not None:
        page = gateway.get(route(producer, "/restoration/lost"), **page["next"])
        yield from page["lost"]


def _compared(gateway: Connection, service: Service) -> int:
    """How many events a service has fetched, when its comparison has ended; meanwhile how far it is is told."""
    report = gateway.post(route(service, "/replay"))
    while report["running"]:
        so_far = f"{report['compared']} of {report['producers']} logs compared, {report['fetched']} events fetched"
        typer.echo(f"{service}: {so_far}", err=True)
        # It joins what is under way; a replica that knows of nothing begins, for the answer may come from any.
        report = gateway.post(route(service, "/replay"))
    return int(report["fetched"])


def _rebuild(gateway: Connection) -> None:
    report: dict[str, Any] = {"state": "failed", "error": "the answer broke off; ask again to see how far it is"}
    for report in gateway.lines("/replay", from_nothing=True):
        if report["state"] == "running" and sys.stderr.isatty():
            typer.echo(f"{report['events']} of about {report['total']} events", err=True)
    if report["state"] != "done":
        raise Failure(str(report["error"]))
    typer.echo(f"rebuilt from {report['events']} events in {report['seconds']:.1f} s")


def _last(gateway: Connection, service: Producer) -> int:
    return int(gateway.get(route(service, "/events/last"))["position"])


def _about(gateway: Connection, service: Producer, name: UUID) -> Iterator[dict[str, Any]]:
    after: int | None = 0
    while after is not None:
        page = gateway.get(route(service, f"/events/about/{name}"), after=after, limit=_PAGE)
        yield from page["events"]
        after = page["next"]


def _after(gateway: Connection, positions: dict[Producer, int]) -> tuple[list[dict[str, Any]], dict[Producer, int]]:
    """Events after these positions in order of time, and the positions that follow."""
    found: list[dict[str, Any]] = []
    reached = dict(positions)
    for service in positions:
        while True:
            page = gateway.get(route(service, "/events"), after=reached[service], limit=_PAGE)
            found += page["events"]
            reached[service] = page["next"]
            if len(page["events"]) < _PAGE:
                break
    return sorted(found, key=_in_time), reached


def _in_time(event: dict[str, Any]) -> tuple[str, str]:
    return event["time"], event["id"]


def _print_line(event: dict[str, Any]) -> None:
    name = event["type"].removeprefix("org.homeward.")
    typer.echo(f"{event['time'][:19]}Z  {name:<40}  {event['subject']}  {event['sequence']}")
