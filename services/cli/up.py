"""``homeward up`` and ``homeward serve``: a suite, or one service."""

import asyncio
import importlib
import logging
import signal
import sys
from functools import partial
from typing import Annotated

import typer
import uvloop
from rich.console import Console

from services.cli.connection import DEFAULT_DATA, Data
from services.cli.services import Service
from services.credentials import Credentials
from services.embedded import EmbeddedSuite
from shared.process import serve as serve_service
from shared.telemetry.logging import configure_logging

app = typer.Typer()


@app.command()
def up(
    data: Data = DEFAULT_DATA,
    port: Annotated[int, typer.Option(min=1, max=65534, help="Where the gateway listens.")] = 8000,
    agencies_port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Where agencies ask.", show_default="the next port")
    ] = None,
) -> None:
    """Run the whole suite in one process until it is told to stop; its data are kept between runs."""
    # Who sits before it reads what to do, and what is wrong; that services look for one another is for a file of logs.
    configure_logging("homeward", level=logging.WARNING if sys.stderr.isatty() else logging.INFO)
    uvloop.run(_up(data, port, agencies_port or port + 1))


@app.command()
def serve(service: Annotated[Service, typer.Argument(help="Which service.")]) -> None:
    """Run one service, with its settings from the environment: HOMEWARD_TRAVEL_DATABASE_URL and so on."""
    package = importlib.import_module(f"services.{service}.app")
    serve_service(package.create_app, importlib.import_module(f"services.{service}.settings").Settings)


async def _up(data: Data, port: int, agencies_port: int) -> None:
    console = Console(highlight=False, soft_wrap=True)
    stopped = _stop_signal()
    data = data.expanduser()
    progress = partial(console.print, style="dim", markup=False)
    suite = EmbeddedSuite(data, port=port, agencies_port=agencies_port, progress=progress)
    starting = asyncio.create_task(suite.__aenter__())
    stopping = asyncio.create_task(stopped.wait())
    await asyncio.wait((starting, stopping), return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():
        starting.cancel()
    try:
        await starting
    except asyncio.CancelledError:
        return
    try:
        console.print(f"Homeward is up: {suite.url}")
        console.print(f"Agencies ask at {suite.agencies_url}: see {suite.agencies_url}/events-guide.")
        clock = suite.apps["gateway"].state.service.clock
        if clock.simulated:
            console.print(
                f"These are a demonstration's data: the programme's time stands at {clock.now():%Y-%m-%d %H:%M}."
            )
        for told in how_to_sign_in(suite.url, suite.accounts, show=console.is_terminal):
            console.print(told, markup=False)
        console.print("Ctrl-C stops the suite.")
        await stopping
        console.print("stopping", style="dim")
    finally:
        await suite.__aexit__(None, None, None)


def how_to_sign_in(url: str, accounts: Credentials, *, show: bool) -> list[str]:
    """The steps of a first sign-in; ``show`` the first password itself, which does not belong into a file of logs."""
    if not accounts.first:
        return [f"Sign in at {url}/sign-in."]
    name = "manager" if "manager" in accounts.first else min(accounts.first)
    password = accounts.first[name].password
    where = f"in {accounts.passwords_file}, under {name}"
    others = ", ".join(sorted(accounts.first.keys() - {name}))
    return [
        "To sign in for the first time:",
        f"  1. open {url}/sign-in",
        f"  2. name: {name}",
        f"     first password: {password if show else where}",
        "  3. choose your own password, of twelve signs or more: the first one opens nothing else",
        *([f"Others ({others}): first passwords are in {accounts.passwords_file}."] if others else []),
    ]


def _stop_signal() -> asyncio.Event:
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    return stopped
