"""``homeward audit``: who did or read what, and whether what was written down is still what it was."""

import json
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from joserfc.jwk import OKPKey
from rich.console import Console
from rich.table import Table

from services.cli.connection import DEFAULT_DATA, DEFAULT_URL, Connection, Data, Token, Url, connected
from services.cli.failure import Failure
from services.cli.repair import progress_of
from services.cli.services import Service
from shared.audit.heads import ForgedHead, SignedHead, opened
from shared.auth.keys import read_public_key
from shared.auth.purposes import Purpose

app = typer.Typer(help="Look through the audit, and check that nobody has changed it.", no_args_is_help=True)

#: Entries for one answer.
_PAGE = 2000
#: What is broken is named this often for each service; all is counted.
_NAMED = 50


@app.command()
def verify(
    service: Annotated[list[Service] | None, typer.Argument(help="Whose audit; all without it.")] = None,
    heads: Annotated[
        list[Path] | None,
        typer.Option(help="Files of signed heads, or directories of them; without it those that the suite exports."),
    ] = None,
    url: Url = DEFAULT_URL,
    token: Token = "",
    data: Data = DEFAULT_DATA,
) -> None:
    """Hash every entry again, and look for every signed head in its chain; exit code 1 if something is not as it was.

    Heads that were exported earlier show what was cut off or rewritten since. A key beside them, as it was exported
    first (SERVICE.pub), is trusted more than the one that the service gives.
    """
    exported = _exported(heads or [data.expanduser() / "audit"])
    broken = 0
    with connected(url, token, data, "auditor", Purpose.AUDIT) as gateway:
        for each in service or list(Service):
            broken += _verify(gateway, each, exported[each])
    if broken:
        raise typer.Exit(1)


@app.command()
def search(
    actor: Annotated[str | None, typer.Option(help="Who: an account's id.")] = None,
    case: Annotated[str | None, typer.Option(help="Whose data: the id of a case, or of another subject.")] = None,
    action: Annotated[str | None, typer.Option(help="What: the name of a command or a read.")] = None,
    purpose: Annotated[Purpose | None, typer.Option(help="Why.")] = None,
    since: Annotated[datetime | None, typer.Option(help="From this moment on, in local time.")] = None,
    until: Annotated[datetime | None, typer.Option(help="Before this moment, in local time.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many to list.")] = 1000,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    url: Url = DEFAULT_URL,
    token: Token = "",
    data: Data = DEFAULT_DATA,
) -> None:
    """List who did or read what, oldest first. The search itself is written down."""
    moments = {name: each.astimezone().isoformat() for name, each in (("since", since), ("until", until)) if each}
    query = {"actor": actor, "case": case, "action": action, "purpose": purpose, **moments}
    with connected(url, token, data, "auditor", Purpose.AUDIT) as gateway:
        found, more, gaps = _found(gateway, query, limit)
    found.sort(key=lambda entry: entry["at"])
    if as_json:
        typer.echo(json.dumps(found, indent=2))
    else:
        _print(found)
    if more:
        typer.echo(f"there are more than {limit}: give --limit, or narrow the search", err=True)
    if gaps:
        raise Failure(f"no answer from {', '.join(gaps)}: try again when they are there")


def _found(gateway: Connection, query: dict[str, Any], limit: int) -> tuple[list[dict[str, Any]], bool, list[str]]:
    found: list[dict[str, Any]] = []
    gaps: set[str] = set()
    after = None
    while True:
        page = gateway.get("/api/audit", **query, after=after, limit=min(limit - len(found), 1000))
        found, after = found + page["entries"], page["next"]
        gaps.update(page["gaps"])
        if after is None or len(found) >= limit:
            return found, after is not None, sorted(gaps)


def _print(found: list[dict[str, Any]]) -> None:
    table = Table("Time", "Actor", "Action", "Purpose", "Office", "Entry", "Subjects", box=None)
    for entry in found:
        place = f"{entry['service']} {entry['number']}"
        subjects = " ".join(entry["subjects"][:3]) + (" …" if len(entry["subjects"]) > 3 else "")
        purpose = entry["purpose"] or ""
        table.add_row(entry["at"][:19], entry["actor"], entry["action"], purpose, entry["office"], place, subjects)
    console = Console(highlight=False, soft_wrap=True)
    if not console.is_terminal:
        console.width = 250
    console.print(table)


def _exported(places: list[Path]) -> dict[str, list[Path]]:
    """Files of heads by service; their names say whose they are. Raises Failure for one that isn't there."""
    found: dict[str, list[Path]] = defaultdict(list)
    for place in places:
        if not place.exists():
            if len(places) == 1 and place.name == "audit":
                continue
            raise Failure(f"{place}: there are no heads")
        for file in sorted(place.glob("*.heads")) if place.is_dir() else [place]:
            found[file.name.partition(".")[0]].append(file)
    return found


def _verify(gateway: Connection, service: Service, files: list[Path]) -> int:
    entries = 0
    last: str | None = None
    faults: list[str] = []
    with progress_of(f"verifying the audit of {service}") as progress:
        task = progress.add_task("", total=None)
        for page in _pages(gateway, service):
            entries += page["entries"]
            progress.update(task, completed=entries, total=max(entries, page.get("total", 0)) or None)
            for broken in page["broken"]:
                # An office whose chain goes on over two pages may be named on both.
                if broken["office"] != last:
                    faults.append(f"{broken['office']} {broken['number']}: {broken['what']}")
                last = broken["office"]
    heads, more = _check_heads(gateway, service, files)
    faults += more
    for fault in faults[:_NAMED]:
        typer.echo(f"{service} {fault}")
    unnamed = f", {len(faults) - _NAMED} not named here" if len(faults) > _NAMED else ""
    typer.echo(f"{service}: {entries} entries, {heads} signed heads, {len(faults) or 'nothing'} broken{unnamed}")
    return len(faults)


def _pages(gateway: Connection, service: Service) -> Iterator[dict[str, Any]]:
    after: dict[str, Any] = {}
    while True:
        page = gateway.get(f"/api/{service}/audit/verification", limit=_PAGE, **after)
        yield page
        if page["next"] is None:
            return
        after = page["next"]


def _check_heads(gateway: Connection, service: Service, files: list[Path]) -> tuple[int, list[str]]:
    """How many heads were looked for, and what is wrong with them."""
    current = gateway.get(f"/api/{service}/audit/heads")
    heads, faults = _opened(current["heads"], read_public_key(current["public_key"]), service, "the service")
    for file in files:
        trusted = file.with_name(f"{service}.pub")
        key = trusted.read_text("ascii") if trusted.exists() else current["public_key"]
        if key.strip() != current["public_key"].strip():
            faults.append(f"the service signs with another key than {trusted}")
        kept, forged = _opened(file.read_text("ascii").split(), read_public_key(key), service, str(file))
        heads, faults = heads + kept, faults + forged
    return len(heads), faults + _missing(gateway, service, heads)


def _opened(tokens: list[str], key: OKPKey, service: Service, place: str) -> tuple[list[SignedHead], list[str]]:
    heads, faults = [], []
    for number, token in enumerate(tokens, 1):
        try:
            head = opened(token, key)
        except ForgedHead:
            faults.append(f"head {number} of {place} is forged")
            continue
        if head.service == service:
            heads.append(head)
        else:
            faults.append(f"head {number} of {place} is one of {head.service}")
    return heads, faults


def _missing(gateway: Connection, service: Service, heads: list[SignedHead]) -> list[str]:
    """Heads that are not in their chain, by office in order of number."""
    faults = []
    for office in sorted({head.office for head in heads}):
        signed = sorted({(head.number, head.hash, head.at) for head in heads if head.office == office})
        for start in range(0, len(signed), _PAGE):
            part = signed[start : start + _PAGE]
            body = {"office": office, "numbers": [number for number, _, _ in part]}
            there = gateway.post(f"/api/{service}/audit/hashes", body)["hashes"]
            for number, hash, at in part:
                found = there.get(str(number))
                if found != hash:
                    what = "it is gone" if found is None else "it is another"
                    faults.append(f"{office} {number}: {what}, and was signed on {at[:19]}")
    return faults
