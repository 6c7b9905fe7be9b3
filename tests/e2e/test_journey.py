"""The charter of 133 people, from the registration list to the last visit, on both stacks."""

import csv
import json
import re
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from services.servers import LocalRabbitMQ, Server, local_postgres, local_rabbitmq
from tests.support.homeward import Homeward

LIST = Path(__file__).parents[2] / "examples" / "tripoli-islamabad-133.csv"


def _play(output: Path, *options: str, **environment: str) -> dict[str, Any]:
    demo = Homeward(output, "demo", "--json", *options, **environment)
    assert demo.process.wait(300) == 0, demo.text()[-2000:]
    found: dict[str, Any] = json.loads(demo.text())
    return found


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the suite in one process keeps all it has."""
    folder = tmp_path_factory.mktemp("embedded")
    # A database that does not run as root has to pass through.
    folder.chmod(0o711)
    return folder / "data"


@pytest.fixture(scope="module")
def embedded(kept: Path) -> dict[str, Any]:
    """The account of the charter in one process."""
    return _play(kept.with_name("demo"), "--data", str(kept))


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[Server, LocalRabbitMQ, set[str]]]:
    """Of this machine's own programs, for what they keep is looked through; and the names that they bring along."""
    with ExitStack() as stack:
        postgres = stack.enter_context(closing(local_postgres()))
        broker = stack.enter_context(closing(local_rabbitmq()))
        # PostgreSQL knows languages and places.
        yield postgres, broker, {each for path in _files(postgres, broker) for each in _found(_canaries(), path)}


@pytest.fixture(scope="module")
def distributed(
    servers: tuple[Server, LocalRabbitMQ, set[str]], tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, Any], Path]:
    """The account of the charter with a process for each service, over RabbitMQ; and where it keeps what it has."""
    folder = tmp_path_factory.mktemp("distributed")
    urls = {"HOMEWARD_POSTGRES_URL": servers[0].url, "HOMEWARD_AMQP_URL": servers[1].url}
    # The account itself tells whoever plays it of each row of their own list.
    return _play(folder / "demo", "--distributed", "--data", str(folder / "data"), **urls), folder / "data"


def test_every_event_is_published_and_takes_effect_once(embedded: dict[str, Any]) -> None:
    assert embedded["events"]["published"] > 4000
    assert embedded["events"]["handled"] > embedded["events"]["published"]
    assert (embedded["events"]["unaccounted"], embedded["events"]["duplicates"]) == (0, 0)
    assert embedded["problems"] == []


def test_every_person_ends_where_the_story_leads(embedded: dict[str, Any]) -> None:
    assert len(embedded["cases"]) == 134
    assert sum(embedded["stages"].values()) == 134
    # The family whose father withdraws at the desk, who did not come, and who was on two lists.
    assert embedded["stages"]["withdrawn"] == 4
    assert embedded["stages"]["no_show"] == 1
    assert embedded["stages"]["merged"] == 1
    assert embedded["cases"]["JNZ-001"] == "withdrawn"
    assert embedded["cases"]["GRJ-004"] == "no_show"


def test_no_fund_is_overdrawn_and_the_sums_agree(embedded: dict[str, Any]) -> None:
    for fund in embedded["funds"]:
        assert fund["available"] >= 0
        assert fund["reserved"] + fund["committed"] + fund["spent"] + fund["available"] == fund["amount"]


def test_both_stacks_bring_every_case_to_the_same_stage(
    embedded: dict[str, Any], distributed: tuple[dict[str, Any], Path]
) -> None:
    other, _ = distributed
    assert other["cases"] == embedded["cases"]
    assert other["stages"] == embedded["stages"]
    assert _without_ids(other["funds"]) == _without_ids(embedded["funds"])
    assert other["visits"] == embedded["visits"]
    assert other["manifest"] == embedded["manifest"]
    assert (other["events"]["unaccounted"], other["events"]["duplicates"]) == (0, 0)


def test_nothing_that_either_stack_keeps_names_anybody(
    embedded: dict[str, Any],
    distributed: tuple[dict[str, Any], Path],
    kept: Path,
    servers: tuple[Server, LocalRabbitMQ, set[str]],
) -> None:
    postgres, broker, innocent = servers
    canaries = _canaries()
    assert len(canaries - innocent) > 250
    seen: set[bytes] = set()
    for path in (*_files(postgres, broker), *_inside(kept), *_inside(distributed[1])):
        assert _found(canaries - innocent, path) == [], path
        seen |= set(re.findall(rb"TRI-\d{6}", _content(path)))
    # Everybody was there to be found.
    assert len(seen) >= 134


def _files(*servers: Server) -> Iterator[Path]:
    for server in servers:
        assert server.folder
        yield from _inside(server.folder)


def _inside(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:  # A server that runs comes and goes with its files.
        return b""


def _found(words: set[str], path: Path) -> list[str]:
    content = _content(path)
    return [word for word in words if word.encode() in content]


def _canaries() -> set[str]:
    """Names and numbers of everybody on the list, the list's own too, if long enough not to occur by chance."""
    with LIST.open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    told = ("list_reference", "given_name", "family_name", "phone")
    words = {word for row in rows for name in told for word in row[name].split()}
    return {word for word in words if len(word) >= 5}


def _without_ids(funds: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in fund.items() if name != "fund_id"} for fund in funds]
