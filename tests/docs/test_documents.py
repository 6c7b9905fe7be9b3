"""What the documents say is true: their commands exist, their links lead somewhere, their tables match the code."""

import importlib
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from services.__main__ import app
from services.cli.contracts import PAGES
from services.cli.page import Page
from services.gateway.clients import SERVICES
from services.gateway.console import words
from services.gateway.stages import Stage
from services.partners.domain.concern import Kind
from services.partners.health import gauges
from shared.auth.permissions import GRANTED
from shared.auth.purposes import PURPOSES
from shared.contracts.vocabulary import Gate
from shared.health import GAUGES
from shared.protection.wrapping import first_keys
from shared.web import internal, repair
from shared.web.access import guards

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
OPERATORS = ROOT / "docs" / "operators.md"
RUNBOOK = ROOT / "docs" / "runbook.md"
_ROUTE = r"\| `(GET|POST) (\S+)` \| ([^|]+) \|$"
_INTERNAL = {getattr(route, "path", "") for route in internal.router.routes}


def _relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _commands(text: str) -> Iterator[list[str]]:
    """The lines of the shell blocks, and the commands named in tables."""
    for block in re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            yield shlex.split(line, comments=True)
    yield from (shlex.split(each) for each in re.findall(r"`((?:make|homeward) [^`]+)`", text))


def wrong_command(words: list[str]) -> str | None:
    """Why a command is not one of ours, or None when it is."""
    program, *arguments = words
    if program == "make":
        wanted = [each for each in arguments if "=" not in each]
        unknown = set(wanted) - _targets()
        return f"make has no {unknown}" if unknown else None
    if Path(program).name == "homeward":
        return _wrong_arguments(arguments)
    known = program in ("curl", "pip", "docker") or ("/" in program and (ROOT / program).is_file())
    return None if known else f"{program} is not explained"


def _targets() -> set[str]:
    return set(re.findall(r"^([a-z]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))


def _wrong_arguments(arguments: list[str]) -> str | None:
    command: Any = typer.main.get_command(app)
    while hasattr(command, "commands") and arguments and not arguments[0].startswith("-"):
        name = arguments.pop(0)
        if name not in command.commands:
            return f"homeward has no {name}"
        command = command.commands[name]
    known = {option for each in command.params for option in each.opts} | {"--help"}
    unknown = {each for each in arguments if each.startswith("-")} - known
    return f"{command.name} has no {unknown}" if unknown else None


def dead_links(document: Path, text: str) -> list[str]:
    """Links to files that aren't there, and to headings that aren't."""
    found = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        name, _, heading = target.partition("#")
        file = (document.parent / name).resolve() if name else document
        if "://" in target or target.startswith("mailto:"):
            continue
        if not file.exists() or (heading and heading not in _headings(file.read_text())):
            found.append(target)
    return found


def _headings(text: str) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("document", DOCUMENTS, ids=_relative)
def test_every_command_in_a_document_exists(document: Path) -> None:
    wrong = [(words, why) for words in _commands(document.read_text()) if words and (why := wrong_command(words))]
    assert wrong == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=_relative)
def test_every_link_in_a_document_leads_somewhere(document: Path) -> None:
    assert dead_links(document, document.read_text()) == []


def test_commands_links_and_headings_that_are_not_there_are_found() -> None:
    assert wrong_command(["make", "coffee"]) == "make has no {'coffee'}"
    assert wrong_command([".venv/bin/homeward", "events", "forget"]) == "homeward has no forget"
    assert wrong_command(["homeward", "demo", "--faster"]) == "demo has no {'--faster'}"
    assert dead_links(ROOT / "README.md", "[a](docs/nowhere.md) [b](#nothing)") == ["docs/nowhere.md", "#nothing"]


def missing_tests(text: str) -> list[str]:
    """Tests named as `file::test` that are nowhere."""
    named = re.findall(r"`(tests/[\w/.-]+\.py)::(\w+)`", text)
    return [f"{file}::{test}" for file, test in named if not _defines(ROOT / file, test)]


def _defines(file: Path, test: str) -> bool:
    return file.exists() and re.search(rf"^(async )?def {test}\(", file.read_text(), re.MULTILINE) is not None


def endless_waits(text: str) -> list[str]:
    """Commands that wait until a Job is complete without one before that ends when it has failed."""
    lines = text.splitlines()
    return [
        line
        for before, line in zip(["", *lines], lines, strict=False)
        if re.search(r"kubectl .*wait job .*condition=Complete", line)
        and not (before.startswith(line.split(" --for=")[0]) and "{.status.conditions[0].type}" in before)
    ]


@pytest.mark.parametrize("document", DOCUMENTS, ids=_relative)
def test_no_command_waits_on_for_a_job_that_has_failed(document: Path) -> None:
    assert endless_waits(document.read_text()) == []


def test_a_command_that_does_is_found() -> None:
    wait = "kubectl wait job x --for=condition=Complete --timeout=1h"
    assert endless_waits(f"kubectl apply -k x\n{wait}") == [wait]


@pytest.mark.parametrize("document", DOCUMENTS, ids=_relative)
def test_every_test_that_a_document_names_exists(document: Path) -> None:
    assert missing_tests(document.read_text()) == []


def test_a_test_that_is_gone_is_missed() -> None:
    here = "tests/docs/test_documents.py"
    named = f"`{here}::{test_a_test_that_is_gone_is_missed.__name__}` `{here}::test_x` `tests/docs/test_y.py::test_x`"
    assert missing_tests(named) == [f"{here}::test_x", "tests/docs/test_y.py::test_x"]


def test_every_threat_has_a_control_that_a_test_shows_or_that_is_planned() -> None:
    text = (ROOT / "docs" / "threat-model.md").read_text()
    rows = re.findall(
        r"^\| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", text.partition("## Threats and controls")[2], re.MULTILINE
    )
    assert len(rows) > 20
    shown = [(control, tests) for _, control, tests in rows[2:]]
    assert [each for each in shown if ("::test_" not in each[1]) != each[0].startswith("*Planned:*")] == []


def test_the_readme_shows_every_command_and_every_target_that_a_visitor_needs() -> None:
    text = (ROOT / "README.md").read_text()
    group: Any = typer.main.get_command(app)
    assert [name for name in group.commands if f"`homeward {name}" not in text] == []
    assert [name for name in ("demo", "up", "test", "lint") if f"make {name}" not in text] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path.name)
def test_a_page_that_is_written_from_the_code_is_current(page: Page) -> None:
    assert page.check() == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path.name)
def test_such_a_page_that_is_not_current_is_found_and_written_anew(page: Page, tmp_path: Path) -> None:
    spoilt = Page(tmp_path / page.path.name, page.text)
    spoilt.path.write_text(page.text().replace("the", "a"))
    assert spoilt.check() == [f"{page.path.name}: not current; run: homeward contracts build"]
    assert spoilt.build()
    assert not spoilt.build()
    assert spoilt.check() == []


@pytest.mark.parametrize("service", SERVICES)
def test_operators_are_told_who_may_give_each_command(service: str) -> None:
    section = OPERATORS.read_text().split(f"### {service.capitalize()}\n")[1].split("\n### ")[0]
    told = dict(re.findall(r"\| `POST (\S+)` \| ([^|]+) \|$", section, re.MULTILINE))
    assert told == dict(_commands_of(_create(service)))


def test_operators_are_told_who_may_repair_what() -> None:
    section = OPERATORS.read_text().split("## Dead letters\n")[1].split("\n## ")[0]
    told = {(method, path, roles) for method, path, roles in re.findall(_ROUTE, section, re.MULTILINE)}
    served = {
        (method, route.path, ", ".join(sorted(_required(route))))
        for route in iter_route_contexts(repair.router.routes)
        for method in route.methods or ()
    }
    assert told == served


def test_operators_are_told_which_role_reads_for_what() -> None:
    section = OPERATORS.read_text().split("| role | purposes |\n")[1].split("\n\n")[0]
    told = dict(re.findall(r"^\| (\w+) \| ([^|]+) \|$", section, re.MULTILINE))
    assert told == {role.value: ", ".join(purposes) for role, purposes in PURPOSES.items()}


def test_the_runbook_tells_of_every_gauge() -> None:
    text = RUNBOOK.read_text()
    told = dict(re.findall(r"^\| `(homeward\.[\w.]+)` \| (\S+) \|", text, re.MULTILINE))
    everywhere = {name: unit for name, unit, _ in GAUGES.values()}
    assert told == everywhere | {name: unit for name, (unit, _) in gauges.GAUGES.items()}


def test_the_runbook_and_the_console_tell_what_to_do_about_every_concern() -> None:
    told = re.findall(r"^\| `([a-z_]+)` \| [^|]+ \| [^|]+ \|$", RUNBOOK.read_text(), re.MULTILINE)
    assert told == list(Kind)
    assert words.ADVICE.keys() == set(Kind)


def test_operators_are_told_of_every_stage_and_gate() -> None:
    text = OPERATORS.read_text()
    assert [stage for stage in Stage if f"| {stage.value.replace('_', ' ')} |" not in text] == []
    assert [gate for gate in Gate if f"| {gate.value.replace('_', ' ')} |" not in text] == []


def test_every_decision_is_listed_and_has_its_four_parts() -> None:
    folder = ROOT / "docs" / "decisions"
    index = (folder / "README.md").read_text()
    for decision in sorted(folder.glob("0*.md")):
        assert f"]({decision.name})" in index
        parts = re.findall(r"^## (.+)$", decision.read_text(), re.MULTILINE)
        assert parts == ["Context", "Decision", "Consequences", "Alternatives"], decision.name


def _create(service: str) -> FastAPI:
    settings = importlib.import_module(f"services.{service}.settings").Settings(
        database_url="postgresql+asyncpg://nobody@nowhere/nothing",
        amqp_url="amqp://nowhere/",
        keys=first_keys().text(),
    )
    created: FastAPI = importlib.import_module(f"services.{service}.app").create_app(settings)
    return created


def _commands_of(service: FastAPI) -> Iterator[tuple[str, str]]:
    """Commands need an Idempotency-Key; reads by POST, such as identities, don't."""
    for path, item in service.openapi()["paths"].items():
        names = [each["name"] for each in item.get("post", {}).get("parameters", [])]
        if "Idempotency-Key" in names and path not in _INTERNAL:
            yield path, ", ".join(sorted(_roles(service, path)))


def _roles(service: FastAPI, path: str) -> frozenset[str]:
    [route] = [
        each for each in iter_route_contexts(service.routes) if each.path == path and "POST" in (each.methods or ())
    ]
    return _required(route)


def _required(route: Any) -> frozenset[str]:
    [permission] = guards(route)
    return frozenset(GRANTED[permission]) if permission else frozenset()
