"""``homeward contracts``: the published schemas and examples, and the pages that are written from the code."""

import json
import subprocess
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from services.cli import event_table, permission_table, settings_table
from services.cli.failure import Failure
from services.partners.contracts import published
from shared.contracts import registry

_OF_AGENCIES = (published.FOLDER, published.CALENDARS)
PAGES = (event_table.PAGE, permission_table.PAGE, settings_table.PAGE)

app = typer.Typer(help="Build and check what services publish.", no_args_is_help=True)


@app.command()
def build() -> None:
    """Write the JSON Schemas and tables in docs/ that are not current; what would break readers is refused."""
    _in_a_checkout()
    try:
        written = registry.build()
        for_agencies = published.build(on=_today())
    except registry.BreakingChange as error:
        raise Failure(f"readers would break; make a new type (.v2) instead:\n{error}") from None
    pages = "".join(f", docs/{page.path.name} written" for page in PAGES if page.build())
    typer.echo(f"{len(written)} of {len(registry.types())} schemas written, {len(for_agencies)} for agencies{pages}")


@app.command()
def check(
    against: Annotated[
        str | None, typer.Option(help="A Git revision whose schemas readers have, such as main or a release.")
    ] = None,
) -> None:
    """Fail when a schema or a table in docs/ is not current, an example is wrong, or readers would break."""
    _in_a_checkout()
    problems = [
        *registry.check(published=_at(against, registry.SCHEMAS) if against else None),
        *published.check(*(_at(against, each) for each in _OF_AGENCIES) if against else (), on=_today()),
        *(problem for page in PAGES for problem in page.check()),
    ]
    for each in problems:
        typer.echo(each, err=True)
    if problems:
        raise Failure(f"{len(problems)} problems with the contracts")
    typer.echo(f"{len(registry.types())} types: schemas and tables current, examples valid, no reader broken")


def _in_a_checkout() -> None:
    if not PAGES[0].path.parent.is_dir():
        raise Failure("the contracts are built and checked in a checkout: what is installed has no docs/")


def _at(revision: str, folder: Path) -> dict[str, Any]:
    names = _git(folder, "ls-tree", "--name-only", revision, "./").split()
    return {name.removesuffix(".json"): json.loads(_git(folder, "show", f"{revision}:./{name}")) for name in names}


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], check=False, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise Failure(f"git {arguments[0]}: {done.stderr.strip()}")
    return done.stdout


def _today() -> date:
    # The calendar of what goes away is the world's, not a programme's simulated one.
    return datetime.now(UTC).date()
