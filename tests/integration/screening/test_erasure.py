"""Erasure: four eyes or the retention schedule decide, nothing comes back, not even with a backup."""

import asyncio
import fcntl
import os
import threading
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from services.screening.repository import HOUSEHOLDS
from shared.appending import alone_with
from shared.auth.roles import Role
from shared.contracts import monitoring, screening, travel
from shared.ids import new_id
from shared.persistence.database import rows, run
from shared.protection.register import Register
from tests.integration.screening.holdings import everything, service_of
from tests.integration.screening.programme import Programme, household, member
from tests.support.bench import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)
REQUEST = {"ground": "requested", "reason": "has written that nothing of it may be kept"}
CANARY = {"given_name": "Oblivius", "family_name": "Forgetmenot", "phone": "+218 91 555 2718"}


async def ended(programme: Programme, **identity: Any) -> str:
    """A case whose person has withdrawn."""
    case_id: str = (await programme.register(**identity))["case_id"]
    await programme.screen(case_id)
    await programme.officer.does(
        f"/cases/{case_id}/consent/withdrawal", {"place": "office", "reason": "has changed her mind"}
    )
    return case_id


async def erased(programme: Programme, case_id: str) -> Any:
    await programme.officer.does(f"/cases/{case_id}/erasure", REQUEST)
    return await programme.protection.does(f"/cases/{case_id}/erasure/approval")


async def is_erased(programme: Programme, case_id: str) -> bool:
    answer = await programme.officer.client.get(f"/cases/{case_id}")
    return answer.status_code == 410 and "destroyed" in answer.json()["detail"]


async def test_who_was_erased_is_neither_read_nor_found_and_the_chain_still_verifies(programme: Programme) -> None:
    case_id = await ended(programme, **CANARY, list_reference="OBL-2718")
    for words in ("forgetmenot", "obl-2718"):
        assert (await programme.officer.reads(f"/search?q={words}"))["case_ids"] == [case_id]
    assert await erased(programme, case_id) == {
        "case_id": case_id,
        "erased_on": "2026-03-02",
        "case_ids": [case_id],
    }
    assert await is_erased(programme, case_id)
    identities = await programme.officer.client.post("/identities", json={"case_ids": [case_id]})
    assert identities.json()["identities"] == {}
    for words in ("forgetmenot", "obl-2718"):
        assert (await programme.officer.reads(f"/search?q={words}"))["case_ids"] == []
    async with service_of(programme).database.transaction() as connection:
        for table in ("person_key", "list_entry"):
            assert await rows(connection, f"SELECT 1 FROM {table} WHERE case_id = :id", id=UUID(case_id)) == []
    assert (await programme.register(**CANARY, list_reference="OBL-2718"))["suspected_duplicates"] == []
    assert (await programme.events(case_id))[-1] == screening.PersonErased(erased_on=date(2026, 3, 2))
    verified = await programme.user(Role.AUDITOR).reads("/events/verification?limit=5000")
    assert verified["broken"] == []


async def test_the_data_key_is_gone_and_no_other_takes_its_place(programme: Programme) -> None:
    registered = await programme.register()
    person, case_id = UUID(registered["person_id"]), registered["case_id"]
    await programme.officer.does(f"/cases/{case_id}/decline", {"reason": "is a citizen here"})
    sealed = await _sealed(programme, case_id)
    assert sealed
    await erased(programme, case_id)
    assert await _sealed(programme, case_id) is None
    async with service_of(programme).database.transaction() as connection:
        [key] = await rows(connection, "SELECT * FROM data_key WHERE owner = :owner", owner=person)
        # The old row from a backup, in a database whose key was destroyed.
        await run(
            connection,
            "UPDATE screening_case SET sealed = :sealed, sealed_for = :owner WHERE id = :id",
            sealed=sealed,
            owner=person,
            id=UUID(case_id),
        )
    assert (key.wrapped, key.key_id) == (None, None)
    assert (await programme.officer.client.get(f"/cases/{case_id}")).status_code == 410


async def _sealed(programme: Programme, case_id: str) -> bytes | None:
    async with service_of(programme).database.transaction() as connection:
        [row] = await rows(connection, "SELECT sealed FROM screening_case WHERE id = :id", id=UUID(case_id))
    sealed: bytes | None = row.sealed
    return sealed


async def test_nobody_approves_what_they_have_asked_for(programme: Programme) -> None:
    case_id = await ended(programme)
    problem = await programme.protection.refused(f"/cases/{case_id}/erasure/approval")
    assert problem["type"] == "/problems/erasure-not-requested"
    await programme.protection.does(f"/cases/{case_id}/erasure", REQUEST)
    waiting = (await programme.protection.reads("/erasures"))["requested"]
    assert [case_id, "protection"] in [[each["case_id"], each["requested_by"]] for each in waiting]
    problem = await programme.protection.refused(f"/cases/{case_id}/erasure/approval")
    assert problem["type"] == "/problems/same-eyes"
    assert (await programme.officer.reads(f"/cases/{case_id}"))["status"] == "withdrawn"


async def test_why_somebody_left_a_family_is_told_to_that_person_and_goes_with_the_person(programme: Programme) -> None:
    unit = await programme.officer.does("/households", household(member("head"), member("spouse")))
    father, path = unit["cases"][0]["case_id"], f"/households/{unit['household_id']}"
    await programme.officer.does(f"{path}/split", {"case_ids": [father], "reason": "He owes Drumbelow money"})
    asked = await programme.protection.client.get(f"/subjects/{father}", headers={"Purpose": "data-subject-request"})
    assert [each["reason"] for each in asked.json()["records"]["splits"]] == ["He owes Drumbelow money"]
    await programme.officer.does(f"/cases/{father}/decline", {"reason": "can't return"})
    await erased(programme, father)
    async with service_of(programme).database.transaction() as connection:
        [left] = await HOUSEHOLDS.find(connection, "id = :id", id=UUID(unit["household_id"]))
    assert [(each.case_ids, each.reason) for each in left.splits] == [([UUID(father)], "")]


async def test_who_is_still_cared_for_is_not_erased(programme: Programme) -> None:
    case_id = (await programme.register())["case_id"]
    problem = await programme.officer.refused(f"/cases/{case_id}/erasure", REQUEST)
    assert problem["type"] == "/problems/case-under-way"


async def test_the_schedule_reports_and_then_erases_whose_case_was_closed_long_ago(postgres_url: str) -> None:
    async with Programme(postgres_url) as programme:
        old, other = [(await programme.register())["case_id"] for _ in range(2)]
        for case_id in (old, other):
            await programme.screen(case_id)
            await programme.happens(case_id, travel.Departed(flight_id=new_id(), departed_at=NOW))
        closed = monitoring.CaseClosed(reason="followed_up", closed_on=date(2026, 9, 1))
        await programme.tell(monitoring.SOURCE, UUID(old), closed)
        day = timedelta(days=1)
        due = date(2026, 9, 1) + service_of(programme).programme.retention.after_end
        await programme.set_clock(datetime(due.year, due.month, due.day, 8, tzinfo=UTC) - 40 * day)
        assert (await programme.protection.reads("/erasures"))["due"] == []
        await programme.set_clock(datetime(due.year, due.month, due.day, 8, tzinfo=UTC) - 20 * day)
        [reported] = (await programme.protection.reads("/erasures"))["due"]
        assert (reported["case_id"], reported["erased_on"]) == (old, due.isoformat())
        assert (await programme.officer.reads(f"/cases/{old}"))["identity"]["given_name"] == "Adeel"
        await programme.set_clock(datetime(due.year, due.month, due.day, 8, tzinfo=UTC))
        assert await is_erased(programme, old)
        assert (await programme.officer.reads(f"/cases/{other}"))["identity"]["given_name"] == "Adeel"
        assert (await programme.protection.reads("/erasures"))["due"] == []


async def test_a_restored_backup_brings_nobody_back(postgres_url: str, database_url: str, tmp_path: Path) -> None:
    register = tmp_path / "erasures.jsonl"
    async with Programme(postgres_url, erasures=register, database_url=database_url) as programme:
        case_id = await ended(programme, **CANARY)
        settings = service_of(programme).settings
        before = await _copy(programme)
        await erased(programme, case_id)
        assert register.stat().st_mode & 0o777 == 0o600
        assert "Forgetmenot" not in register.read_text()
        await _restore(programme, before)
        assert (await programme.officer.reads(f"/cases/{case_id}"))["identity"]["family_name"] == "Forgetmenot"
    again = Programme(postgres_url, erasures=register, database_url=database_url, keys=settings.keys.get_secret_value())
    async with again:
        assert await is_erased(again, case_id)
        assert (await again.officer.reads("/search?q=forgetmenot"))["case_ids"] == []
        assert "Oblivius" not in await everything(service_of(again))


async def test_a_backup_from_before_a_merger_brings_neither_case_back(
    postgres_url: str, database_url: str, tmp_path: Path
) -> None:
    register = tmp_path / "erasures.jsonl"
    async with Programme(postgres_url, erasures=register, database_url=database_url) as programme:
        first, second = [(await programme.register(**CANARY))["case_id"] for _ in range(2)]
        settings = service_of(programme).settings
        before = await _copy(programme)
        await programme.decide(second, first, same_person=True)
        await programme.officer.does(f"/cases/{first}/decline", {"reason": "is a citizen here"})
        await erased(programme, first)
        await _restore(programme, before)
    again = Programme(postgres_url, erasures=register, database_url=database_url, keys=settings.keys.get_secret_value())
    async with again:
        for case_id in (first, second):
            assert await is_erased(again, case_id)
            assert (await again.events(case_id))[-1] == screening.PersonErased(erased_on=date(2026, 3, 2))
        assert "Oblivius" not in await everything(service_of(again))


async def test_who_erases_waits_for_another_writer_of_the_register_and_keeps_nobody_waiting(
    postgres_url: str, tmp_path: Path
) -> None:
    register = tmp_path / "erasures.jsonl"
    async with Programme(postgres_url, erasures=register) as programme:
        case_id = await ended(programme)
        with alone_with(register) as another:
            erasing = asyncio.create_task(erased(programme, case_id))
            # A loop that is held up by the lock gets it back after 5 s, so that the test ends.
            late = threading.Timer(5, fcntl.flock, (another, fcntl.LOCK_UN))
            late.start()
            await eventually(_somebody_waits)
            assert late.is_alive()
            late.cancel()
            assert not erasing.done() and register.read_text() == ""
        await asyncio.wait_for(erasing, 15)
        assert Register(register).owners()


async def _somebody_waits() -> bool:
    """For a lock of this process: the kernel marks who waits with an arrow."""
    waiting = [line for line in Path("/proc/locks").read_text().splitlines() if "-> FLOCK" in line]
    return any(int(line.split()[5]) == os.getpid() for line in waiting)


_TABLES = ("screening_case", "data_key", "person_key", "list_entry", "event_log", "log_head")


async def _copy(programme: Programme) -> dict[str, str]:
    async with service_of(programme).database.transaction() as connection:
        return {
            table: (await rows(connection, f"SELECT json_agg({table})::text AS kept FROM {table}"))[0].kept or "[]"
            for table in _TABLES
        }


async def _restore(programme: Programme, kept: dict[str, str]) -> None:
    async with service_of(programme).database.transaction() as connection:
        await run(connection, f"TRUNCATE {', '.join(_TABLES)}, event_unpublished, event_unstamped, event_position")
        for table, content in kept.items():
            await run(
                connection,
                f"INSERT INTO {table} OVERRIDING SYSTEM VALUE"
                f" SELECT * FROM json_populate_recordset(NULL::{table}, CAST(CAST(:content AS text) AS json))",
                content=content,
            )
