"""``homeward subject``: what is held of a person, for the person."""

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer

from services.cli import subject_paper
from services.cli.connection import DEFAULT_DATA, DEFAULT_URL, Connection, Data, Token, Url, connected
from services.cli.failure import Failure, Refused
from services.cli.subject_words import sections
from services.gateway.clients import SERVICES
from shared.auth.purposes import Purpose

app = typer.Typer(help="Answer a person who asks what is held of them.", no_args_is_help=True)

#: Who holds anything of people, screening first: it knows all cases of a person.
HOLDERS = (*SERVICES, "gateway")


@app.callback()
def group() -> None:
    """With one command alone it would be no group."""


@app.command()
def export(
    case: Annotated[str, typer.Argument(help="A case of the person: its id or reference.")],
    out: Annotated[Path, typer.Option(help="The directory to write REFERENCE.json and REFERENCE.pdf to.")],
    force: Annotated[bool, typer.Option("--force", help="Write over what is there.")] = False,
    url: Url = DEFAULT_URL,
    token: Token = "",
    data: Data = DEFAULT_DATA,
) -> None:
    """Write down everything that is held of a person: as JSON, and as PDF for the person to keep.

    The files are for the person: give them away and delete them here. Exit code 1 if a service has not answered.
    """
    with connected(url, token, data, "protection", Purpose.DATA_SUBJECT_REQUEST) as gateway:
        known = gateway.get(f"/api/cases/{case}", parts=False)
        # The names of the files come from a gateway that may be any.
        files = {kind: out / f"{Path(known['reference']).name}.{kind}" for kind in ("json", "pdf")}
        _refuse_existing(files, force)
        held, gaps = _held(gateway, known["case_id"])
    export = {
        "reference": known["reference"],
        "case_id": known["case_id"],
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "gaps": gaps,
        "held": held,
    }
    out.mkdir(mode=0o700, parents=True, exist_ok=True)
    _write(files["json"], json.dumps(export, indent=2, ensure_ascii=False).encode())
    _write(files["pdf"], subject_paper.printed(sections(export), f"{known['reference']}: what we hold of you"))
    typer.echo(f"{files['json']}\n{files['pdf']}")
    if gaps:
        raise Failure(f"not everything is in them: {'; '.join(gaps)}")


def _held(gateway: Connection, case_id: str) -> tuple[dict[str, list[dict[str, Any]]], list[str]]:
    """What each service, and the gateway, holds of each of the person's cases, and what is missing."""
    held: dict[str, list[dict[str, Any]]] = {name: [] for name in HOLDERS}
    gaps: list[str] = []
    ids = [case_id]
    elsewhere: set[str] = set()
    for name in HOLDERS:
        for id in ids if name != "screening" else [case_id]:
            try:
                held[name].append(gateway.get("/api/" + ("" if name == "gateway" else f"{name}/") + f"subjects/{id}"))
            except Refused as error:
                _note(error, name, id, elsewhere, gaps)
        if name == "screening" and held[name]:
            ids, elsewhere = held[name][0]["case_ids"], _of_other_offices(held[name][0], case_id)
    if not any(held.values()):
        raise Failure(f"nothing was written: {'; '.join(gaps) or 'no service has this case'}")
    return held, gaps


def _note(error: Refused, name: str, id: str, elsewhere: set[str], gaps: list[str]) -> None:
    """A service that has nothing is no gap, unless it may be that it doesn't show another office's case."""
    if error.status == httpx.codes.NOT_FOUND:
        if id in elsewhere:
            gaps.append(f"{name} shows nothing of the other office's case {id}")
    elif error.status >= httpx.codes.INTERNAL_SERVER_ERROR:
        gaps.append(f"no answer from {name}")
    else:
        raise error


def _of_other_offices(held: Mapping[str, Any], case_id: str) -> set[str]:
    offices = {each["id"]: each["office"] for each in held["records"]["cases"]}
    return {id for id, office in offices.items() if office != offices[case_id]}


def _refuse_existing(files: Mapping[str, Path], force: bool) -> None:
    there = [str(file) for file in files.values() if file.exists()]
    if there and not force:
        raise Failure(f"{', '.join(there)} is there already: give --force to write over it")


def _write(file: Path, content: bytes) -> None:
    """For nobody else to read. What was there before, with whatever mode, is replaced."""
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:
        opened.write(content)
