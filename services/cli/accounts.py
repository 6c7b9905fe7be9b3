"""``homeward accounts``: who may sign in. On a data directory, whether its suite runs or not, or at a gateway."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Protocol

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from services.cli.connection import DEFAULT_DATA, DEFAULT_URL, Connection, Data, Token, Url, connected
from services.cli.failure import Failure
from services.gateway.accounts import NewAccount, account_rows
from shared.auth.administration import Administration
from shared.auth.principal import EVERY_OFFICE
from shared.auth.roles import Role

app = typer.Typer(
    help="Local accounts: of the suite in --data, or with --token or HOMEWARD_NAME of the gateway at --url.",
    no_args_is_help=True,
)

Name = Annotated[str, typer.Argument(help="Whose account.")]


class Office(Protocol):
    """Where accounts are kept."""

    def rows(self) -> list[dict[str, Any]]:
        """Every account."""

    def add(self, name: str, roles: list[str], offices: list[str]) -> str:
        """A new account's first password."""

    def reset(self, name: str) -> str:
        """A new first password."""

    def do(self, name: str, what: str) -> None:
        """``unlock``, ``disable``, ``enable`` or ``second-factor``: its reset."""


@dataclass(frozen=True)
class Directory:
    """A suite's data directory; a running gateway sees each change at once."""

    administration: Administration

    def rows(self) -> list[dict[str, Any]]:
        return [row.model_dump(mode="json") for row in account_rows(self.administration)]

    def add(self, name: str, roles: list[str], offices: list[str]) -> str:
        try:
            checked = NewAccount(name=name, roles=[Role(role) for role in roles], offices=offices)
        except ValidationError:
            raise Failure("a name has letters, digits and . _ @ - only, and no more than a hundred") from None
        return self.administration.add(checked.name, checked.roles, checked.offices)

    def reset(self, name: str) -> str:
        return self.administration.reset_password(name)

    def do(self, name: str, what: str) -> None:
        held = self.administration
        acts = {"unlock": held.unlock, "disable": held.disable, "enable": held.enable}
        (acts | {"second-factor": held.reset_factor})[what](name)


@dataclass(frozen=True)
class Gateway:
    """A running gateway, asked by an administrator."""

    connection: Connection

    def rows(self) -> list[dict[str, Any]]:
        return list(self.connection.get("/api/accounts")["accounts"])

    def add(self, name: str, roles: list[str], offices: list[str]) -> str:
        answer = self.connection.post("/api/accounts", {"name": name, "roles": roles, "offices": offices})
        return str(answer["first_password"])

    def reset(self, name: str) -> str:
        return str(self.connection.post(f"/api/accounts/{name}/password")["first_password"])

    def do(self, name: str, what: str) -> None:
        self.connection.post(f"/api/accounts/{name}/{what}")


@app.command("list")
def list_accounts(
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    url: Url = DEFAULT_URL,
    token: Token = "",
    data: Data = DEFAULT_DATA,
) -> None:
    """Every account: its roles and offices, and whether it waits, is disabled, or has its first password still."""
    with opened(url, token, data) as office:
        rows = office.rows()
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
    else:
        _print(rows)


@app.command()
def add(
    name: Name,
    role: Annotated[list[Role], typer.Option(help="A role; give it once for each.")],
    office: Annotated[list[str] | None, typer.Option(help="An office; every office without it.")] = None,
    url: Url = DEFAULT_URL,
    token: Token = "",
    data: Data = DEFAULT_DATA,
) -> None:
    """Make an account, and print its first password, which has to be changed at the first sign-in."""
    with opened(url, token, data) as held:
        typer.echo(held.add(name, [each.value for each in role], office or [EVERY_OFFICE]))


@app.command()
def reset(
    name: Name,
    second_factor: Annotated[bool, typer.Option("--second-factor", help="The second factor instead.")] = False,
    url: Url = DEFAULT_URL,
    token: Token = "",
    data: Data = DEFAULT_DATA,
) -> None:
    """Print a new first password, or take a lost second factor away; the account's sessions end."""
    with opened(url, token, data) as held:
        if second_factor:
            held.do(name, "second-factor")
        else:
            typer.echo(held.reset(name))


@app.command()
def unlock(name: Name, url: Url = DEFAULT_URL, token: Token = "", data: Data = DEFAULT_DATA) -> None:
    """Let a name sign in again that has to wait after failed attempts."""
    with opened(url, token, data) as held:
        held.do(name, "unlock")


@app.command()
def disable(name: Name, url: Url = DEFAULT_URL, token: Token = "", data: Data = DEFAULT_DATA) -> None:
    """Let nobody sign in with an account any more, and end its sessions."""
    with opened(url, token, data) as held:
        held.do(name, "disable")


@app.command()
def enable(name: Name, url: Url = DEFAULT_URL, token: Token = "", data: Data = DEFAULT_DATA) -> None:
    """Let a disabled account be used again."""
    with opened(url, token, data) as held:
        held.do(name, "enable")


@contextmanager
def opened(url: str, token: str, data: Path) -> Iterator[Office]:
    """The accounts of a gateway, if somebody is named who may ask it, else of the directory. Raises Failure."""
    if token or os.environ.get("HOMEWARD_NAME"):
        with connected(url, token, data, Role.ADMIN) as connection:
            yield Gateway(connection)
        return
    accounts = data.expanduser() / "accounts.json"
    if not accounts.exists():
        raise Failure(f"{accounts} is not there: name the suite's data directory with --data, or give --token")
    yield Directory(Administration.of(accounts))


def _print(rows: list[dict[str, Any]]) -> None:
    table = Table("name", "roles", "offices", "state", box=None)
    for row in rows:
        table.add_row(row["name"], ", ".join(row["roles"]), ", ".join(row["offices"]), ", ".join(_state(row)))
    Console(highlight=False, soft_wrap=True).print(table)


def _state(row: dict[str, Any]) -> Iterator[str]:
    if row["disabled"]:
        yield "disabled"
    if row["waits"]:
        yield f"waits {row['waits']} s"
    if not row["password_changed"]:
        yield "first password"
    if row["second_factor"]:
        yield "second factor"
