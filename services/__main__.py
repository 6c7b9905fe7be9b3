"""The ``homeward`` command."""

import os
import sys
from importlib.metadata import version
from typing import Annotated

import typer

from services.cli import (
    accounts,
    audit,
    backup,
    cases,
    contracts,
    dead_letters,
    demo,
    events,
    keys,
    migrate,
    repair,
    secrets,
    subject,
    up,
)

#: Set to see where an error comes from.
DEBUG = "HOMEWARD_DEBUG"

app = typer.Typer(
    name="homeward",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
for each in (up.app, demo.app, cases.app, repair.app, migrate.app, backup.app, secrets.app):
    app.registered_commands += each.registered_commands
app.add_typer(accounts.app, name="accounts")
app.add_typer(events.app, name="events")
app.add_typer(audit.app, name="audit")
app.add_typer(subject.app, name="subject")
app.add_typer(dead_letters.app, name="dead-letters")
app.add_typer(keys.app, name="keys")
app.add_typer(contracts.app, name="contracts")


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"homeward {version('homeward')}")
        raise typer.Exit


@app.callback()
def homeward(
    _: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Tell the version.")] = False,
) -> None:
    """Voluntary humanitarian return: from the first interview to the last visit at home."""


def main() -> None:
    """Run a command; what goes wrong is told in one line."""
    try:
        sys.exit(app(standalone_mode=False))
    except KeyboardInterrupt:
        sys.exit(130)
    except typer.Abort:
        sys.exit("homeward: nothing was done")
    except typer.TyperException as error:
        typer.echo(usage(error), nl=False, err=True)
        sys.exit(getattr(error, "exit_code", 1))
    except Exception as error:
        if os.environ.get(DEBUG):
            raise
        sys.exit(f"homeward: {line(error)}")


def usage(error: typer.TyperException) -> str:
    """What is wrong with the words of a command, in one line; nothing when the help was printed instead."""
    told = error.format_message() if hasattr(error, "format_message") else str(error)
    if not told.strip():
        return ""
    context: typer.Context | None = getattr(error, "ctx", None)
    command = context.command_path if context else "homeward"
    return f"homeward: {told.replace('Value error, ', '').rstrip('.')}: see `{command} --help`\n"


def line(error: BaseException) -> str:
    """What went wrong, for people; of a group the first."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error) or f"{type(error).__name__}; set {DEBUG}=1 to see where it comes from"


if __name__ == "__main__":
    main()
