"""``homeward dead-letters``: events that failed for good, and what to do with them."""

import json
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

import typer
from rich.console import Console
from rich.table import Table

from services.cli.connection import DEFAULT_DATA, DEFAULT_URL, Connection, Data, Token, Url, connected
from services.cli.failure import Failure
from services.cli.services import Service

app = typer.Typer(help="Work on events that could not be handled.", no_args_is_help=True)

Handler = Annotated[Service, typer.Argument(help="Who could not handle it.")]
Source = Annotated[str, typer.Argument(help="Who published it: /homeward/travel, or travel.")]
Subject = Annotated[str, typer.Argument(help="The subject's id.")]
Sequence = Annotated[int, typer.Argument(min=1, help="The event's number within source and subject.")]
AnyHandler = Annotated[Service | None, typer.Argument(help="Who could not handle it; every service without it.")]
AnySource = Annotated[str | None, typer.Argument(help="Who published it, to name a single one.")]
AnySubject = Annotated[str | None, typer.Argument(help="Its subject's id.")]
AnySequence = Annotated[int | None, typer.Argument(min=1, help="Its number within source and subject.")]
Case = Annotated[str | None, typer.Option(help="All of a case, by its id.")]
Type = Annotated[str | None, typer.Option(help="All of a type, such as travel.departed.v1.")]
Cause = Annotated[str | None, typer.Option(help="All of a cause, as `list --by-cause` shows it, or its beginning.")]
From = Annotated[str | None, typer.Option("--source", help="All that this service has published.")]
Reason = Annotated[str, typer.Option(help="Why; it is kept.", prompt=True)]

NONE_FITS = "no dead letter fits: see `homeward dead-letters list`"
_PAGE = 500


@dataclass(frozen=True)
class Wanted:
    """What the options choose."""

    service: Service | None
    case: str | None
    source: str | None
    type: str | None
    cause: str | None

    def resolved(self, gateway: Connection) -> dict[str, str]:
        """As the gateway's filter. Raises Failure."""
        names = {
            "case": self.case and _id_of(self.case),
            "source": self.source and _full(self.source),
            "type": self.type and _full_type(self.type),
            "cause": self.cause,
        }
        return {name: value for name, value in names.items() if value}


@app.command("list")
def list_letters(
    service: AnyHandler = None,
    case: Case = None,
    source: From = None,
    type: Type = None,
    cause: Cause = None,
    by_cause: Annotated[bool, typer.Option("--by-cause", help="Count them by service, type and cause.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="How many to list.")] = 200,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    url: Url = DEFAULT_URL,
    token: Token = "",
    data: Data = DEFAULT_DATA,
) -> None:
    """List dead letters, or count them by what they have in common."""
    with connected(url, token, data, "admin") as gateway:
        query = Wanted(service, case, source, type, cause).resolved(gateway) | ({"service": service} if service else {})
        if by_cause:
            answer = gateway.get("/api/dead-letters/groups", **query)
            found = answer["groups"]
        else:
            found, answer = _pages(gateway, query, limit)
    if as_json:
        typer.echo(json.dumps(found, indent=2, ensure_ascii=False))
    elif not found:
        typer.echo("no dead letters")
    else:
        _plain().print(_groups(found) if by_cause else _letters(found))
        if answer.get("next"):
            typer.echo(f"there are more than {limit}: give --limit, or --by-cause to see them grouped", err=True)
    _tell_gaps(answer["gaps"])


@app.command()
def show(
    service: Handler,
    source: Source,
    subject: Subject,
    sequence: Sequence,
    url: Url = DEFAULT_URL,
    token: Token = "",
    data: Data = DEFAULT_DATA,
) -> None:
    """Show one dead letter: envelope, failure, what waits behind it; of its data the members' names alone."""
    with connected(url, token, data, "auditor") as gateway:
        found = gateway.get(f"/api/{service}/dead-letters/{_short(source)}/{subject}/{sequence}")
    for name in ("source", "subject", "sequence", "type", "attempts", "reason", "cause", "parked_at", "waiting"):
        typer.echo(f"{name}: {found[name]}")
    for name in ("id", "time", "prevhash", "traceparent"):
        typer.echo(f"{name}: {found['envelope'].get(name, 'none')}")
    there = [name for name, given in found["members"].items() if given]
    typer.echo(f"members: {', '.join(there) or 'none'}, and {found['unknown_members']} that the schema doesn't know")
    for each in found["faults"]:
        typer.echo(f"fault: {each['member']}: {each['fault']}")
    for each in found["behind"]:
        typer.echo(f"behind it: {each['sequence']} {each['type']} {each['state']}")
    for each in found["decisions"]:
        typer.echo(f"decided: {each['decision']} by {each['decided_by']} at {each['decided_at']}: {each['reason']}")


@app.command()
def replay(
    service: AnyHandler = None,
    source: AnySource = None,
    subject: AnySubject = None,
    sequence: AnySequence = None,
    case: Case = None,
    type: Type = None,
    cause: Cause = None,
    url: Url = DEFAULT_URL,
    token: Token = "",
    data: Data = DEFAULT_DATA,
) -> None:
    """Try one dead letter, a case's or a group's again, as if they had never failed."""
    wanted = Wanted(service, case, None, type, cause)
    single = _single(wanted, source, subject, sequence)
    with connected(url, token, data, "admin") as gateway:
        if single:
            answer = gateway.post(f"/api/{service}/dead-letters/replay", single)
        else:
            answer = gateway.post("/api/dead-letters/replay", _body(wanted, gateway))
    gaps = answer.get("gaps", [])
    # One that is replayed already may be named again; a group without a member is a slip of the pen.
    if not (answer["events"] or single or gaps):
        raise Failure(NONE_FITS)
    typer.echo(f"{answer['events']} replayed; what fails again comes back to the list")
    _tell_gaps(gaps)


@app.command()
def skip(
    service: AnyHandler = None,
    source: AnySource = None,
    subject: AnySubject = None,
    sequence: AnySequence = None,
    *,
    reason: Reason,
    case: Case = None,
    type: Type = None,
    cause: Cause = None,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask whether to skip more than one.")] = False,
    url: Url = DEFAULT_URL,
    token: Token = "",
    data: Data = DEFAULT_DATA,
) -> None:
    """Never handle one dead letter, a case's or a group's; what waits behind goes on."""
    wanted = Wanted(service, case, None, type, cause)
    single = _single(wanted, source, subject, sequence)
    with connected(url, token, data, "admin") as gateway:
        if single:
            answer = gateway.post(f"/api/{service}/dead-letters/skip", single | {"reason": reason})
        else:
            body = _body(wanted, gateway)
            count = _counted(gateway, body)
            if not yes and not typer.confirm(f"Never handle these {count} events?", err=True):
                raise Failure("nothing was skipped")
            answer = gateway.post("/api/dead-letters/skip", body | {"reason": reason, "count": count})
    typer.echo(f"{answer['events']} skipped")
    _tell_gaps(answer.get("gaps", []))


@app.command()
def unreadable(
    service: AnyHandler = None, url: Url = DEFAULT_URL, token: Token = "", data: Data = DEFAULT_DATA
) -> None:
    """List elements of messages that are no events; their bytes stay in the service's database."""
    table = Table("Service", "Number", "Received", "Content type", "Bytes", "Reason", box=None)
    with connected(url, token, data, "auditor") as gateway:
        for each in [service] if service else list(Service):
            after = 0
            while after is not None:
                page = gateway.get(f"/api/{each}/unreadable", after=after, limit=_PAGE)
                for kept in page["unreadable"]:
                    cells = (kept[name] for name in ("id", "received_at", "content_type", "bytes", "reason"))
                    table.add_row(each, *map(str, cells))
                after = page["next"]
    _plain().print(table if table.row_count else "everything could be read")


@app.command()
def dismiss(
    service: Handler,
    number: Annotated[int, typer.Argument(min=1, help="Its number on the list of unreadable elements.")],
    reason: Reason,
    url: Url = DEFAULT_URL,
    token: Token = "",
    data: Data = DEFAULT_DATA,
) -> None:
    """Delete an element that could not be read; who decided that and why stays on record."""
    with connected(url, token, data, "admin") as gateway:
        gateway.post(f"/api/{service}/unreadable/{number}/dismiss", {"reason": reason})
    typer.echo("dismissed")


def _pages(gateway: Connection, query: dict[str, Any], limit: int) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    found: list[dict[str, Any]] = []
    gaps: set[str] = set()
    answer: dict[str, Any] = {"next": None}
    while True:
        size = min(_PAGE, limit - len(found))
        answer = gateway.get("/api/dead-letters", **query, after=answer["next"], limit=size)
        found += answer["dead_letters"]
        gaps.update(answer["gaps"])
        if not answer["next"] or len(found) >= limit:
            return found, answer | {"gaps": sorted(gaps)}


def _letters(found: list[dict[str, Any]]) -> Table:
    table = Table("Service", "Source", "Subject", "Sequence", "Type", "Attempts", "Waiting", "Reason", box=None)
    names = ("service", "source", "subject", "sequence", "type", "attempts", "waiting", "reason")
    for letter in found:
        table.add_row(*(str(letter[name]) for name in names))
    return table


def _groups(found: list[dict[str, Any]]) -> Table:
    table = Table("Service", "Type", "Cause", "Count", "Oldest", "Waiting", "For example", box=None)
    for group in found:
        cells = (str(group[name]) for name in ("service", "type", "cause", "count"))
        example = f"{_short(group['source'])} {group['example_subject']} {group['example_sequence']}"
        table.add_row(*cells, group["oldest"][:19], str(group["waiting"]), example)
    return table


def _single(
    wanted: Wanted, source: str | None, subject: str | None, sequence: int | None
) -> dict[str, str | int] | None:
    """One dead letter, if the arguments name one. Raises Failure when they name neither one nor a group."""
    group = wanted.case or wanted.type or wanted.cause
    if wanted.service and source and subject and sequence and not group:
        return {"source": _full(source), "subject": subject, "sequence": sequence}
    if source or not group:
        raise Failure("name one by SERVICE SOURCE SUBJECT SEQUENCE, or more with --case, --type or --cause")
    return None


def _body(wanted: Wanted, gateway: Connection) -> dict[str, Any]:
    return wanted.resolved(gateway) | ({"services": [wanted.service]} if wanted.service else {})


def _counted(gateway: Connection, body: dict[str, Any]) -> int:
    """How many would be skipped, shown by cause. Raises Failure when there is none."""
    query = {name: value for name, value in body.items() if name != "services"}
    groups = gateway.get("/api/dead-letters/groups", **query, service=body.get("services"))["groups"]
    if not groups:
        raise Failure(NONE_FITS)
    Console(highlight=False, stderr=True, width=200).print(_groups(groups))
    return sum(group["count"] for group in groups)


def _id_of(case: str) -> str:
    try:
        return str(UUID(case))
    except ValueError:
        raise Failure(f"{case} is no case's id: take it from `homeward dead-letters list`") from None


def _tell_gaps(gaps: list[str]) -> None:
    if gaps:
        raise Failure(f"no answer from {', '.join(gaps)}: try again when they are there")


def _plain() -> Console:
    console = Console(highlight=False, soft_wrap=True)
    if not console.is_terminal:
        console.width = 220
    return console


def _full(source: str) -> str:
    return source if source.startswith("/") else f"/homeward/{source}"


def _short(source: str) -> str:
    return source.rsplit("/", 1)[-1]


def _full_type(type: str) -> str:
    return type if type.startswith("org.") else f"org.homeward.{type}"
