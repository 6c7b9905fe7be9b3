"""``homeward import`` and ``homeward status``."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from services.cli.connection import DEFAULT_DATA, DEFAULT_URL, Connection, Data, Token, Url, connected
from services.cli.failure import Failure
from shared.auth.purposes import Purpose

app = typer.Typer()


@app.command("import")
def import_list(
    file: Annotated[Path, typer.Argument(help="A registration list: CSV or XLSX.")],
    office: Annotated[str, typer.Option(help="The office that met these people.")] = "tripoli",
    url: Url = DEFAULT_URL,
    token: Token = "",
    data: Data = DEFAULT_DATA,
) -> None:
    """Register the people of a list; bad rows are named with their reasons, the same file twice changes nothing."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise Failure(f"{file}: {error.strerror}") from None
    with connected(url, token, data, "caseworker") as gateway:
        answer = gateway.post("/api/screening/imports", files={"file": (file.name, content)}, data={"office": office})
    suspected = sum(bool(each["suspected_duplicates"]) for each in answer["cases"])
    console = Console(highlight=False)
    console.print(
        f"{answer['rows']} rows: {answer['registered']} registered, {answer['unchanged']} unchanged, "
        f"{len(answer['rejected'])} rejected, {suspected} suspected duplicates"
    )
    for row in answer["rejected"]:
        console.print(f"row {row['row']}: {'; '.join(row['reasons'])}", markup=False)
    if answer["rejected"]:
        raise typer.Exit(1)


@app.command()
def status(
    case: Annotated[str | None, typer.Argument(help="A case's id or reference; without it, the figures.")] = None,
    url: Url = DEFAULT_URL,
    token: Token = "",
    data: Data = DEFAULT_DATA,
) -> None:
    """Show how many cases are at each stage, or where one case is and how it came there."""
    with connected(url, token, data, "manager", Purpose.SUPERVISION) as gateway:
        console = Console(highlight=False)
        if case is None:
            _print_figures(console, gateway.get("/api/figures"))
        else:
            _print_case(console, gateway.get(f"/api/cases/{_case_id(gateway, case)}", parts=False))


def _case_id(gateway: Connection, case: str) -> str:
    """A person's reference on the registration list is looked for; ids and references the gateway knows."""
    found = gateway.get("/api/cases", q=case, limit=2)["cases"]
    return str(found[0]["case_id"]) if len(found) == 1 else case


def _print_figures(console: Console, figures: dict[str, Any]) -> None:
    if not any(figures.values()):
        console.print("no cases yet")
        return
    for title, counts in figures.items():
        table = Table(title=title.capitalize(), title_justify="left", box=None, show_header=False)
        table.add_column(min_width=20)
        table.add_column(justify="right")
        for name, count in counts.items():
            table.add_row(name.replace("_", " ") if title == "stages" else name, str(count))
        console.print(table)


def _print_case(console: Console, case: dict[str, Any]) -> None:
    console.print(f"{case['reference']}  {case['stage'].replace('_', ' ')}", style="bold")
    console.print(f"case {case['case_id']}, {len(case['holds'])} open holds")
    if case["missing_gates"]:
        console.print(f"missing gates: {', '.join(case['missing_gates'])}")
    table = Table(box=None, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column()
    for entry in case["timeline"]:
        table.add_row(entry["time"][:16].replace("T", " "), entry["text"])
    console.print(table)
    if case["gaps"]:
        console.print(f"no answer from: {', '.join(case['gaps'])}", style="yellow")
