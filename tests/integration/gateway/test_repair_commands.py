"""``homeward events verify``, ``reconcile`` and ``events replay --from-nothing`` against a running suite."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import pytest_asyncio

from shared.auth.roles import Role
from shared.ids import new_id
from shared.messaging import comparison
from shared.persistence.database import rows, run
from tests.integration.gateway.command_line import Command, command_line
from tests.integration.gateway.poison import declare, poison
from tests.integration.gateway.suite import Suite
from tests.support.bench import eventually

pytestmark = pytest.mark.asyncio(loop_scope="package")


@pytest.fixture(scope="module")
def admin(suite: Suite) -> httpx.AsyncClient:
    return suite.user(Role.ADMIN, Role.CASEWORKER)


@pytest_asyncio.fixture(loop_scope="package")
async def homeward(suite: Suite) -> AsyncIterator[Command]:
    """A command line of an administrator."""
    async with command_line(suite, Role.ADMIN) as command:
        yield command


@asynccontextmanager
async def _tampered(suite: Suite, case: str) -> AsyncIterator[None]:
    """Somebody has changed the hour of a registration."""
    database = suite.apps["screening"].state.service.database
    change = "UPDATE event_log SET time = time + :by * interval '1 hour' WHERE subject = :case AND sequence = 1"
    async with database.transaction() as connection:
        await run(connection, change, case=case, by=1)
    yield
    async with database.transaction() as connection:
        await run(connection, change, case=case, by=-1)


async def test_a_row_that_was_tampered_with_is_named(suite: Suite, admin: httpx.AsyncClient, homeward: Command) -> None:
    case = (await suite.register(admin, given_name="Tampered"))["case_id"]
    sound = await homeward("events", "verify")
    assert sound.exit_code == 0, sound.output
    assert [line.split(":")[0] for line in sound.stdout.splitlines()] == [
        "screening", "travel", "reintegration", "monitoring",
    ]  # fmt: skip
    async with _tampered(suite, case):
        broken = await homeward("events", "verify", "screening")
    assert broken.exit_code == 1
    first, last = broken.stdout.splitlines()
    assert first == f"/homeward/screening {case} 1: its hash is not that of its content"
    assert last.endswith("1 broken chains")


async def test_an_even_suite_reconciles_and_one_that_is_behind_does_not(
    suite: Suite, admin: httpx.AsyncClient, homeward: Command
) -> None:
    await suite.at_rest(admin)
    even = await homeward("reconcile", "--wait", "10")
    assert even.exit_code == 0, even.output
    assert len(even.stdout.splitlines()) == 1 + 2 + 1 + 2 + 2 + 4 + 4
    case = (await suite.register(admin, given_name="Behind"))["case_id"]
    await poison(suite, case)
    await eventually(lambda: _buried(admin, case))
    behind = await homeward("reconcile", "--json")
    assert behind.exit_code == 1
    told = {each["consumer"]: each["sources"] for each in json.loads(behind.stdout)["consumers"]}
    found = told["gateway"]["/homeward/screening"]
    assert (found["events_behind"], found["subjects_behind"], found["dead"]) == (1, 1, 1)
    assert found["oldest_seconds"] > 0
    assert told["monitoring"]["/homeward/reintegration"]["events_behind"] == 0
    skipped = await homeward("dead-letters", "skip", "--case", case, "--reason", "recorded by a test", "--yes")
    assert skipped.stdout == "2 skipped\n"
    assert (await homeward("reconcile", "--wait", "10")).exit_code == 0


async def _buried(admin: httpx.AsyncClient, case: str) -> bool:
    return len((await admin.get("/api/dead-letters", params={"case": case})).json()["dead_letters"]) == 2


async def test_a_diverged_subject_is_told(suite: Suite, admin: httpx.AsyncClient, homeward: Command) -> None:
    case = (await suite.register(admin, given_name="Diverged"))["case_id"]
    await suite.at_rest(admin)
    database = suite.apps["travel"].state.service.database
    mark = "UPDATE inbox_position SET diverged = :reason WHERE subject = :case"
    async with database.transaction() as connection:
        await run(connection, mark, case=case, reason="the log ends at 0, we have handled 1")
    told = await homeward("reconcile", "travel")
    async with database.transaction() as connection:
        await run(connection, mark, case=case, reason=None)
    assert told.exit_code == 1
    assert f"travel has stopped at /homeward/screening {case} 1: the log ends at 0" in told.stdout


async def test_the_gateways_projection_is_rebuilt_by_a_command_and_no_other_service(
    suite: Suite, admin: httpx.AsyncClient, homeward: Command
) -> None:
    await suite.at_rest(admin)
    assert (await homeward("events", "replay", "gateway", "--from-nothing")).stdout.startswith("rebuilt from ")
    refused = await homeward("events", "replay", "travel", "--from-nothing")
    assert (refused.exit_code, str(refused.exception)[:27]) == (1, "only the gateway's projection"[:27])
    assert (await homeward("events", "replay", "travel")).exit_code == 0


async def test_an_event_is_found_by_its_id_and_all_of_a_case_by_the_cases(
    suite: Suite, admin: httpx.AsyncClient, homeward: Command
) -> None:
    case = (await suite.register(admin, given_name="Shown"))["case_id"]
    for _ in range(2):
        await declare(suite, case)
    of_case = _events((await homeward("events", "show", case)).stdout)
    assert {each["subject"] for each in of_case} == {case}
    told = [each for each in of_case if each["source"] == "/homeward/screening"]
    assert [each["sequence"] for each in told] == ["1", "2", "3"]
    for named in (told[1]["id"], told[1]["id"].upper()):
        assert _events((await homeward("events", "show", named)).stdout) == [told[1]]
    nothing = await homeward("events", "show", str(new_id()))
    assert (nothing.exit_code, str(nothing.exception)[:10]) == (1, "no log has")


async def test_a_cases_events_come_page_by_page_through_an_index(suite: Suite, admin: httpx.AsyncClient) -> None:
    case = (await suite.register(admin, given_name="Paged"))["case_id"]
    for _ in range(2):
        await declare(suite, case)
    first = (await admin.get(f"/api/screening/events/about/{case}", params={"limit": 2})).json()
    rest = (await admin.get(f"/api/screening/events/about/{case}", params={"limit": 2, "after": first["next"]})).json()
    assert ([len(first["events"]), first["next"]], [len(rest["events"]), rest["next"]]) == ([2, 2], [1, None])
    assert (await suite.user(Role.CASEWORKER).get(f"/api/screening/events/about/{case}")).status_code == 403
    database = suite.apps["screening"].state.service.database
    async with database.transaction() as connection:
        await run(connection, "SET LOCAL enable_seqscan = off")
        plan = await rows(connection, "EXPLAIN SELECT FROM event_log WHERE id = :id", id=new_id())
    assert "Index" in str(plan)


async def test_a_long_comparison_tells_how_far_it_is_until_its_end(
    suite: Suite, admin: httpx.AsyncClient, homeward: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparison, "PATIENCE", 0.2)
    await suite.at_rest(admin)
    async with suite.apps["gateway"].state.service.database.transaction() as other:
        await run(other, "LOCK TABLE inbox_position")
        replaying = asyncio.create_task(homeward("events", "replay", "gateway"))
        joined = await eventually(lambda: _under_way(admin))
        assert (joined["producers"], joined["fetched"]) == (4, 0)
        await asyncio.sleep(0.5)
        assert not replaying.done()
    done = await replaying
    assert done.exit_code == 0, done.output
    assert "gateway: 0 of 4 logs compared, 0 events fetched" in done.stderr
    assert done.stdout.splitlines()[-1].split() == ["gateway", "0"]


async def _under_way(admin: httpx.AsyncClient) -> Any:
    answer = await admin.get("/replay")
    return answer.json() if answer.is_success and answer.json()["running"] else None


async def test_nothing_is_told_of_a_comparison_that_nobody_has_asked_for(
    suite: Suite, admin: httpx.AsyncClient
) -> None:
    answer = await admin.get("/api/reintegration/replay")
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/nothing-compared")
    assert (await suite.user(Role.CASEWORKER).get("/api/travel/replay")).status_code == 403


def _events(printed: str) -> list[dict[str, Any]]:
    """Documents that were printed one after the other."""
    found: list[dict[str, Any]] = []
    while printed := printed.strip():
        event, end = json.JSONDecoder().raw_decode(printed)
        found.append(event)
        printed = printed[end:]
    return found
