"""``homeward migrate``: bring databases to the newest schema."""

import asyncio
import importlib
from pathlib import Path
from typing import Annotated

import typer

from services.cli.failure import Failure
from services.cli.services import Service
from shared.persistence import migrations
from shared.persistence.database import Database
from shared.persistence.row_security import MayNotMakeRole

app = typer.Typer()


@app.command()
def migrate(
    service: Annotated[list[Service] | None, typer.Argument(help="Whose database; all without it.")] = None,
) -> None:
    """Migrate the databases that HOMEWARD_<SERVICE>_DATABASE_URL name; services also do this when they start."""
    for each in service or list(Service):
        package = importlib.import_module(f"services.{each}.settings")
        url = package.Settings.read().database_url
        if not url:
            raise Failure(f"set HOMEWARD_{each.upper()}_DATABASE_URL to migrate {each}")
        folder = Path(str(package.__file__)).parent / "migrations"
        typer.echo(f"{each}: {asyncio.run(_upgrade(url, folder))}")


async def _upgrade(url: str, folder: Path) -> str:
    database = Database(url, name="homeward migrate")
    try:
        before = await migrations.current(database)
        try:
            await migrations.upgrade(database, folder)
        except MayNotMakeRole as error:
            raise Failure(str(error)) from None
        after = await migrations.current(database)
    finally:
        await database.close()
    return f"at {after} already" if before == after else f"from {before or 'nothing'} to {after}"
