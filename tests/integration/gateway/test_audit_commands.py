"""``homeward audit``: whatever is done to an audit behind its back is found and named; auditors see it and no case."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from joserfc import jws

from services.gateway.clients import SERVICES
from shared.audit.heads import Heads
from shared.auth.keys import generate_key
from shared.auth.roles import Role
from shared.persistence.database import rows, run
from tests.integration.gateway.command_line import Command, command_line
from tests.integration.gateway.suite import Suite

pytestmark = pytest.mark.asyncio(loop_scope="package")

TABLES = ("audit_entry", "audit_head")


@pytest.fixture(scope="module")
def caseworker(suite: Suite) -> httpx.AsyncClient:
    return suite.user(Role.CASEWORKER)


@pytest_asyncio.fixture(loop_scope="package")
async def homeward(suite: Suite) -> AsyncIterator[Command]:
    """A command line of an auditor."""
    async with command_line(suite, Role.AUDITOR) as command:
        yield command


@asynccontextmanager
async def changed(suite: Suite, *statements: str) -> AsyncIterator[None]:
    """Somebody who owns the database has gone behind the triggers' back, and undoes it afterwards."""
    database = suite.apps["screening"].state.service.database
    async with database.transaction() as connection:
        for table in TABLES:
            await run(connection, f"ALTER TABLE {table} DISABLE TRIGGER USER")
            await run(connection, f"CREATE TABLE kept_{table} AS TABLE {table}")
        for statement in statements:
            assert await run(connection, statement) > 0
    yield
    async with database.transaction() as connection:
        for table in TABLES:
            await run(connection, f"DELETE FROM {table}")
            await run(connection, f"INSERT INTO {table} TABLE kept_{table}")
            await run(connection, f"DROP TABLE kept_{table}")
            await run(connection, f"ALTER TABLE {table} ENABLE TRIGGER USER")


async def written(suite: Suite, caseworker: httpx.AsyncClient, count: int = 3) -> int:
    """Some more cases are registered in Tripoli; the number of the chain's last entry."""
    for _ in range(count):
        await suite.register(caseworker)
    async with suite.apps["screening"].state.service.database.transaction() as connection:
        [head] = await rows(connection, "SELECT number FROM audit_head WHERE office = 'tripoli'")
    return int(head.number)


def heads_of(suite: Suite) -> Heads:
    heads: Heads = suite.apps["screening"].state.service.heads
    return heads


HERE = "office = 'tripoli' AND number"
OFFICE = "office = 'tripoli'"
BEFORE_LAST = f"{HERE} = (SELECT max(number) - 1 FROM audit_entry WHERE {OFFICE})"
LAST = f"{HERE} = (SELECT max(number) FROM audit_entry WHERE {OFFICE})"
#: Cuts the last entry off and sets the head back as if it had never been.
CUT = (
    f"DELETE FROM audit_entry WHERE {LAST}",
    f"""UPDATE audit_head SET number = number - 1,
            hash = (SELECT hash FROM audit_entry WHERE {LAST}) WHERE {OFFICE}""",
)
#: Writes the last entry anew, and all hashes so that the chain is whole.
REWRITTEN = (
    f"""UPDATE audit_entry SET entry = convert_to(replace(convert_from(entry, 'UTF8'), 'amina', 'farid'), 'UTF8')
        WHERE {LAST}""",
    f"""UPDATE audit_entry SET hash = sha256((SELECT before.hash FROM audit_entry AS before
            WHERE before.office = 'tripoli' AND before.number = audit_entry.number - 1) || entry) WHERE {LAST}""",
    f"UPDATE audit_head SET hash = (SELECT hash FROM audit_entry WHERE {LAST}) WHERE {OFFICE}",
)


async def test_a_sound_audit_is_verified_with_its_signed_heads(
    suite: Suite, caseworker: httpx.AsyncClient, homeward: Command
) -> None:
    await heads_of(suite).export()
    last = await written(suite, caseworker)
    assert await heads_of(suite).export() == 1
    assert await heads_of(suite).export() == 0
    sound = await homeward("audit", "verify")
    assert sound.exit_code == 0, sound.output
    lines = sound.stdout.splitlines()
    assert [line.split(":")[0] for line in lines] == [*SERVICES, "gateway"]
    # And one entry tells which programme is in force.
    assert lines[0].startswith(f"screening: {last + 1} ") and lines[0].endswith("nothing broken")
    assert int(lines[0].split(", ")[1].split()[0]) >= 2


@pytest.mark.parametrize(
    ("statements", "back", "what"),
    [
        (
            [f"UPDATE audit_entry SET entry = entry || ' ' WHERE {BEFORE_LAST}"],
            1,
            "its hash is not that of its content",
        ),
        ([f"DELETE FROM audit_entry WHERE {BEFORE_LAST}"], 1, "it is missing"),
        ([f"DELETE FROM audit_entry WHERE {LAST}"], 0, "it is missing: the head counts"),
        ([f"DELETE FROM audit_head WHERE {OFFICE}"], 0, "the office has no head"),
        ([f"UPDATE audit_head SET hash = sha256(hash) WHERE {OFFICE}"], 0, "the head has another hash"),
        (CUT, 0, "it is gone, and was signed on"),
        (REWRITTEN, 0, "it is another, and was signed on"),
    ],
    ids=["changed", "deleted", "cut off", "headless", "another head", "cut off with its head", "rewritten"],
)
async def test_what_was_done_behind_its_back_is_named(
    suite: Suite, caseworker: httpx.AsyncClient, homeward: Command, statements: list[str], back: int, what: str
) -> None:
    last = await written(suite, caseworker)
    await heads_of(suite).export()
    async with changed(suite, *statements):
        broken = await homeward("audit", "verify", "screening")
    assert broken.exit_code == 1
    assert broken.stdout.splitlines()[0].startswith(f"screening tripoli {last - back}: {what}"), broken.output
    assert (await homeward("audit", "verify", "screening")).exit_code == 0


async def test_without_an_exported_head_what_was_cut_off_with_its_head_is_not_seen(
    suite: Suite, caseworker: httpx.AsyncClient, homeward: Command, tmp_path: Path
) -> None:
    """What the exports are for."""
    await written(suite, caseworker)
    async with changed(suite, *CUT):
        assert (await homeward("audit", "verify", "screening", "--heads", str(tmp_path))).exit_code == 0


async def test_a_chain_in_another_ones_place_is_named(
    suite: Suite, caseworker: httpx.AsyncClient, homeward: Command
) -> None:
    await written(suite, caseworker)
    moved = [f"INSERT INTO {each} SELECT 'elsewhere', {rest} FROM {each} WHERE {OFFICE}" for each, rest in (
        ("audit_entry", "number, entry, hash"), ("audit_head", "number, hash"))]  # fmt: skip
    async with changed(suite, *moved):
        broken = await homeward("audit", "verify", "screening")
    assert "screening elsewhere 1: it was written for another chain" in broken.stdout


async def test_a_forged_head_is_named(
    suite: Suite, caseworker: httpx.AsyncClient, homeward: Command, tmp_path: Path
) -> None:
    await written(suite, caseworker)
    [good, *_] = [each for each in await heads_of(suite).signed() if _office(each) == "tripoli"]
    payload = jws.extract_compact(good.encode()).payload
    key = generate_key()
    forged = jws.serialize_compact({"alg": "Ed25519"}, payload, key, algorithms=["Ed25519"])
    file = tmp_path / "screening.heads"
    file.write_text(f"{good}\n{forged}\n")
    broken = await homeward("audit", "verify", "screening", "--heads", str(file))
    assert broken.exit_code == 1
    assert broken.stdout.splitlines()[0] == f"screening head 2 of {file} is forged"


async def test_a_service_that_signs_with_another_key_than_before_is_named(
    suite: Suite, caseworker: httpx.AsyncClient, homeward: Command, tmp_path: Path
) -> None:
    await written(suite, caseworker)
    (tmp_path / "screening.heads").write_text("")
    (tmp_path / "screening.pub").write_bytes(generate_key().as_pem(private=False))
    broken = await homeward("audit", "verify", "screening", "--heads", str(tmp_path))
    assert broken.exit_code == 1
    assert "the service signs with another key" in broken.stdout


def _office(token: str) -> str:
    return str(json.loads(jws.extract_compact(token.encode()).payload or b"")["office"])


async def test_what_happened_to_a_case_is_found_over_all_services(
    suite: Suite, caseworker: httpx.AsyncClient, homeward: Command
) -> None:
    case = (await suite.register(caseworker, given_name="Searched"))["case_id"]
    await suite.shown(caseworker, case, "registered")
    assert (await caseworker.get(f"/api/cases/{case}", params={"names": True})).json()["name"].startswith("Searched")
    found = await homeward("audit", "search", "--case", case, "--actor", "user:amina", "--json")
    assert found.exit_code == 0, found.output
    acts = [(each["service"], each["action"], each["purpose"]) for each in json.loads(found.stdout)]
    assert set(acts) == {
        *(("screening", each, "case-work") for each in ("register_case", "show_identities", "show_gates")),
        *((each, "show_case", "case-work") for each in ("gateway", "travel")),
    }
    assert "Searched" not in found.stdout
    again = await homeward("audit", "search", "--case", case)
    assert "search_audit" in again.stdout and "register_case" in again.stdout
    none = await homeward("audit", "search", "--case", case, "--purpose", "medical-care", "--json")
    assert json.loads(none.stdout) == []


async def test_what_tells_of_cases_at_the_gateway_needs_a_purpose(suite: Suite, caseworker: httpx.AsyncClient) -> None:
    case = (await suite.register(caseworker, given_name="Unasked"))["case_id"]
    await suite.shown(caseworker, case, "registered")
    for path in (f"/api/cases/{case}", "/api/cases?names=true", "/api/cases?q=Unasked", "/api/cases", "/api/stream"):
        answer = await caseworker.get(path, headers={"Purpose": ""})
        assert (answer.status_code, answer.json()["type"]) == (422, "/problems/purpose-needed"), path
        assert "case-work" in answer.json()["purposes"]
        assert (await caseworker.get(path, headers={"Purpose": "boarding"})).status_code == 403
    assert (await caseworker.get("/api/flights", headers={"Purpose": ""})).status_code == 200


async def test_reads_of_cases_at_the_gateway_are_in_the_audit_of_the_cases_office(
    suite: Suite, homeward: Command
) -> None:
    reader = suite.user(Role.CASEWORKER, name="reads-cases")
    case = await suite.register(reader, given_name="Watched", office="abidjan")
    await suite.shown(reader, case["case_id"], "registered")
    pages = ("/api/cases", f"/cases/{case['reference']}", "/cases")
    for path in pages:
        query = {"office": "abidjan"} if path.endswith("cases") else {}
        assert (await reader.get(path, params=query)).status_code == 200
    found = await homeward("audit", "search", "--actor", "user:reads-cases", "--case", case["case_id"], "--json")
    entries = [each for each in json.loads(found.stdout) if each["service"] == "gateway"]
    assert {"show_case", "list_cases", "case", "cases"} == {each["action"] for each in entries}
    assert {(each["office"], each["purpose"]) for each in entries} == {("abidjan", "case-work")}


async def test_auditors_see_figures_and_no_case(suite: Suite, caseworker: httpx.AsyncClient) -> None:
    case = (await suite.register(caseworker))["case_id"]
    await suite.shown(caseworker, case, "registered")
    auditor = suite.user(Role.AUDITOR)
    assert (await auditor.get("/api/figures")).status_code == 200
    for path in ("cases", f"cases/{case}", "flights", "stream", f"screening/cases/{case}", f"travel/cases/{case}",
                 f"travel/cases/{case}/gates", "travel/flights", "monitoring/visits"):  # fmt: skip
        assert (await auditor.get(f"/api/{path}")).status_code == 403, path
    assert (await caseworker.get("/api/audit")).status_code == 403
    assert (await caseworker.get("/api/screening/audit/entries")).status_code == 403


async def test_the_description_tells_of_the_purpose(caseworker: httpx.AsyncClient) -> None:
    paths = (await caseworker.get("/openapi.json")).json()["paths"]
    for path, method in (("/api/cases", "get"), ("/api/screening/identities", "post"), ("/api/audit", "get")):
        [purpose] = [each for each in paths[path][method]["parameters"] if each["name"] == "Purpose"]
        assert "break-glass" in purpose["schema"]["enum"], path
