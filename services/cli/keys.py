"""``homeward keys``: the key-encryption keys that wrap the data keys of everybody whose data the suite holds."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from services.cli.connection import DEFAULT_DATA, DEFAULT_URL, Connection, Data, Token, Url, connected
from services.cli.failure import Failure
from services.cli.services import Service
from shared.protection.wrapping import read_keys, write_keys

app = typer.Typer(help="Show, rotate and retire the keys that wrap people's data keys.", no_args_is_help=True)


@app.command()
def show(url: Url = DEFAULT_URL, token: Token = "", data: Data = DEFAULT_DATA) -> None:
    """Show which key is the current one in each service, and how many data keys each one wraps."""
    table = Table("Service", "Current key", "Data keys by key", box=None)
    with connected(url, token, data, "admin") as gateway:
        for service in Service:
            found = _keys(gateway, service)
            wraps = ", ".join(f"{key_id}: {count}" for key_id, count in found["wraps"].items())
            table.add_row(service, found["current"], wraps)
    Console(highlight=False).print(table)


@app.command()
def rotate(url: Url = DEFAULT_URL, token: Token = "", data: Data = DEFAULT_DATA) -> None:
    """Make a new key in the data directory and wrap every data key with it, while the suite runs."""
    path = data.expanduser() / "keys.json"
    with connected(url, token, data, "admin") as gateway:
        for service in Service:
            _keys(gateway, service)
        keys = read_keys(path)
        keys = keys.with_new(_new_id(keys.keys))
        write_keys(path, keys)
        _wrap(gateway, keys.current, path)
    typer.echo(f"{keys.current} is the current key. Back up {path} apart from the databases. Older keys open older")
    typer.echo("backups: `homeward keys retire ID` removes one that wraps nothing any more.")


@app.command()
def wrap(url: Url = DEFAULT_URL, token: Token = "", data: Data = DEFAULT_DATA) -> None:
    """Wrap every data key with the current key, which was given to the services by other means."""
    with connected(url, token, data, "admin") as gateway:
        _wrap(gateway)


@app.command()
def retire(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="Which key, as `homeward keys show` names it.")],
    url: Url = DEFAULT_URL,
    token: Token = "",
    data: Data = DEFAULT_DATA,
) -> None:
    """Remove a key that wraps nothing any more from the data directory."""
    path = data.expanduser() / "keys.json"
    with connected(url, token, data, "admin") as gateway:
        # What began before the rotation and was committed after it.
        _wrap(gateway)
        for service in Service:
            if count := _keys(gateway, service)["wraps"].get(key_id):
                raise Failure(f"{key_id} still wraps {count} data keys of {service}: `homeward keys wrap` first")
    write_keys(path, read_keys(path).without(key_id))
    typer.echo(f"{key_id} is gone from {path}: backups that were made under it open with a kept copy only.")


def _wrap(gateway: Connection, expected: str | None = None, path: Path | None = None) -> None:
    for service in Service:
        done, left = 0, 1
        while left:
            report = gateway.post(f"/api/{service}/keys/wrap")
            if expected and report["current"] != expected:
                raise Failure(f"{service} does not read {path}: it wraps with {report['current']}")
            done, left = done + report["wrapped"], report["left"]
            typer.echo(f"{service}: {done} data keys wrapped, {left} left", err=True)


def _keys(gateway: Connection, service: Service) -> Any:
    return gateway.get(f"/api/{service}/keys")


def _new_id(known: dict[str, bytes]) -> str:
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    ids = [today, *(f"{today}.{number}" for number in range(2, len(known) + 3))]
    return next(each for each in ids if each not in known)
