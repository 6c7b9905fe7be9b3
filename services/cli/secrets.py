"""``homeward secrets``: the keys, passwords and certificates with which a suite of containers starts."""

import json
import secrets
from pathlib import Path
from typing import Annotated

import typer

from services.cli.certificates import give_certificate
from services.cli.server_users import definitions, roles
from services.credentials import Credentials
from services.embedded import SERVICES
from shared.auth.keys import public_pem

app = typer.Typer()

#: The administrators of PostgreSQL and Grafana.
_ADMIN = "postgres"
_GRAFANA = "grafana"
#: How the containers call the broker: its certificate bears this name.
_BROKER = "rabbitmq"
#: Where a container finds what is mounted for it.
_MOUNTED = "/run/secrets"


@app.command("secrets")
def make_secrets(
    folder: Annotated[Path, typer.Argument(help="Where they are kept; none but you can enter it.")],
    demo: Annotated[
        bool, typer.Option("--demo", help="Accounts of simulated people, as `homeward demo` plays.")
    ] = False,
) -> None:
    """Make the secrets of a suite of containers; what is there already is kept, but a certificate that soon ends."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    credentials = Credentials(folder, simulated_people=demo)
    credentials.identify(SERVICES)
    passwords = _passwords(folder / "servers.json")
    end = give_certificate(folder / "tls", _BROKER)
    mounts = folder / "mounts"
    _lay_out_servers(mounts, folder / "tls", passwords)
    for name in SERVICES:
        _lay_out(mounts / name, _of_service(name, credentials, passwords[name], folder / "tls"))
    typer.echo(f"Secrets are in {folder}: back them up apart from the databases.")
    typer.echo(f"The broker's certificate ends on {end.date()}: run this again in the 60 days before that.")
    typer.echo(f"First passwords of the accounts: {credentials.passwords_file}")


def _passwords(file: Path) -> dict[str, str]:
    """By name: a password for each administrator, and for each service, the same one at both servers."""
    known: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}
    found = {name: known.get(name) or secrets.token_hex(24) for name in (_ADMIN, _GRAFANA, *SERVICES)}
    file.write_text(json.dumps(found, indent=1))
    return found


def _lay_out_servers(mounts: Path, tls: Path, passwords: dict[str, str]) -> None:
    of_services = {name: passwords[name] for name in SERVICES}
    for name in (_ADMIN, _GRAFANA):
        _lay_out(mounts / name, {"password": passwords[name]})
    _lay_out(mounts / "postgres-first", {"10-homeward.sql": roles(of_services)})
    certificates = {each: (tls / each).read_text() for each in ("ca.pem", f"{_BROKER}.pem", f"{_BROKER}.key")}
    _lay_out(mounts / _BROKER, {"definitions.json": definitions(of_services), **certificates})


def _of_service(name: str, credentials: Credentials, password: str, tls: Path) -> dict[str, str]:
    """By name of the file: settings in files that are named after them, and what those point to."""
    settings = {
        "database_url": f"postgresql+asyncpg://{name}:{password}@postgres/{name}",
        "amqp_url": f"amqps://{name}:{password}@{_BROKER}:5671/?cafile={_MOUNTED}/ca.pem",
        "public_key": public_pem(credentials.key),
        "identity_key": credentials.identity_file(name).read_text(),
        "service_keys": credentials.service_keys_file.read_text(),
        "key_file": f"{_MOUNTED}/keys.json",
    }
    files = {"keys.json": credentials.keys_file.read_text(), "ca.pem": (tls / "ca.pem").read_text()}
    if name == "gateway":
        settings["private_key"] = f"{_MOUNTED}/token.key"
        files |= {"token.key": credentials.key_file.read_text(), "accounts.json": credentials.accounts_file.read_text()}
    return files | {f"homeward_{name}_{setting}": value for setting, value in settings.items()}


def _lay_out(folder: Path, files: dict[str, str]) -> None:
    """Files for a container, whose user is another than ours: readable by all, in a folder that we alone can enter."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
    for name, content in files.items():
        draft = folder / f".{name}.new"
        draft.write_text(content)
        draft.chmod(0o444)
        draft.replace(folder / name)
