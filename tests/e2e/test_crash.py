"""The embedded suite is killed in the middle of its work and started again on the same data."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from uuid import uuid4

import psutil  # type: ignore[import-untyped]
import pytest

from services.cli.accounting import account
from tests.support.homeward import Client, Homeward, free_port, up, wait_for
from tests.support.suite import OMAR, REGISTRATION


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data directory that a database which does not run as root can pass through."""
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o711)
    return tmp_path / "data"


@pytest.fixture
def started() -> Iterator[list[Homeward]]:
    """What was started, and is ended with the test."""
    processes: list[Homeward] = []
    yield processes
    for each in processes:
        if each.process.poll() is None:
            each.stop()


def _people(first: int) -> Iterator[tuple[str, Mapping[str, object]]]:
    number = first
    while True:
        number += 1
        born = f"19{50 + number % 50}-{1 + number % 12:02}-{1 + number % 28:02}"
        identity = OMAR | {"given_name": f"Person{number}", "date_of_birth": born}
        yield str(uuid4()), REGISTRATION | {"identity": identity}


def test_a_kill_in_mid_demo_loses_no_case_and_no_event(data: Path, tmp_path: Path, started: list[Homeward]) -> None:
    port = free_port()
    demo = Homeward(tmp_path / "demo", "demo", "--data", str(data), "--port", str(port))
    started.append(demo)
    admin, caseworker = Client(port, data, "admin"), Client(port, data, "caseworker")
    wait_for(lambda: admin.get("/api/figures")["stages"].get("screening", 0) > 40, seconds=90, process=demo)
    acknowledged = {}
    people = _people(0)
    for _ in range(20):
        key, person = next(people)
        acknowledged[key] = (person, caseworker.post("/api/screening/cases", person, key).json())
    demo.kill()

    again = Homeward(tmp_path / "up", *up(data, port))
    started.append(again)
    wait_for(lambda: admin.get("/api/rest")["at_rest"], seconds=90, process=again)
    found = account(admin.get("/api/accounting"))
    assert (found.unaccounted, found.duplicates, found.problems) == (0, 0, ())
    assert found.published > 134 + 20
    for key, (person, answer) in acknowledged.items():
        assert caseworker.get(f"/api/cases/{answer['case_id']}")["reference"] == answer["reference"]
        assert caseworker.post("/api/screening/cases", person, key).json() == answer
    assert sum(admin.get("/api/figures")["stages"].values()) == 134 + 20
    assert again.stop() == 0


def test_a_second_suite_on_the_same_data_says_who_has_it(data: Path, tmp_path: Path, started: list[Homeward]) -> None:
    port = free_port()
    first = Homeward(tmp_path / "first", *up(data, port))
    started.append(first)
    wait_for(lambda: "Homeward is up" in first.text(), seconds=60, process=first)
    second = Homeward(tmp_path / "second", *up(data, free_port()))
    assert second.process.wait(30) == 1
    assert str(first.process.pid) in second.text()
    assert "Traceback" not in second.text()
    assert len(second.text().strip().splitlines()) == 1
    servers = [each for each in psutil.process_iter(["name"]) if _serves(each, first.process.pid)]
    assert servers
    assert first.stop() == 0
    _, alive = psutil.wait_procs(servers, timeout=5)
    assert not alive, "no postgres outlives an orderly stop"


def _serves(process: psutil.Process, suite: int) -> bool:
    try:
        return process.name() == "postgres" and suite in [each.pid for each in process.parents()]
    except psutil.NoSuchProcess:
        return False
