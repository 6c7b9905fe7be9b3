"""``homeward backup`` and ``homeward restore``: the databases of the suite in --data."""

import asyncio
import signal
from collections.abc import Coroutine
from functools import partial
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console

from services.cli.connection import DEFAULT_DATA, Data
from services.cli.failure import Failure
from services.cli.services import Service
from services.registers import Registers
from shared.persistence.embedded import dumps
from shared.persistence.embedded.dumps import Backup, databases
from shared.persistence.offices import ROLE

T = TypeVar("T")
app = typer.Typer()
Folder = Annotated[Path, typer.Argument(help="The backup's folder.")]
#: In the data directory: what opens the databases, and what must not be set back with them.
APART = ("keys.json", "erasures", "accounts.json", "audit")


@app.command()
def backup(folder: Folder, data: Data = DEFAULT_DATA) -> None:
    """Dump the databases of the suite in --data, which may go on running, into a new folder."""
    data, say = data.expanduser(), _say()
    if not (data / "postgres" / "pgdata").is_dir():
        raise Failure(f"{data} holds no suite: name its directory with --data")
    made = _in_order(_back_up(data, folder.expanduser(), say))
    typer.echo(f"{len(made.dumps)} databases are in {made.folder}, each as it was when it was dumped.")
    typer.echo(f"Copy {', '.join(APART)} of {data} too, to another place: a backup of both undoes every erasure.")


@app.command()
def restore(
    folder: Folder,
    service: Annotated[list[Service] | None, typer.Argument(help="Whose database; all without it.")] = None,
    data: Data = DEFAULT_DATA,
    nobody_erased: Annotated[bool, typer.Option("--nobody-erased", help="No register: nobody was erased.")] = False,
) -> None:
    """Set databases of the stopped suite in --data back to a backup; at its next start it says what is lost."""
    found, data, say = Backup.read(folder.expanduser()), data.expanduser(), _say()
    wanted = [str(each) for each in service or Service]
    if missing := [each for each in wanted if each not in found.dumps]:
        raise Failure(f"{folder} has no dump of {', '.join(missing)}")
    if not (data / "keys.json").is_file():
        raise Failure(f"put {', '.join(APART)} back into {data} first: without the keys nobody's data can be read")
    if not nobody_erased:
        Registers(data / "erasures").check(found.noted.get("registers", {}), wanted)
    _in_order(_restore(data, found, wanted, say))
    typer.echo(f"{', '.join(wanted)}: as of {found.made_at:%Y-%m-%d %H:%M} UTC. Start the suite with `homeward up`;")
    typer.echo("`homeward events lost` then says what must be entered again.")


async def _back_up(data: Path, folder: Path, say: dumps.Say) -> Backup:
    names, registers = [str(each) for each in Service], Registers(data / "erasures")
    registers.begin()
    noted = {"registers": registers.described(names)}
    async with databases(data / "postgres", say) as server:
        return await server.back_up(names, folder, say, noted)


async def _restore(data: Path, backup: Backup, names: list[str], say: dumps.Say) -> None:
    async with databases(data / "postgres", say, stopped=True) as server:
        await server.prepare(ROLE)
        await server.restore(backup, names, say)


def _in_order(work: Coroutine[Any, Any, T]) -> T:
    """Told to end, the command removes what is unfinished, as it does upon Ctrl-C. Raises Failure then."""

    async def ended_in_order() -> T:
        if task := asyncio.current_task():
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        return await work

    try:
        return asyncio.run(ended_in_order())
    except asyncio.CancelledError:
        raise Failure("it was broken off, and everything is as it was") from None


def _say() -> dumps.Say:
    return partial(Console(stderr=True, highlight=False).print, style="dim", markup=False)
