"""Who is erased in screening is erased in every service."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import httpx
import pytest
import pytest_asyncio

from services.embedded import EmbeddedSuite
from shared.persistence.database import rows
from shared.protection.register import Register
from tests.integration.screening.programme import DECLARATION
from tests.support.suite import REGISTRATION, Operator, at_rest, embedded, sign_in

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def suite(module_path: Path) -> AsyncIterator[EmbeddedSuite]:
    module_path.chmod(0o711)
    async with embedded(module_path / "data") as running:
        yield running


async def test_every_service_destroys_what_it_holds_of_the_person(suite: EmbeddedSuite) -> None:
    officer, protection, movements, admin = [
        await sign_in(suite, role) for role in ("caseworker", "protection", "movements", "admin")
    ]
    case_id = (await officer.post("/api/screening/cases", REGISTRATION)).json()["case_id"]
    await at_rest(admin)
    declared = await officer.post(f"/api/screening/cases/{case_id}/declaration", DECLARATION)
    assert declared.is_success, declared.text
    papers = f"/api/travel/cases/{case_id}/document"
    asked = await movements.post(f"{papers}/request", {"authority": "embassy-pk", "kind": "laissez_passer"})
    assert asked.is_success, asked.text
    visa = f"/api/travel/cases/{case_id}/exit-visa"
    asked = await movements.post(f"{visa}/request", {"authority": "migration-ly"})
    assert asked.is_success, asked.text
    issued = await movements.post(f"{papers}/issue", {"number": "ZZ314159", "issued_on": "2026-01-05"})
    assert issued.is_success, issued.text
    assert await _sealed(suite, case_id)
    await _erase(officer, protection, case_id)
    await at_rest(admin)
    assert not await _sealed(suite, case_id)
    for name in ("travel", "reintegration", "monitoring"):
        assert await _destroyed(suite, name, case_id), name
    shown = (await officer.get(f"/api/cases/{case_id}")).json()
    assert shown["erased_on"] == "2026-01-05"
    again = await movements.post(f"{papers}/request", {"authority": "embassy-pk", "kind": "laissez_passer"})
    assert (again.status_code, again.json()["type"]) == (409, "/problems/no-consent-to-transfer")
    refused = await movements.post(f"{visa}/issue", {"reference": "ZZ314160", "issued_on": "2026-01-05"})
    assert (refused.status_code, refused.json()["type"]) == (410, "/problems/erased")


async def _erase(officer: Operator, protection: Operator, case_id: str) -> None:
    withdrawal = {"place": "office", "reason": "stays"}
    await officer.post(f"/api/screening/cases/{case_id}/consent/withdrawal", withdrawal)
    request = {"ground": "requested", "reason": "was asked for"}
    asked = await officer.post(f"/api/screening/cases/{case_id}/erasure", request)
    assert asked.is_success, asked.text
    approved = await protection.post(f"/api/screening/cases/{case_id}/erasure/approval", {})
    assert approved.is_success, approved.text


async def _sealed(suite: EmbeddedSuite, case_id: str) -> bool:
    async with suite.apps["travel"].state.service.database.transaction() as connection:
        [row] = await rows(connection, "SELECT sealed FROM travel_case WHERE id = :id", id=UUID(case_id))
    return row.sealed is not None


async def _destroyed(suite: EmbeddedSuite, name: str, case_id: str) -> bool:
    async with suite.apps[name].state.service.database.transaction() as connection:
        found = await rows(connection, "SELECT * FROM data_key WHERE owner = :id", id=UUID(case_id))
    return [row.wrapped for row in found] == [None]


async def test_whose_erasure_broke_off_after_it_was_registered_is_erased_everywhere_at_the_next_start(
    tmp_path: Path,
) -> None:
    tmp_path.chmod(0o711)
    data = tmp_path / "data"
    register = data / "erasures" / "screening.jsonl"
    async with embedded(data) as suite:
        officer, admin = await sign_in(suite, "caseworker"), await sign_in(suite, "admin")
        registered = (await officer.post("/api/screening/cases", REGISTRATION)).json()
        case_id = registered["case_id"]
        declared = await officer.post(f"/api/screening/cases/{case_id}/declaration", DECLARATION)
        assert declared.is_success, declared.text
        await at_rest(admin)
    Register(register).add([UUID(registered["person_id"])])
    async with embedded(data) as suite:
        admin, officer = await sign_in(suite, "admin"), await sign_in(suite, "caseworker")
        await at_rest(admin)
        for name in ("travel", "reintegration", "monitoring"):
            assert await _destroyed(suite, name, case_id), name
        assert (await officer.get(f"/api/cases/{case_id}")).json()["erased_on"] == "2026-01-05"
    owners = [json.loads(line)["owner"] for line in register.read_text().splitlines()]
    assert sorted(owners) == sorted([registered["person_id"], case_id])


async def test_whom_a_restored_backup_brings_back_is_erased_again_before_anybody_is_served(tmp_path: Path) -> None:
    tmp_path.chmod(0o711)
    data, backup = tmp_path / "data", str(tmp_path / "backup")
    async with embedded(data) as suite:
        officer, protection, admin = [await sign_in(suite, role) for role in ("caseworker", "protection", "admin")]
        case_id = (await officer.post("/api/screening/cases", REGISTRATION)).json()["case_id"]
        await at_rest(admin)
        await _homeward("backup", backup, data)
        await _erase(officer, protection, case_id)
        await at_rest(admin)
    await _homeward("restore", backup, data)
    asking: list[asyncio.Task[httpx.Response]] = []

    async def asks() -> httpx.Response:
        async with suite._client("screening") as client:
            return await client.get(f"/cases/{case_id}")

    def progress(step: str) -> None:
        # The person is there again, and screening waits for the reports of those who aren't there yet.
        if step == "starting travel":
            asking.append(asyncio.create_task(asks()))

    suite = embedded(data, progress=progress)
    async with suite:
        [answer] = [await each for each in asking]
        assert (answer.status_code, answer.json()["type"]) == (503, "/problems/restoring")
        for name in ("screening", "travel", "reintegration", "monitoring"):
            assert await _destroyed(suite, name, case_id), name
        officer, admin = await sign_in(suite, "caseworker"), await sign_in(suite, "admin")
        assert (await officer.get(f"/api/screening/cases/{case_id}")).status_code == 410
        await at_rest(admin)
        assert (await officer.get(f"/api/cases/{case_id}")).json()["erased_on"] == "2026-01-05"


async def _homeward(command: str, folder: str, data: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services", command, folder, "--data", str(data), stderr=asyncio.subprocess.PIPE
    )
    _, wrong = await process.communicate()
    assert process.returncode == 0, wrong.decode()
