"""A charter's account for people."""

from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from services.cli.progress import ORDER

if TYPE_CHECKING:
    from services.cli.demo import Outcome

_CENTS = 100
#: A file or a pipe has no edge to wrap at.
_PLAIN_WIDTH = 140


def print_report(outcome: "Outcome") -> None:
    """How many are at each stage and why, the manifest, funds, visits, events."""
    console, report = Console(highlight=False, soft_wrap=True), outcome.report
    if not console.is_terminal:
        console.width = _PLAIN_WIDTH
    console.print()
    console.print(_stages(report.stages, len(report.cases)))
    if report.exceptions:
        console.print(_exceptions(report.cases, report.exceptions))
    console.print(_manifest(report.manifest))
    console.print(_funds(report.funds))
    _print_lines(console, outcome)


def _stages(stages: dict[str, int], rows: int) -> Table:
    table = _table(f"{rows} rows of the list", "stage", "cases")
    for name in (each for each in ORDER if each in stages):
        table.add_row(name.replace("_", " "), str(stages[name]))
    return table


def _exceptions(cases: dict[str, str], exceptions: dict[str, str]) -> Table:
    table = Table("row", "stage", "last event", title="Not at the end of the journey", title_justify="left", box=None)
    for reference, sentence in exceptions.items():
        table.add_row(reference, cases[reference].replace("_", " "), sentence)
    return table


def _manifest(manifest: dict[str, Any]) -> Table:
    table = _table("Manifest", "", "people")
    for name, count in (manifest["totals"]).items():
        table.add_row(name.replace("_", " "), str(count))
    return table


def _funds(funds: list[dict[str, Any]]) -> Table:
    table = Table("fund", "donor", title="Funds", title_justify="left", box=None)
    columns = ("amount", "spent", "committed", "reserved", "available")
    for name in columns:
        table.add_column("left" if name == "available" else name, justify="right")
    table.add_column("")
    for fund in funds:
        amounts = (f"{fund[name] / _CENTS:,.2f}" for name in columns)
        table.add_row(fund["code"], fund["donor"], *amounts, fund["currency"])
    return table


def _print_lines(console: Console, outcome: "Outcome") -> None:
    visits, account = outcome.report.visits, outcome.account
    console.print(f"Visits: {visits['done']} done, {visits['overdue']} overdue, {visits['to_come']} to come")
    for row in outcome.report.rejected:
        console.print(f"Row {row['row']} was not taken: {'; '.join(row['reasons'])}", markup=False)
    console.print(
        f"Events: {account.published} published, {account.handled} handled, {account.duplicates} doubled, "
        f"{account.unaccounted} lost"
    )
    for problem in (*outcome.missing, *account.problems):
        console.print(problem, style="red", markup=False)
    verdict = "Every case and every event is accounted for" if outcome.complete else "Not everything is accounted for"
    console.print(f"{verdict}; {outcome.seconds:.1f} s", style="bold green" if outcome.complete else "bold red")


def _table(title: str, name: str, count: str) -> Table:
    table = Table(title=title, title_justify="left", box=None)
    table.add_column(name, min_width=20)
    table.add_column(count, justify="right")
    return table
