"""Whoever reads personal data says why, and leaves an entry; so does every command."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

import httpx
import pytest
from fastapi import APIRouter
from sqlalchemy.exc import DBAPIError

from shared.auth.permissions import Permission
from shared.auth.purposes import Purpose
from shared.auth.roles import Role
from shared.ids import new_id
from shared.persistence.database import Database, run
from shared.web.commands import PersonalReading, personal
from tests.integration.reintegration.stage import User
from tests.integration.screening.programme import Programme, person

pytestmark = pytest.mark.asyncio(loop_scope="module")

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACED = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}


def database(programme: Programme) -> Database:
    found: Database = programme.apps["screening"].state.service.database
    return found


async def ask(user: User, what: str, case_id: str, **headers: str) -> httpx.Response:
    match what:
        case "show_identities":
            return await user.client.post("/identities", json={"case_ids": [case_id]}, headers=TRACED | headers)
        case "show_duplicates":
            return await user.client.get("/duplicates", headers=TRACED | headers)
        case "search":
            return await user.client.get("/search", params={"q": case_id}, headers=TRACED | headers)
        case _:
            return await user.client.get(f"/cases/{case_id}", headers=TRACED | headers)


READS = ("show_case", "show_identities", "search", "show_duplicates")


@pytest.mark.parametrize("action", READS)
async def test_a_read_leaves_one_entry_with_who_what_why_and_when(programme: Programme, action: str) -> None:
    reader = programme.user(Role.CASEWORKER, id=f"reader {action}")
    case = await programme.register(given_name="Ahmad", family_name=f"Alike {new_id()}")
    begun = datetime.now(UTC) - timedelta(seconds=1)
    sought = case["reference"] if action == "search" else case["case_id"]
    answer = await ask(reader, action, sought, Purpose="data-subject-request")
    assert answer.status_code == 200, answer.text
    [entry] = await programme.entries(actor=f"reader {action}")
    subjects = {case["case_id"]} if action != "show_duplicates" else set(entry["subjects"])
    assert entry == {
        "actor": f"reader {action}",
        "action": action,
        "at": entry["at"],
        "number": entry["number"],
        "office": entry["office"],
        "purpose": "data-subject-request",
        "service": "screening",
        "subjects": sorted(subjects),
        "trace": TRACE,
    }
    assert entry["office"] == "tripoli" or action == "show_duplicates"
    assert begun < datetime.fromisoformat(entry["at"]) < datetime.now(UTC) + timedelta(seconds=1)


@pytest.mark.parametrize("action", READS)
@pytest.mark.parametrize(("purpose", "status"), [("", 422), ("curiosity", 422), ("boarding", 403)])
async def test_without_a_purpose_that_fits_the_role_nothing_is_read(
    programme: Programme, action: str, purpose: str, status: int
) -> None:
    case, actor = await programme.register(), f"curious {new_id()}"
    answer = await ask(programme.user(Role.PROTECTION, id=actor), action, case["case_id"], Purpose=purpose)
    assert answer.status_code == status
    assert answer.json()["purposes"] == ["protection", "case-work", "data-subject-request"]
    assert case["case_id"] not in answer.text.replace(answer.json()["instance"], "")
    assert await programme.entries(actor=actor) == []


async def test_a_read_of_two_offices_stands_in_the_audit_of_both(programme: Programme) -> None:
    cases = [await programme.register(office=office) for office in ("tripoli", "abidjan")]
    manager = programme.user(Role.MANAGER, id="manager of both")
    ids = [case["case_id"] for case in cases]
    assert (await manager.client.post("/identities", json={"case_ids": ids})).status_code == 200
    found = await programme.entries(actor="manager of both")
    assert {entry["office"]: entry["subjects"] for entry in found} == {"tripoli": ids[:1], "abidjan": ids[1:]}


async def test_what_is_not_there_leaves_no_entry(programme: Programme) -> None:
    reader = programme.user(Role.CASEWORKER, id="reader of nothing")
    assert (await reader.client.get(f"/cases/{new_id()}")).status_code == 404
    assert await programme.entries(actor="reader of nothing") == []


async def test_a_command_names_no_purpose_or_one_that_fits(programme: Programme) -> None:
    officer = programme.user(Role.CASEWORKER, id="plain")
    for purpose, status in (("medical-care", 403), ("curiosity", 422), ("", 201)):
        headers = {"Purpose": purpose, "Idempotency-Key": str(new_id())}
        assert (await officer.client.post("/cases", json=person(), headers=headers)).status_code == status
    assert [entry["purpose"] for entry in await programme.entries(actor="plain")] == [None]


async def test_a_command_leaves_one_entry_however_often_it_is_sent(programme: Programme) -> None:
    officer, key = programme.user(Role.CASEWORKER, id="sender"), str(new_id())
    body = person()
    answers = [await officer.post("/cases", body, key=key) for _ in range(3)]
    assert {answer.status_code for answer in answers} == {201}
    [entry] = await programme.entries(actor="sender")
    assert (entry["action"], entry["office"], entry["purpose"]) == ("register_case", "tripoli", "case-work")
    assert entry["subjects"] == [answers[0].json()["case_id"]]
    assert body["identity"]["family_name"] not in str(entry)


async def test_a_command_that_a_rule_refuses_leaves_no_entry(programme: Programme) -> None:
    case = await programme.register()
    officer = programme.user(Role.CASEWORKER, id="hasty")
    await officer.refused(f"/cases/{case['case_id']}/clearance")
    assert await programme.entries(actor="hasty") == []


async def test_commands_at_the_same_time_keep_one_unbroken_chain(programme: Programme) -> None:
    before = {entry["number"] for entry in await programme.entries() if entry["office"] == "islamabad"}
    await asyncio.gather(*(programme.register(office="islamabad") for _ in range(25)))
    found = [entry for entry in await programme.entries() if entry["office"] == "islamabad"]
    assert [entry["number"] for entry in found] == list(range(1, len(before) + 26))
    auditor = programme.user(Role.AUDITOR)
    page = await auditor.reads("/audit/verification")
    assert page["broken"] == [] and page["next"] is None


async def test_what_can_not_be_written_down_is_neither_done_nor_answered(programme: Programme) -> None:
    case, body = await programme.register(), person()
    async with unwritable(database(programme)):
        read = await programme.officer.client.get(f"/cases/{case['case_id']}")
        done = await programme.officer.post("/cases", body)
    assert (read.status_code, done.status_code) == (500, 500)
    assert "Adeel" not in read.text
    name = body["identity"]["family_name"].split()[1]
    assert (await programme.officer.reads(f"/search?q={name}"))["case_ids"] == []


@asynccontextmanager
async def unwritable(database: Database) -> AsyncIterator[None]:
    async with database.transaction() as connection:
        await run(connection, "ALTER TABLE audit_entry RENAME TO audit_entry_away")
    yield
    async with database.transaction() as connection:
        await run(connection, "ALTER TABLE audit_entry_away RENAME TO audit_entry")


async def test_a_route_that_does_not_say_whose_data_it_answers_gives_no_answer(programme: Programme) -> None:
    router = APIRouter()

    @router.get("/silent")
    async def silent(reading: Annotated[PersonalReading, personal(Permission.FILES_READ)]) -> str:
        return f"a name, for {reading.purpose}"

    programme.apps["screening"].include_router(router)
    answer = await programme.officer.client.get("/silent")
    assert (answer.status_code, "a name" in answer.text) == (500, False)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE audit_entry SET entry = entry",
        "DELETE FROM audit_entry",
        "TRUNCATE audit_entry",
        "DELETE FROM audit_head",
        "TRUNCATE audit_head",
        "UPDATE audit_head SET number = number - 1",
    ],
)
async def test_the_database_refuses_to_change_the_audit(programme: Programme, change: str) -> None:
    await programme.register()
    with pytest.raises(DBAPIError, match="the audit is only added to"):
        async with database(programme).transaction() as connection:
            await run(connection, change)


async def test_a_search_of_the_audit_is_an_entry_and_needs_a_purpose(programme: Programme) -> None:
    case, auditor = await programme.register(), programme.user(Role.AUDITOR, id="searcher")
    assert (await auditor.client.get("/audit/entries", headers={"Purpose": ""})).status_code == 422
    await auditor.reads(f"/audit/entries?case={case['case_id']}")
    [entry] = await programme.entries(actor="searcher")
    assert (entry["action"], entry["purpose"], entry["subjects"]) == (
        "search_audit",
        Purpose.AUDIT,
        [case["case_id"]],
    )
    assert entry["office"] == "programme"


async def test_entries_are_found_by_who_whom_what_why_and_when(programme: Programme) -> None:
    case = await programme.register()
    await programme.screen(case["case_id"])
    await programme.officer.reads(f"/cases/{case['case_id']}")
    found = await programme.entries(case=case["case_id"])
    acts = ["register_case", "declare", "assess", "examine", "show_case"]
    assert [entry["action"] for entry in found] == acts

    async def acted(**wanted: Any) -> list[str]:
        answer = await programme.entries(case=case["case_id"], **wanted)
        return [each["action"] for each in answer if each["action"] != "search_audit"]

    assert await acted(actor="doctor") == ["examine"]
    assert await acted(purpose="medical-care") == ["examine"]
    assert await acted(action="assess") == ["assess"]
    assert await acted(since=found[3]["at"]) == acts[3:]
    assert await acted(until=found[3]["at"]) == acts[:3]
    assert await acted(after_office=found[1]["office"], after_number=found[1]["number"]) == acts[2:]


async def test_an_auditor_of_one_office_sees_that_offices_entries_alone(programme: Programme) -> None:
    ids = [(await programme.register(office=office))["case_id"] for office in ("tripoli", "abidjan")]
    local = programme.user(Role.AUDITOR, id="of abidjan", offices=("abidjan",))
    found = (await local.reads("/audit/entries?limit=1000"))["entries"]
    assert {entry["office"] for entry in found} == {"abidjan"}
    assert ids[1] in {subject for entry in found for subject in entry["subjects"]}
    page = await local.reads("/audit/verification")
    assert page["broken"] == [] and page["total"] == page["entries"] >= 1
    asked = {"office": "tripoli", "numbers": [1]}
    assert (await local.post("/audit/hashes", asked)).status_code == 404


async def test_auditors_read_no_case_and_others_no_audit(programme: Programme) -> None:
    case = await programme.register()
    auditor = programme.user(Role.AUDITOR)
    for path in (f"/cases/{UUID(case['case_id'])}", "/duplicates", "/search?q=adeel"):
        assert (await auditor.client.get(path)).status_code == 403, path
    for path in ("gates", "consent"):
        assert (await auditor.client.get(f"/cases/{case['case_id']}/{path}")).status_code == 403, path
    others = programme.user(*(role for role in Role if role is not Role.AUDITOR))
    for path in ("entries", "verification", "heads"):
        assert (await others.client.get(f"/audit/{path}")).status_code == 403, path
