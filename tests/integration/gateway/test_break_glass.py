"""In an emergency a person reads one case's file, for a time, with a reason; data protection hears of it."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from shared.auth.break_glass import Opening
from shared.auth.principal import emergency_principal
from shared.auth.roles import Role
from shared.ids import new_id
from shared.persistence.database import rows
from tests.integration.gateway.suite import Suite
from tests.support.bench import eventually

pytestmark = pytest.mark.asyncio(loop_scope="package")

REASON = "Hana Testova has collapsed at the gate and her doctor asks"
EMERGENCY = {"Purpose": "break-glass"}


async def held(suite: Suite) -> dict[str, Any]:
    """A case of the Tripoli office with a hold whose note is sensitive."""
    caseworker = suite.user(Role.CASEWORKER, Role.PROTECTION)
    case = await suite.register(caseworker, given_name=f"Hana{new_id().hex[-6:]}")
    body = {"kind": "medical", "note": "an allergy to penicillin"}
    await suite.command(caseworker, f"screening/cases/{case['case_id']}/holds", body)

    async def known() -> bool:
        answer = await caseworker.get(f"/api/cases/{case['case_id']}", params={"parts": False})
        return answer.is_success and bool(answer.json()["office"])

    await eventually(known)
    return case


def finance(suite: Suite, name: str) -> httpx.AsyncClient:
    """Somebody of another office, in a role that reads no file."""
    return suite.user(Role.FINANCE, offices=("abidjan",), name=name)


def focal_point(suite: Suite, *offices: str) -> httpx.AsyncClient:
    return suite.user(Role.DATA_PROTECTION, offices=offices or ("*",), name="focal-point")


async def opened(user: httpx.AsyncClient, case: str, **changes: Any) -> dict[str, Any]:
    answer = await user.post("/api/break-glass", json={"case": case, "reason": REASON} | changes)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def file_of(user: httpx.AsyncClient, case_id: str) -> httpx.Response:
    return await user.get(f"/api/screening/cases/{case_id}", headers=EMERGENCY)


async def notice(user: httpx.AsyncClient, id: str) -> dict[str, Any] | None:
    answer = await user.get("/api/notices", params={"limit": 500})
    assert answer.status_code == 200, answer.text
    return next((each for each in answer.json()["notices"] if each["id"] == id), None)


async def entries(suite: Suite, service: str, actor: str) -> list[dict[str, Any]]:
    """What the audit of a service has of somebody."""
    auditor = suite.user(Role.AUDITOR)
    url = f"/api/{service}/audit/entries" if service != "gateway" else "/api/audit"
    answer = await auditor.get(url, params={"actor": actor})
    assert answer.status_code == 200, answer.text
    return [each for each in answer.json()["entries"] if each["service"] == service]


async def test_whoever_breaks_the_glass_reads_all_of_one_case_until_then_nothing(suite: Suite) -> None:
    case, user = await held(suite), finance(suite, "reads-all")
    case_id = case["case_id"]
    assert (await file_of(user, case_id)).status_code == 403
    await opened(user, case["reference"])
    answer = await file_of(user, case_id)
    assert answer.status_code == 200, answer.text
    assert answer.json()["holds"][0]["note"] == "an allergy to penicillin"
    assert answer.json()["care_required"] is not None
    named = await user.post("/api/screening/identities", json={"case_ids": [case_id]}, headers=EMERGENCY)
    assert list(named.json()["identities"]) == [case_id]
    for service in ("travel", "reintegration", "monitoring"):
        found = await user.get(f"/api/{service}/cases/{case_id}", headers=EMERGENCY)
        # Those that come after travel know nothing of the case yet, and say so.
        assert found.status_code in (200, 404), found.text
    assert (await user.get(f"/api/travel/cases/{case_id}", headers=EMERGENCY)).status_code == 200
    # Without the word it is as before.
    assert (await user.get(f"/api/screening/cases/{case_id}")).status_code == 403


async def test_the_reads_and_the_beginning_are_audited_where_the_case_is_without_the_reason(suite: Suite) -> None:
    case, user = await held(suite), finance(suite, "is-audited")
    case_id = case["case_id"]
    await opened(user, case_id)
    assert (await file_of(user, case_id)).status_code == 200
    assert (await user.get(f"/api/travel/cases/{case_id}", headers=EMERGENCY)).status_code == 200
    for service, action in (("gateway", "break-glass"), ("screening", "show_case"), ("travel", "show_case")):
        [entry] = await entries(suite, service, "user:is-audited")
        told = {name: entry[name] for name in ("action", "purpose", "office", "subjects")}
        assert told == {"action": action, "purpose": "break-glass", "office": "tripoli", "subjects": [case_id]}
        assert "Testova" not in str(entry)


@pytest.mark.parametrize("wrong", [{"reason": "too short"}, {"minutes": 0}, {"minutes": 61}, {"case": str(new_id())}])
async def test_a_reason_a_limit_and_a_case_are_needed(suite: Suite, wrong: dict[str, Any]) -> None:
    case = await held(suite)
    body = {"case": case["case_id"], "reason": REASON} | wrong
    answer = await finance(suite, "in-haste").post("/api/break-glass", json=body)
    assert answer.status_code == (404 if "case" in wrong else 422)


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.PARTNER_LIAISON, Role.DATA_PROTECTION])
async def test_who_has_no_work_with_cases_or_hears_of_emergencies_opens_none(suite: Suite, role: Role) -> None:
    answer = await suite.user(role).post("/api/break-glass", json={"case": str(new_id()), "reason": REASON})
    assert answer.status_code == 403


async def test_what_was_opened_by_one_is_closed_to_another(suite: Suite) -> None:
    case = await held(suite)
    await opened(finance(suite, "the-opener"), case["case_id"])
    refused = await file_of(finance(suite, "another"), case["case_id"])
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/not-opened")


@pytest_asyncio.fixture(loop_scope="package")
async def emergency(suite: Suite) -> tuple[str, str]:
    """Two cases, of which somebody has opened the first."""
    mine, other = [(await held(suite))["case_id"] for _ in range(2)]
    return mine, other


def token(suite: Suite, service: str, case_id: str, *, seconds: int = 60) -> str:
    """What a service is shown of somebody who has opened the case."""
    opening = Opening(UUID(case_id), "tripoli", int(time.time()) + seconds, new_id())
    return suite.signer.issue(emergency_principal("user:direct", "direct", opening), 120, audience=service)


@pytest.mark.parametrize(
    ("service", "method", "path", "body"),
    [
        ("screening", "GET", "/cases/{other}", None),
        ("screening", "POST", "/identities", {"case_ids": ["{other}"]}),
        ("screening", "POST", "/identities", {"case_ids": ["{mine}", "{other}"]}),
        ("screening", "POST", "/identities", {"case_ids": []}),
        ("screening", "GET", "/search?q=Testov", None),
        ("screening", "GET", "/duplicates", None),
        ("screening", "GET", "/events", None),
        ("screening", "GET", "/audit/entries", None),
        ("screening", "POST", "/cases/{mine}/holds", {"kind": "medical", "note": "another"}),
        ("screening", "POST", "/cases/{mine}/consent/withdrawal", {"reason": "changed their mind"}),
        ("screening", "POST", "/cases/{mine}/erasure", {}),
        ("travel", "GET", "/cases/{other}", None),
        ("travel", "GET", "/cases/{other}/gates", None),
        ("travel", "GET", "/flights", None),
        ("travel", "GET", "/flights/{other}/manifest", None),
        ("travel", "POST", "/cases/{mine}/document/request", {"authority": "embassy-pk"}),
        ("reintegration", "GET", "/cases/{other}", None),
        ("reintegration", "GET", "/funds", None),
        ("monitoring", "GET", "/cases/{other}", None),
        ("monitoring", "GET", "/visits", None),
        ("gateway", "GET", "/api/cases", None),
        ("gateway", "GET", "/api/cases/{mine}", None),
        ("gateway", "GET", "/api/notices", None),
        ("gateway", "GET", "/api/screening/cases/{mine}", None),
    ],
)
async def test_the_same_token_opens_no_other_case_list_command_or_export(
    suite: Suite, emergency: tuple[str, str], service: str, method: str, path: str, body: dict[str, Any] | None
) -> None:
    mine, other = emergency

    def filled(text: str) -> str:
        return text.replace("{mine}", mine).replace("{other}", other)

    sent = (
        {name: [filled(each) for each in value] if isinstance(value, list) else value for name, value in body.items()}
        if body
        else None
    )
    headers = EMERGENCY | suite.idempotency()
    async with suite.client(service, token(suite, service, mine)) as client:
        assert (await client.request(method, filled(path), json=sent, headers=headers)).status_code == 403


async def test_the_token_opens_its_case_for_this_purpose_alone_and_not_after_its_time(
    suite: Suite, emergency: tuple[str, str]
) -> None:
    mine, _ = emergency
    async with suite.client("screening", token(suite, "screening", mine)) as client:
        assert (await client.get(f"/cases/{mine}", headers=EMERGENCY)).status_code == 200
        assert (await client.get(f"/cases/{mine}", headers={"Purpose": "case-work"})).status_code == 403
    async with suite.client("screening", token(suite, "screening", mine, seconds=0)) as late:
        answer = await late.get(f"/cases/{mine}", headers=EMERGENCY)
        assert (answer.status_code, answer.json()["type"]) == (403, "/problems/emergency-over")


async def test_the_gateway_gives_nothing_any_more_when_the_time_is_over(suite: Suite) -> None:
    case, user = await held(suite), finance(suite, "too-late")
    made = await opened(user, case["case_id"], minutes=1)
    async with suite.apps["gateway"].state.service.database.transaction() as connection:
        past = datetime.now(UTC) - timedelta(seconds=1)
        await rows(
            connection, "UPDATE break_glass SET until = :past WHERE id = :id RETURNING id", past=past, id=made["id"]
        )
    assert (await file_of(user, case["case_id"])).json()["type"] == "/problems/not-opened"


@pytest.mark.parametrize("by", ["the person", "data protection"])
async def test_it_is_ended_early(suite: Suite, by: str) -> None:
    case, user = await held(suite), finance(suite, f"ended-{by[-6:]}")
    made = await opened(user, case["case_id"])
    url = f"/api/break-glass/{made['id']}/revocation"
    for stranger in (finance(suite, "a-stranger"), focal_point(suite, "abidjan")):
        assert (await stranger.post(url)).status_code == 404
    assert (await file_of(user, case["case_id"])).status_code == 200
    ender = user if by == "the person" else focal_point(suite, "tripoli")
    assert (await ender.post(url)).status_code == 204
    assert (await file_of(user, case["case_id"])).json()["type"] == "/problems/not-opened"


async def test_data_protection_of_the_cases_office_is_told_and_acknowledges(suite: Suite) -> None:
    case = await held(suite)
    made = await opened(finance(suite, "is-told-of"), case["reference"], minutes=5)
    # Of whose office the case is, not of whose the person is.
    assert await notice(focal_point(suite, "abidjan"), made["id"]) is None
    told = await notice(focal_point(suite, "tripoli"), made["id"])
    assert told
    expected = {"case_id": case["case_id"], "actor": "user:is-told-of", "reason": REASON, "until": made["until"]}
    assert expected.items() <= told.items()
    url = f"/api/notices/{made['id']}/acknowledgement"
    assert (await focal_point(suite, "abidjan").post(url)).status_code == 404
    assert (await finance(suite, "is-told-of").post(url)).status_code == 403
    assert (await focal_point(suite).post(url)).status_code == 204
    told = await notice(focal_point(suite), made["id"])
    assert told and told["acknowledged_by"] == "user:focal-point"


async def test_nobody_acknowledges_their_own(suite: Suite) -> None:
    case = await held(suite)
    both = suite.user(Role.MANAGER, Role.DATA_PROTECTION, name="both")
    made = await opened(both, case["case_id"])
    answer = await both.post(f"/api/notices/{made['id']}/acknowledgement")
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/own-emergency")


async def test_the_console_shows_the_notices_and_takes_the_acknowledgement(suite: Suite) -> None:
    case, point = await held(suite), focal_point(suite)
    made = await opened(finance(suite, "on-a-page"), case["case_id"])
    shown = await point.get("/notices")
    assert REASON in shown.text
    assert f"/notices/{made['id']}/acknowledgement" in shown.text
    assert (await point.post(f"/notices/{made['id']}/acknowledgement")).status_code == 303
    assert f"/notices/{made['id']}/acknowledgement" not in (await point.get("/notices")).text
    assert 'href="/notices"' in shown.text
    assert 'href="/notices"' not in (await finance(suite, "no-notices").get("/")).text


async def test_the_log_tells_of_it_by_ids_alone(suite: Suite) -> None:
    case = await held(suite)
    with capture_logs() as logged:
        made = await opened(finance(suite, "in-the-log"), case["case_id"])
    [line] = [each for each in logged if each["event"] == "break-glass opened"]
    assert (line["id"], line["case_id"], line["actor"]) == (made["id"], case["case_id"], "user:in-the-log")
    assert "Testova" not in str(logged)


async def test_a_reason_is_sealed_for_its_case(suite: Suite) -> None:
    case = await held(suite)
    made = await opened(finance(suite, "in-the-dump"), case["case_id"])
    told = await notice(focal_point(suite), made["id"])
    assert told and told["reason"] == REASON
    async with suite.apps["gateway"].state.service.database.transaction() as connection:
        [kept] = await rows(
            connection, "SELECT break_glass::text AS dump, reason FROM break_glass WHERE id = :id", id=UUID(made["id"])
        )
    assert len(kept.reason) > len(REASON)
    assert "Testova" not in kept.dump and REASON.encode().hex() not in kept.dump


async def test_a_reason_goes_with_the_person(suite: Suite) -> None:
    case = await held(suite)
    made = await opened(finance(suite, "of-the-erased"), case["case_id"])
    protection, path = suite.user(Role.PROTECTION, name="zainab"), f"screening/cases/{case['case_id']}"
    await suite.command(protection, f"{path}/decline", {"reason": "outside the programme"})
    erasure = {"ground": "requested", "reason": "has asked for it"}
    await suite.command(suite.user(Role.CASEWORKER), f"{path}/erasure", erasure)
    await suite.command(protection, f"{path}/erasure/approval", {})
    await suite.at_rest(suite.user(Role.ADMIN))
    told = await notice(focal_point(suite), made["id"])
    assert told and told["reason"] is None


async def test_a_reason_that_was_written_before_is_sealed_at_the_next_start(suite: Suite) -> None:
    case, service = await held(suite), suite.apps["gateway"].state.service
    made = await opened(finance(suite, "before-sealing"), case["case_id"])
    as_before = "UPDATE break_glass SET open_reason = :reason, reason = NULL WHERE id = :id RETURNING id"
    async with service.database.transaction() as connection:
        await rows(connection, as_before, reason=REASON, id=UUID(made["id"]))
    await service.protect()
    async with service.database.transaction() as connection:
        [kept] = await rows(connection, "SELECT open_reason FROM break_glass WHERE id = :id", id=UUID(made["id"]))
    assert kept.open_reason is None
    told = await notice(focal_point(suite), made["id"])
    assert told and told["reason"] == REASON


async def test_a_reason_is_kept_for_ninety_days(suite: Suite) -> None:
    case = await held(suite)
    made, other = [await opened(finance(suite, "long-ago"), case["case_id"]) for _ in range(2)]
    service = suite.apps["gateway"].state.service
    for id, days in ((made["id"], 90), (other["id"], 89)):
        async with service.database.transaction() as connection:
            then = datetime.now(UTC) - timedelta(days=days)
            await rows(connection, "UPDATE break_glass SET opened_at = :t WHERE id = :id RETURNING id", t=then, id=id)
    await service.scheduler.run_due()
    forgotten, kept = [await notice(focal_point(suite), each["id"]) for each in (made, other)]
    assert forgotten and forgotten["reason"] is None
    assert kept and kept["reason"] == REASON
