"""What an administrator mends through the gateway: dead letters of the whole suite, by one, by group and by case."""

from typing import Any

import httpx
import pytest

from shared.auth.roles import Role
from shared.ids import new_id
from tests.integration.gateway.poison import SCREENING, TYPE, declare, poison
from tests.integration.gateway.suite import Suite
from tests.support.bench import eventually

pytestmark = pytest.mark.asyncio(loop_scope="package")

#: Who handles what becomes of clearances.
FOLLOWERS = ["travel", "gateway"]
REASON = "recorded by a rehearsal"


@pytest.fixture(scope="module")
def admin(suite: Suite) -> httpx.AsyncClient:
    return suite.user(Role.ADMIN, Role.CASEWORKER)


async def _letters(user: httpx.AsyncClient, **query: Any) -> list[dict[str, Any]]:
    answer = await user.get("/api/dead-letters", params=query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["dead_letters"]
    return found


async def _poisoned(suite: Suite, admin: httpx.AsyncClient, behind: int = 1) -> str:
    """A case whose second event is a dead letter in every follower, with good ones behind it."""
    case: str = (await suite.register(admin, given_name=f"Poisoned{new_id().hex}"))["case_id"]
    await poison(suite, case)
    for _ in range(behind):
        await declare(suite, case)

    async def buried() -> bool:
        found = await _letters(admin, case=case)
        return [each["service"] for each in found] == FOLLOWERS and {each["waiting"] for each in found} == {behind}

    await eventually(buried)
    return case


async def _skip_all(admin: httpx.AsyncClient, case: str) -> None:
    body = {"case": case, "reason": REASON, "count": len(await _letters(admin, case=case))}
    assert (await admin.post("/api/dead-letters/skip", json=body)).status_code == 200


async def _timeline(admin: httpx.AsyncClient, case: str) -> list[int]:
    answer = await admin.get(f"/api/cases/{case}", params={"parts": False})
    return [each["sequence"] for each in answer.json()["timeline"] if each["source"] == "screening"]


async def test_a_cases_dead_letters_are_replayed_in_every_service(suite: Suite, admin: httpx.AsyncClient) -> None:
    case = await _poisoned(suite, admin)
    answer = await admin.post("/api/dead-letters/replay", json={"case": case})
    assert answer.json() == {"decided": "replay", "events": 2, "services": _each(1), "gaps": []}
    # The data is as bad as before.
    await eventually(lambda: _are_back(admin, case))
    await _skip_all(admin, case)


def _each(events: int) -> dict[str, int]:
    return {"screening": 0, "reintegration": 0, "monitoring": 0, "partners": 0} | dict.fromkeys(FOLLOWERS, events)


async def _are_back(admin: httpx.AsyncClient, case: str) -> bool:
    return len(await _letters(admin, case=case)) == len(FOLLOWERS)


async def test_what_waits_behind_a_skipped_dead_letter_is_handled_in_order(
    suite: Suite, admin: httpx.AsyncClient
) -> None:
    case = await _poisoned(suite, admin, behind=3)
    assert await _timeline(admin, case) == [1]
    [letter] = await _letters(admin, case=case, service="gateway")
    body = {name: letter[name] for name in ("source", "subject", "sequence")} | {"reason": REASON}
    assert (await admin.post("/api/gateway/dead-letters/skip", json=body)).json() == {"decided": "skip", "events": 1}
    assert (await admin.post("/api/gateway/dead-letters/skip", json=body)).json() == {"decided": "skip", "events": 0}

    async def handled() -> bool:
        return await _timeline(admin, case) == [1, 3, 4, 5]

    await eventually(handled)
    assert [each["service"] for each in await _letters(admin, case=case)] == ["travel"]
    await _skip_all(admin, case)


async def test_dead_letters_are_grouped_by_what_they_have_in_common(suite: Suite, admin: httpx.AsyncClient) -> None:
    cases = [await _poisoned(suite, admin) for _ in range(2)]
    groups = (await admin.get("/api/dead-letters/groups", params={"type": TYPE, "service": "travel"})).json()["groups"]
    assert [(each["service"], each["count"], each["waiting"]) for each in groups] == [("travel", 2, 2)]
    assert groups[0]["cause"].startswith("BadData: data does not fit")
    for case in cases:
        await _skip_all(admin, case)


async def test_a_listing_goes_on_page_by_page_over_all_services(suite: Suite, admin: httpx.AsyncClient) -> None:
    case = await _poisoned(suite, admin)
    found: list[str] = []
    after = None
    for _ in range(5):
        query: dict[str, Any] = {"limit": 1, "case": case} | ({"after": after} if after else {})
        page = (await admin.get("/api/dead-letters", params=query)).json()
        found += [each["service"] for each in page["dead_letters"]]
        if not (after := page["next"]):
            break
    assert found == FOLLOWERS
    await _skip_all(admin, case)


async def test_many_are_skipped_only_with_their_number(suite: Suite, admin: httpx.AsyncClient) -> None:
    case = await _poisoned(suite, admin)
    missing = await admin.post("/api/dead-letters/skip", json={"case": case, "reason": REASON})
    wrong = await admin.post("/api/dead-letters/skip", json={"case": case, "reason": REASON, "count": 3})
    of_one = await admin.post("/api/travel/dead-letters/skip", json={"subject": case, "reason": REASON})
    assert (missing.status_code, wrong.status_code, of_one.status_code) == (422, 409, 422)
    assert (wrong.json()["found"], wrong.json()["confirmed"]) == (2, 3)
    assert len(await _letters(admin, case=case)) == 2
    await _skip_all(admin, case)


async def test_one_is_shown_with_its_envelope_and_no_value_of_its_data(suite: Suite, admin: httpx.AsyncClient) -> None:
    case = await _poisoned(suite, admin)
    shown = (await admin.get(f"/api/gateway/dead-letters/screening/{case}/2")).json()
    assert (shown["envelope"]["source"], shown["type"], shown["waiting"]) == (SCREENING, TYPE, 1)
    assert shown["faults"] == [{"member": "missing", "fault": "list_type"}]
    assert "never" not in str(shown)
    missing = await admin.get(f"/api/gateway/dead-letters/screening/{case}/9")
    assert (missing.status_code, missing.json()["type"]) == (404, "/problems/no-dead-letter")
    await _skip_all(admin, case)


async def test_a_service_that_is_down_is_named_and_holds_up_no_other(suite: Suite, admin: httpx.AsyncClient) -> None:
    case = await _poisoned(suite, admin)
    suite.down.add("travel")
    try:
        page = (await admin.get("/api/dead-letters", params={"case": case})).json()
        replayed = (await admin.post("/api/dead-letters/replay", json={"case": case})).json()
        skipped = await admin.post("/api/dead-letters/skip", json={"case": case, "reason": REASON, "count": 1})
    finally:
        suite.down.clear()
    assert ([each["service"] for each in page["dead_letters"]], page["gaps"]) == (FOLLOWERS[1:], ["travel"])
    assert (replayed["events"], replayed["gaps"]) == (1, ["travel"])
    assert skipped.status_code == 503
    await eventually(lambda: _are_back(admin, case))
    await _skip_all(admin, case)


async def test_an_auditor_sees_dead_letters_and_decides_nothing(suite: Suite, admin: httpx.AsyncClient) -> None:
    case = await _poisoned(suite, admin)
    auditor, caseworker = suite.user(Role.AUDITOR), suite.user(Role.CASEWORKER)
    assert len(await _letters(auditor, case=case)) == 2
    assert (await auditor.get("/api/gateway/unreadable")).json() == {"unreadable": [], "next": None}
    assert (await auditor.post("/api/dead-letters/replay", json={"case": case})).status_code == 403
    assert (await auditor.post("/api/gateway/dead-letters/replay", json={"subject": case})).status_code == 403
    for path in ("/api/dead-letters", "/api/dead-letters/groups", "/api/gateway/unreadable", "/api/travel/lag"):
        assert (await caseworker.get(path)).status_code == 403
    await _skip_all(admin, case)


@pytest.mark.parametrize("path", ["/api/dead-letters", "/api/dead-letters/groups", "/api/travel/dead-letters"])
@pytest.mark.parametrize(
    ("query", "problem", "known"),
    [
        ({"source": "/homeward/nosuch"}, "/problems/no-such-source", SCREENING),
        ({"type": "org.homeward.screening.declared.v1"}, "/problems/no-such-type", TYPE),
        ({"type": "nosuch"}, "/problems/no-such-type", TYPE),
    ],
)
async def test_a_source_or_type_that_nobody_publishes_is_refused_with_the_known_ones(
    admin: httpx.AsyncClient, path: str, query: dict[str, str], problem: str, known: str
) -> None:
    answer = await admin.get(path, params=query)
    assert (answer.status_code, answer.json()["type"]) == (422, problem)
    assert known in answer.json()["known"]
    assert known in answer.json()["detail"]
    if not path.endswith("groups"):
        body = query | {"cause": "any"}
        assert (await admin.post(f"{path}/replay", json=body)).json()["type"] == problem


@pytest.mark.parametrize(
    ("body", "status"),
    [({}, 422), ({"source": SCREENING}, 422), ({"case": "x", "services": ["nowhere"]}, 422), ({"cases": "x"}, 422)],
)
async def test_a_decision_about_nothing_or_nobody_is_refused(
    admin: httpx.AsyncClient, body: dict[str, Any], status: int
) -> None:
    answer = await admin.post("/api/dead-letters/replay", json=body)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


async def test_what_a_service_refuses_is_refused_in_its_own_words(admin: httpx.AsyncClient) -> None:
    own = await admin.get("/api/travel/dead-letters", params={"after": "nowhere"})
    passed = await admin.get("/api/dead-letters", params={"service": "travel", "after": "travel nowhere"})
    assert passed.status_code == own.status_code == 422
    assert passed.headers["content-type"] == "application/problem+json"
    for name in ("type", "title", "status", "detail"):
        assert passed.json()[name] == own.json()[name], name
    assert passed.json()["type"] == "/problems/bad-cursor"
    nobodys = await admin.get("/api/dead-letters", params={"after": "nowhere"})
    assert (nobodys.status_code, nobodys.json()["type"]) == (422, "/problems/bad-cursor")
