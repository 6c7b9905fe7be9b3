"""``homeward subject``: a person is given all that is held of them, and nothing of anybody else."""

import asyncio
import json
import re
import shutil
import stat
import subprocess
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from services.gateway.clients import SERVICES
from services.travel.domain.events import ArrivalConfirmed
from shared.auth.roles import Role
from shared.ids import new_id
from tests.integration.gateway.command_line import Command, command_line
from tests.integration.gateway.suite import Suite, person
from tests.integration.gateway.test_status import DECLARATION
from tests.support.bench import eventually

pytestmark = pytest.mark.asyncio(loop_scope="package")

PAPERS = {"document_numbers": ["AA7712345"]}
REQUEST = {"Purpose": "data-subject-request"}
ARABIC = {
    "given_name": "فاطمة",
    "family_name": "القاضي",
    "phone": "+218 91 555 8844",
    **PAPERS,
}
#: Has the same papers, and is somebody else.
CANARY = {"given_name": "Canarius", "family_name": "Neverprinted", **PAPERS}
#: All that must be in the export.
TOLD = ("AA7712345", "+218915558844", "ZZ271828", "waits for a letter", "no photograph", "rung twice")
TOLD_LATER = ("a sewing machine", "RCPT-4711", "sleeps well")


@pytest_asyncio.fixture(loop_scope="package")
async def homeward(suite: Suite) -> AsyncIterator[Command]:
    """A command line of a protection officer."""
    async with command_line(suite, Role.PROTECTION) as command:
        yield command


async def _returned(suite: Suite) -> dict[str, Any]:
    """Somebody of whom every service holds something."""
    officer, protection = suite.user(Role.CASEWORKER, name="bashir"), suite.user(Role.PROTECTION)
    movements = suite.user(Role.MOVEMENTS)
    case = await suite.register(officer, **ARABIC)
    case_id = case["case_id"]
    await suite.command(
        protection, f"screening/cases/{case_id}/holds", {"kind": "family", "note": "waits for a letter"}
    )
    await suite.command(officer, f"screening/cases/{case_id}/declaration", DECLARATION)
    await suite.at_rest(suite.user(Role.ADMIN))
    papers = f"travel/cases/{case_id}/document"
    await suite.command(movements, f"{papers}/request", {"authority": "embassy-pk", "kind": "laissez_passer"})
    await suite.command(movements, f"{papers}/refuse", {"reason": "no photograph"})
    await suite.command(movements, f"{papers}/request", {"authority": "embassy-pk", "kind": "laissez_passer"})
    await suite.command(movements, f"{papers}/issue", {"number": "ZZ271828"})
    await _arrive(suite, UUID(case_id))
    await _given_and_visited(suite, case_id)
    assert (await officer.get(f"/api/screening/cases/{case_id}")).is_success
    return case


async def _arrive(suite: Suite, case_id: UUID) -> None:
    service = suite.apps["travel"].state.service
    async with service.database.transaction() as connection:
        unit = service.unit(connection, "receiver")
        unit.record(ArrivalConfirmed(case_id, new_id(), date(2026, 4, 1)))
        await unit.flush()
    service.committed(unit.logged)
    visitor = suite.user(Role.MONITORING)

    async def followed() -> bool:
        return (await visitor.get(f"/api/monitoring/cases/{case_id}")).is_success

    await eventually(followed)


async def _given_and_visited(suite: Suite, case_id: str) -> None:
    finance, returning = suite.user(Role.FINANCE, name="farid"), suite.user(Role.REINTEGRATION)
    fund = {"code": f"F-{case_id}", "donor": "a donor", "currency": "EUR", "amount": 900_000}
    days = {"starts_on": "2026-01-01", "ends_on": "2036-12-31"}
    fund_id = (await suite.command(finance, "reintegration/funds", fund | days))["fund_id"]
    line = {"kind": "tools", "description": "a sewing machine", "supplier": "Supplier 1", "amount": 50_000}
    cases = f"reintegration/cases/{case_id}"
    await suite.command(returning, f"{cases}/plan", {"fund_id": fund_id, "lines": [line]})
    await suite.command(finance, f"{cases}/plan/approve", {})
    await suite.command(returning, f"{cases}/lines/1/delivery", {"proof_reference": "RCPT-4711", "amount": 48_000})
    visitor = suite.user(Role.MONITORING)
    code = (await visitor.get(f"/api/monitoring/cases/{case_id}")).json()["visits"][0]["code"]
    visit = f"monitoring/cases/{case_id}/visits/{code}"
    await suite.command(visitor, f"{visit}/attempts", {"outcome": "no_answer", "note": "rung twice"})
    await suite.command(visitor, f"{visit}/completion", {"method": "site", "findings": {"nights": "sleeps well"}})


async def test_a_person_is_given_all_that_is_held_and_who_has_read_it(
    suite: Suite, homeward: Command, tmp_path: Path
) -> None:
    case = await _returned(suite)
    other = await suite.register(suite.user(Role.CASEWORKER), **CANARY)
    emergency = {"case": case["case_id"], "reason": "has collapsed at the gate"}
    opened = await suite.user(Role.FINANCE, name="rushed").post("/api/break-glass", json=emergency)
    assert opened.status_code == 201, opened.text
    assert (await suite.user(Role.MANAGER, name="looked").get(f"/api/cases/{case['case_id']}")).is_success
    assert other["suspected_duplicates"] == [case["case_id"]]
    done = await homeward("subject", "export", case["reference"], "--out", str(tmp_path / "out"))
    assert done.exit_code == 0, done.output
    files = [tmp_path / "out" / f"{case['reference']}.{kind}" for kind in ("json", "pdf")]
    assert [stat.S_IMODE(file.stat().st_mode) for file in files] == [0o600, 0o600]
    text = files[0].read_text()
    export = json.loads(text)
    assert [name for name in SERVICES if not export["held"][name]] == export["gaps"] == []
    assert [word for word in (*TOLD, *TOLD_LATER, "فاطمة", "القاضي") if word not in text] == []
    reads = [(each["actor"], each["action"], each["purpose"]) for each in export["held"]["screening"][0]["audit"]]
    assert ("user:bashir", "show_case", "case-work") in reads
    here = export["held"]["gateway"][0]
    assert [(each["actor"], each["reason"]) for each in here["records"]["emergencies"]] == [
        ("user:rushed", "has collapsed at the gate")
    ]
    assert {("user:rushed", "break-glass"), ("user:looked", "show_case")} <= {
        (each["actor"], each["action"]) for each in here["audit"]
    }
    others = (CANARY["given_name"], CANARY["family_name"], other["case_id"], other["reference"])
    assert [word for word in others if str(word) in text] == []
    assert files[1].read_bytes().startswith(b"%PDF-")
    if reader := shutil.which("pdftotext"):
        words = [reader, str(files[1]), "-"]
        done = await asyncio.to_thread(subprocess.run, words, check=True, capture_output=True, text=True)
        printed = " ".join(done.stdout.split())
        assert [
            word for word in (*TOLD, *TOLD_LATER, "user:bashir", "user:looked", "collapsed") if word not in printed
        ] == []
    assert len(re.findall(rb"/Type /Page\b", files[1].read_bytes())) > 1


async def test_what_was_written_is_not_written_over_unasked(suite: Suite, homeward: Command, tmp_path: Path) -> None:
    case = await suite.register(suite.user(Role.CASEWORKER), given_name="Onceonly")
    words = ("subject", "export", case["case_id"], "--out", str(tmp_path))
    assert (await homeward(*words)).exit_code == 0
    again = await homeward(*words)
    assert again.exit_code == 1
    assert "give --force" in str(again.exception)
    assert (await homeward(*words, "--force")).exit_code == 0


async def test_a_service_that_does_not_answer_is_named(suite: Suite, homeward: Command, tmp_path: Path) -> None:
    case = await suite.register(suite.user(Role.CASEWORKER), given_name="Gappy")
    suite.down.add("travel")
    try:
        done = await homeward("subject", "export", case["case_id"], "--out", str(tmp_path))
    finally:
        suite.down.discard("travel")
    assert done.exit_code == 1
    assert "no answer from travel" in str(done.exception)
    assert json.loads((tmp_path / f"{case['reference']}.json").read_text())["gaps"] == ["no answer from travel"]


@pytest.mark.parametrize("service", SERVICES)
async def test_it_is_told_at_the_persons_request_only_and_by_few(suite: Suite, service: str) -> None:
    case = await suite.register(suite.user(Role.CASEWORKER), given_name="Asked")
    path = f"/api/{service}/subjects/{case['case_id']}"
    manager = suite.user(Role.PROTECTION)
    refused = await manager.get(path, headers={"Purpose": "case-work"})
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/other-purpose")
    assert refused.json()["purposes"] == ["data-subject-request"]
    assert (await suite.user(Role.CASEWORKER).get(path, headers=REQUEST)).status_code == 403
    abroad = suite.user(Role.PROTECTION, offices=("islamabad",))
    assert (await abroad.get(path, headers=REQUEST)).status_code == 404


async def test_who_was_erased_is_told_so(suite: Suite, homeward: Command, tmp_path: Path) -> None:
    officer, protection = suite.user(Role.CASEWORKER), suite.user(Role.PROTECTION, name="zainab")
    case = await suite.register(officer, given_name="Vanisha", family_name="Gonewell")
    cases = f"screening/cases/{case['case_id']}"
    await suite.command(protection, f"{cases}/decline", {"reason": "outside the programme"})
    await suite.command(officer, f"{cases}/erasure", {"ground": "requested", "reason": "has asked for it"})
    await suite.command(protection, f"{cases}/erasure/approval", {})
    done = await homeward("subject", "export", case["case_id"], "--out", str(tmp_path))
    assert done.exit_code == 0, done.output
    text = (tmp_path / f"{case['reference']}.json").read_text()
    [held] = json.loads(text)["held"]["screening"]
    assert held["erased"]
    assert held["records"]["cases"][0]["erased_on"]
    assert "Vanisha" not in text
    assert person()["identity"]["date_of_birth"] not in text
