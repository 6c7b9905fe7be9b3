"""``homeward demo``: a whole charter, from the registration list to the last visit, and the account of it."""

import asyncio
import json
import logging
import signal
import tempfile
import time as stopwatch
from contextlib import AbstractAsyncContextManager, ExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Protocol, Self

import httpx
import typer
import uvloop

from services.cli.accounting import Account, account, missing_cases
from services.cli.failure import Failure
from services.cli.progress import Progress, showing
from services.cli.result import print_report
from services.credentials import BadCredentials, Passwords, by_role, read_passwords
from services.simulator.gateway import Gateway
from services.simulator.people import read_list
from services.simulator.play import play
from services.simulator.report import Report
from services.simulator.scenarios import SCENARIOS, Scenario
from shared.telemetry.logging import configure_logging

app = typer.Typer()


class Charter(StrEnum):
    """Which list is flown."""

    ISLAMABAD = "tripoli-islamabad"
    ABIDJAN = "tripoli-abidjan"


class Suite(Protocol):
    """A suite that runs."""

    gateway: httpx.AsyncClient
    credentials: dict[str, tuple[str, str]]


class RunningSuite:
    """A suite that somebody else runs, behind its gateway. Use with ``async with``."""

    def __init__(self, url: str, passwords: Passwords) -> None:
        self.credentials = by_role(passwords)
        self.gateway = httpx.AsyncClient(base_url=url, timeout=60)

    async def __aenter__(self) -> Self:
        figures = await Gateway(self.gateway, self.credentials).get("manager", "/api/figures")
        if any(figures["stages"].values()):
            raise Failure("this suite has cases: the demonstration accounts for every one, and wants an empty suite")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.gateway.aclose()


@dataclass(frozen=True)
class Outcome:
    """A charter that was played."""

    scenario: Scenario
    report: Report
    account: Account
    #: Rows without exactly one case.
    missing: list[str]
    seconds: float

    @property
    def complete(self) -> bool:
        """Whether every row and every event is accounted for."""
        return not (self.missing or self.account.unaccounted or self.account.duplicates)

    def as_json(self) -> dict[str, Any]:
        """The same for programs."""
        events = {name: getattr(self.account, name) for name in ("published", "handled", "duplicates", "unaccounted")}
        return {
            "charter": self.scenario.name,
            "cases": self.report.cases,
            "stages": self.report.stages,
            "rejected": self.report.rejected,
            "manifest": self.report.manifest,
            "events": events,
            "funds": self.report.funds,
            "visits": self.report.visits,
            "problems": [*self.missing, *self.account.problems],
            "elapsed_seconds": round(self.seconds, 1),
        }


@app.command()
def demo(
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the account as one JSON object, and nothing else.")
    ] = False,
    distributed: Annotated[
        bool, typer.Option("--distributed", help="Each service in its own process, over RabbitMQ.")
    ] = False,
    charter: Annotated[Charter, typer.Option(help="Which list is flown.")] = Charter.ISLAMABAD,
    data: Annotated[
        Path | None, typer.Option(help="Keep the suite's data here; else they are gone afterwards.", show_default=False)
    ] = None,
    port: Annotated[int | None, typer.Option(help="Let the gateway listen here meanwhile.", show_default=False)] = None,
    url: Annotated[
        str,
        typer.Option(help="Play on the suite behind this gateway, which runs as a demonstration.", show_default=False),
    ] = "",
    credentials: Annotated[
        Path | None,
        typer.Option(help="With --url: the file of passwords that `homeward secrets --demo` made.", show_default=False),
    ] = None,
) -> None:
    """Play a charter of synthetic people through all services on a simulated calendar, and account for everything."""
    configure_logging("homeward", level=logging.WARNING)
    scenario = SCENARIOS[charter]
    running = _running(url, credentials, ours=bool(data or port or distributed))
    with ExitStack() as stack:
        progress = stack.enter_context(showing(scenario.title, quiet=as_json))
        folder = data or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="homeward-demo-")))
        if data is None:
            # A database that does not run as root has to pass through.
            folder.chmod(0o711)
        try:
            suite = running or _suite(folder, port, distributed, progress)
            outcome = uvloop.run(_play(scenario, suite, progress))
        except asyncio.CancelledError:
            raise Failure("the demonstration was stopped") from None
    if as_json:
        typer.echo(json.dumps(outcome.as_json(), indent=2, ensure_ascii=False))
    else:
        print_report(outcome)
    if not outcome.complete:
        raise typer.Exit(1)


def first_monday(after: date) -> datetime:
    """The simulated calendar begins on the Monday after a day, so that its weeks are working weeks."""
    return datetime.combine(after + timedelta(days=7 - after.weekday()), time(6), UTC)


async def _play(scenario: Scenario, starting: AbstractAsyncContextManager[Suite], progress: Progress) -> Outcome:
    begun = stopwatch.monotonic()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, _end, asyncio.current_task())
    async with starting as suite:
        report = await play(scenario, suite.gateway, suite.credentials, progress.step)
        progress.say("stopping")
    references = [each.reference for each in read_list(scenario.list)]
    missing = missing_cases(report, references)
    return Outcome(scenario, report, account(report.accounting), missing, stopwatch.monotonic() - begun)


def _end(playing: asyncio.Task[object] | None) -> None:
    # Like Ctrl-C: the suite stops in order and leaves nothing behind.
    if playing:
        playing.cancel()


def _running(url: str, credentials: Path | None, *, ours: bool) -> RunningSuite | None:
    """The suite that --url names. Raises Failure."""
    if bool(url) != bool(credentials) or (url and ours):
        raise Failure("--url and --credentials go together, and without --data, --port and --distributed")
    if credentials is None:
        return None
    try:
        return RunningSuite(url, read_passwords(credentials))
    except (OSError, BadCredentials) as error:
        raise Failure(str(error)) from error


def _suite(data: Path, port: int | None, distributed: bool, progress: Progress) -> AbstractAsyncContextManager[Suite]:
    begins = first_monday(datetime.now(UTC).date())
    if distributed:
        from services.distributed import DistributedSuite

        return DistributedSuite(data, port=port, simulated=begins, progress=progress.say)
    from services.embedded import EmbeddedSuite

    return EmbeddedSuite(data, port=port, simulated=begins, progress=progress.say)
