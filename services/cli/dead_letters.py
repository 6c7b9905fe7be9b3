"""``homeward dead-letters``: events that failed for good, and what to do with them."""

from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from services.cli.connection import DEFAULT_DATA, DEFAULT_URL, Connection, Data, Token, Url, connected
from services.cli.events import route
from services.cli.failure import Failure
from services.cli.services import Service

app = typer.Typer(help="Work on events that could not be handled.", no_args_is_help=True)

Handler = Annotated[Service, typer.Argument(help="Who could not handle it.")]
Source = Annotated[str, typer.Argument(help="Who published it: /homeward/travel, or travel.")]
Subject = Annotated[str, typer.Argument(help="The subject's id.")]
Sequence = Annotated[int, typer.Argument(min=1, help="The event's number within source and subject.")]


@app.command("list")
def list_letters(url: Url = DEFAULT_URL, token: Token = "", data: Data = DEFAULT_DATA) -> None:
    """List every service's dead letters."""
    with connected(url, token, data, "auditor") as gateway:
        found = [(each, letter) for each in Service for letter in _letters(gateway, each)]
    console = Console(highlight=False)
    if not found:
        console.print("no dead letters")
        return
    table = Table("Service", "Source", "Subject", "Sequence", "Type", "Attempts", "Waiting", "Reason", box=None)
    for service, letter in found:
        cells = (letter[name] for name in ("source", "subject", "sequence", "type", "attempts", "waiting", "reason"))
        table.add_row(service, *map(str, cells))
    console.print(table)


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
    """Show one dead letter."""
    key = (_full(source), subject, sequence)
    with connected(url, token, data, "auditor") as gateway:
        found = [each for each in _letters(gateway, service) if _key(each) == key]
    if not found:
        raise Failure(f"{service} has no dead letter {' '.join(map(str, key))}: see `homeward dead-letters list`")
    for name, value in found[0].items():
        typer.echo(f"{name}: {value}")


@app.command()
def replay(
    service: Handler,
    source: Source,
    subject: Subject,
    sequence: Sequence,
    url: Url = DEFAULT_URL,
    token: Token = "",
    data: Data = DEFAULT_DATA,
) -> None:
    """Try a dead letter again, as if it had never failed."""
    body = {"source": _full(source), "subject": subject, "sequence": sequence}
    with connected(url, token, data, "admin") as gateway:
        gateway.post(route(service, "/dead-letters/replay"), body)
    typer.echo("replayed; if it fails again it comes back to the list")


@app.command()
def skip(
    service: Handler,
    source: Source,
    subject: Subject,
    sequence: Sequence,
    reason: Annotated[str, typer.Option(help="Why it is never to be handled; it is kept.", prompt=True)],
    url: Url = DEFAULT_URL,
    token: Token = "",
    data: Data = DEFAULT_DATA,
) -> None:
    """Never handle a dead letter; what waits behind it goes on."""
    body = {"source": _full(source), "subject": subject, "sequence": sequence, "reason": reason}
    with connected(url, token, data, "admin") as gateway:
        gateway.post(route(service, "/dead-letters/skip"), body)
    typer.echo("skipped")


def _letters(gateway: Connection, service: Service) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = gateway.get(route(service, "/dead-letters"))["dead_letters"]
    return found


def _key(letter: dict[str, Any]) -> tuple[str, str, int]:
    return letter["source"], letter["subject"], letter["sequence"]


def _full(source: str) -> str:
    return source if source.startswith("/") else f"/homeward/{source}"
