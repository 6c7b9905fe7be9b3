"""The gateway's projection rebuilt from nothing while the suite runs: the same rows, skips honoured, nobody waits."""

import asyncio
import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

import httpx
import pytest

from services.gateway.app import MIGRATIONS
from services.gateway.repository import PROJECTION
from shared.auth.roles import Role
from shared.ids import new_id
from shared.messaging.rebuild import Rebuild
from shared.messaging.swap import SHADOW
from shared.persistence.database import rows, run
from tests.integration.gateway.poison import declare, poison
from tests.integration.gateway.suite import Suite
from tests.integration.gateway.test_status import DECLARATION
from tests.support.bench import eventually

pytestmark = pytest.mark.asyncio(loop_scope="package")

#: What may not change: all but which transaction wrote a row of the timeline.
COLUMNS = {
    "case_view": "*",
    "flight_view": "*",
    "household_view": "*",
    "timeline": "source, subject, sequence, type, time, data, trace_id",
    "inbox_position": "*",
    "inbox_parked": "source, subject, sequence, type, event, state, decided_by",
}
REASON = "recorded by a rehearsal"


@pytest.fixture(scope="module")
def officer(suite: Suite) -> httpx.AsyncClient:
    return suite.user(*Role)


def _database(suite: Suite) -> Any:
    return suite.apps["gateway"].state.service.database


async def _rows(suite: Suite) -> dict[str, list[tuple[Any, ...]]]:
    async with _database(suite).transaction() as connection:
        return {
            table: sorted((tuple(row) for row in await rows(connection, f"SELECT {names} FROM {table}")), key=repr)
            for table, names in COLUMNS.items()
        }


async def _rebuilt(officer: httpx.AsyncClient) -> dict[str, Any]:
    """Rebuild, to the last report."""
    answer = await officer.post("/replay", params={"from_nothing": True}, timeout=120)
    assert answer.status_code == 200, answer.text
    last: dict[str, Any] = json.loads(answer.text.splitlines()[-1])
    return last


async def _journeys(suite: Suite, officer: httpx.AsyncClient, count: int) -> list[str]:
    """Cases with a few events of screening and travel each, some of them of one household."""
    cases = []
    for number in range(count):
        case = (await suite.register(officer, given_name=f"Traveller{number}x{new_id().hex[-6:]}"))["case_id"]
        await suite.command(officer, f"screening/cases/{case}/declaration", DECLARATION)
        placed = await suite.command(officer, f"screening/cases/{case}/holds", {"kind": "medical", "note": "wait"})
        if number % 2:
            path = f"screening/cases/{case}/holds/{placed['hold_id']}/lift"
            await suite.command(officer, path, {"outcome": "treated and stable"})
        cases.append(case)
    return cases


async def test_a_projection_rebuilt_from_nothing_has_the_same_rows(suite: Suite, officer: httpx.AsyncClient) -> None:
    await _journeys(suite, officer, 4)
    await suite.at_rest(officer)
    before = await _rows(suite)
    done = await _rebuilt(officer)
    assert (done["state"], done["error"]) == ("done", None)
    assert done["events"] == len(before["timeline"])
    assert await _rows(suite) == before


async def test_who_was_erased_stays_erased_in_a_rebuilt_projection(suite: Suite, officer: httpx.AsyncClient) -> None:
    case = (await suite.register(officer, given_name="Forgotten"))["case_id"]
    path, protection = f"screening/cases/{case}", suite.user(Role.PROTECTION, name="zainab")
    await suite.command(protection, f"{path}/decline", {"reason": "outside the programme"})
    await suite.command(officer, f"{path}/erasure", {"ground": "requested", "reason": "has asked for it"})
    await suite.command(protection, f"{path}/erasure/approval", {})
    await suite.at_rest(officer)
    async with _database(suite).transaction() as connection:
        # As if the old projection had not come to it: the new one has the last word.
        wrapped = "UPDATE data_key SET destroyed_at = NULL, key_id = 'k', wrapped = 'w' WHERE owner = :case"
        assert await run(connection, wrapped, case=UUID(case)) == 1
    assert (await _rebuilt(officer))["state"] == "done"
    async with _database(suite).transaction() as connection:
        [left] = await rows(connection, "SELECT wrapped FROM data_key WHERE owner = :case", case=UUID(case))
    assert left.wrapped is None


async def test_the_new_tables_bear_the_old_ones_indexes_and_names(suite: Suite, officer: httpx.AsyncClient) -> None:
    before = await _relations(suite)
    assert (await _rebuilt(officer))["state"] == "done"
    assert await _relations(suite) == before


async def _relations(suite: Suite) -> list[tuple[str, str, str]]:
    async with _database(suite).transaction() as connection:
        found = await rows(
            connection,
            """SELECT schemaname, tablename, indexname, regexp_replace(indexdef, 'homeward_rebuild', 'public') AS made
               FROM pg_indexes WHERE schemaname !~ '^pg_' ORDER BY 1, 2, 3""",
        )
    return [tuple(row) for row in found]


async def test_commands_go_on_during_a_rebuild_and_none_of_their_events_is_lost(
    suite: Suite, officer: httpx.AsyncClient
) -> None:
    working = True
    shown: list[int] = []

    async def work() -> None:
        """Whoever looks meanwhile sees the old projection, never an empty one."""
        while working:
            await _journeys(suite, officer, 1)
            shown.append(sum((await officer.get("/api/figures")).json()["stages"].values()))

    working_on = asyncio.create_task(work())
    ends = [(await _rebuilt(officer))["state"] for _ in range(2)]
    working = False
    await working_on
    assert ends == ["done", "done"]
    await suite.at_rest(officer)
    assert min(shown) > 0
    account = (await officer.get("/api/accounting")).json()
    for source, produced in account["producers"].items():
        found = account["consumers"]["gateway"][source]
        assert (found["missing"], found["ahead"], found["differing"]) == (0, 0, 0)
        assert found["handled"] == produced["events"]
    during = await _rows(suite)
    assert (await _rebuilt(officer))["state"] == "done"
    assert await _rows(suite) == during


async def test_a_skipped_event_stays_skipped_and_a_dead_letter_stays_dead(
    suite: Suite, officer: httpx.AsyncClient
) -> None:
    skipped, dead = [(await suite.register(officer, given_name=f"Sick{new_id().hex}"))["case_id"] for _ in "ab"]
    for case in (skipped, dead):
        await poison(suite, case)
        await declare(suite, case)
    await eventually(lambda: _buried(officer, 4, skipped, dead))
    body = {"case": skipped, "reason": REASON, "count": 2}
    assert (await officer.post("/api/dead-letters/skip", json=body)).is_success
    await suite.at_rest(officer)
    before = await _rows(suite)
    letter = (await officer.get(f"/api/gateway/dead-letters/screening/{dead}/2")).json()
    assert (await _rebuilt(officer))["state"] == "done"
    assert await _rows(suite) == before
    states = {(row[1], row[2], row[5]) for row in before["inbox_parked"]}
    assert {(skipped, 2, "skipped"), (dead, 2, "dead"), (dead, 3, "waiting")} <= states
    again = (await officer.get(f"/api/gateway/dead-letters/screening/{dead}/2")).json()
    assert (again["parked_at"], again["attempts"]) == (letter["parked_at"], letter["attempts"])
    assert (await officer.post("/api/dead-letters/skip", json=body | {"case": dead})).is_success


async def _buried(officer: httpx.AsyncClient, count: int, *cases: str) -> bool:
    letters = (await officer.get("/api/dead-letters")).json()["dead_letters"]
    return sum(each["subject"] in cases for each in letters) == count


async def test_events_that_can_no_longer_be_handled_leave_the_old_projection(
    suite: Suite, officer: httpx.AsyncClient
) -> None:
    """As after a deployment whose handlers refuse what older ones took; here the log was spoiled."""
    case = (await suite.register(officer, given_name=f"Spoiled{new_id().hex}"))["case_id"]
    await suite.at_rest(officer)
    before = await _rows(suite)
    good = await _spoil(suite, case, lambda data: data.replace(b"country_of_origin", b"country_of_errors"))
    failed = await _rebuilt(officer)
    assert failed["state"] == "failed"
    assert f"/homeward/screening {case} 1" in failed["error"]
    assert await _rows(suite) == before
    await _spoil(suite, case, lambda _: good)
    assert (await _rebuilt(officer))["state"] == "done"
    assert await _rows(suite) == before


async def _spoil(suite: Suite, case: str, change: Callable[[bytes], bytes]) -> bytes:
    """Change the first event of a case; what it was."""
    async with suite.apps["screening"].state.service.database.transaction() as connection:
        statement = "SELECT data FROM event_log WHERE subject = :case AND sequence = 1"
        [row] = await rows(connection, statement, case=case)
        update = "UPDATE event_log SET data = :data WHERE subject = :case AND sequence = 1"
        await run(connection, update, data=change(row.data), case=case)
    return bytes(row.data)


async def test_a_rebuild_that_dies_leaves_the_old_projection_and_can_be_started_again(
    suite: Suite, officer: httpx.AsyncClient
) -> None:
    await suite.at_rest(officer)
    before = await _rows(suite)
    rebuild: Rebuild = suite.apps["gateway"].state.service.rebuild
    reports = await rebuild.follow()
    assert (await anext(reports)).state == "running"
    await eventually(lambda: _started(suite))
    await rebuild.stop()
    assert [report.state async for report in reports][-1] == "failed"
    assert await _rows(suite) == before
    assert (await _rebuilt(officer))["state"] == "done"
    assert await _rows(suite) == before
    assert not await _started(suite)


async def _started(suite: Suite) -> bool:
    async with _database(suite).transaction() as connection:
        return bool(await rows(connection, "SELECT 1 FROM pg_namespace WHERE nspname = :name", name=SHADOW))


async def test_a_second_rebuild_in_this_process_follows_the_first(suite: Suite, officer: httpx.AsyncClient) -> None:
    ends = await asyncio.gather(_rebuilt(officer), _rebuilt(officer))
    assert [each["state"] for each in ends] == ["done", "done"]


async def test_a_rebuild_in_another_process_is_told(suite: Suite, officer: httpx.AsyncClient) -> None:
    service = suite.apps["gateway"].state.service
    other = Rebuild(service.consumer, service.unit, service.producers, MIGRATIONS, PROJECTION)
    reports = await other.follow()
    refused = await officer.post("/replay", params={"from_nothing": True})
    assert [report.state async for report in reports][-1] == "done"
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/rebuild-running")


async def test_a_stateful_service_only_moves_forward(suite: Suite, officer: httpx.AsyncClient) -> None:
    refused = await officer.post("/api/travel/replay", params={"from_nothing": True})
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/not-a-projection")
    even = {"running": False, "compared": 1, "producers": 1, "fetched": 0}
    assert (await officer.post("/api/travel/replay")).json() == even
    assert (await suite.user(Role.AUDITOR).post("/replay", params={"from_nothing": True})).status_code == 403
