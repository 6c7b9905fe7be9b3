"""The gateway tells one status per case from every service's events."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from services.gateway.description import Description
from shared.auth.roles import Role
from tests.integration.gateway.poison import declare_as_once
from tests.integration.gateway.suite import Suite, person
from tests.support.bench import eventually

pytestmark = pytest.mark.asyncio(loop_scope="package")

DECLARATION = {
    "place": "Tripoli",
    "place_kind": "office",
    "language": "ur",
    "witness": "W-1",
    "alternatives_explained": True,
    "data_consent": True,
    "given_by": "self",
}


@pytest.fixture(scope="module")
def officer(suite: Suite) -> httpx.AsyncClient:
    return suite.user(*Role)


async def test_a_registered_person_is_shown_with_stage_gates_and_timeline(
    suite: Suite, officer: httpx.AsyncClient
) -> None:
    made = await suite.register(officer, given_name="Nadir")
    case = await suite.shown(officer, made["case_id"], "registered")
    assert (case["reference"], case["corridor"], case["holds"]) == (made["reference"], "tripoli-PK", [])
    assert {"consent", "assessment", "fitness", "clearance", "document"} <= set(case["missing_gates"])
    assert case["timeline"][0]["text"] == f"Registered as {made['reference']} at tripoli."
    assert "Nadir" not in str(case)


async def test_a_case_is_found_by_its_reference_and_named_only_on_request(
    suite: Suite, officer: httpx.AsyncClient
) -> None:
    made = await suite.register(officer, given_name="Wasim")
    await suite.shown(officer, made["case_id"], "registered")
    shown = (await officer.get(f"/api/cases/{made['reference']}", params={"names": True})).json()
    assert (shown["case_id"], shown["name"]) == (made["case_id"], "Wasim Testov")
    assert set(shown["parts"]) >= {"screening"}
    assert shown["gaps"] == []


async def test_the_number_that_a_list_gives_is_told_with_the_name_alone(
    suite: Suite, officer: httpx.AsyncClient
) -> None:
    body = person(given_name="Listed") | {"list_reference": "EMB-4711"}
    made = (await officer.post("/api/screening/cases", json=body, headers=suite.idempotency())).json()
    assert "EMB-4711" not in str(made)
    await suite.shown(officer, made["case_id"], "registered")
    for path in (f"/api/cases/{made['case_id']}", "/api/cases"):
        told = [
            (await officer.get(path, params={"q": "Listed", "parts": False, "names": names})).text
            for names in (False, True)
        ]
        assert ["EMB-4711" in each for each in told] == [False, True], path
    assert "EMB-4711" in (await officer.get(f"/cases/{made['reference']}")).text
    for names in ({}, {"names": "true"}):
        page = await officer.post("/cases", data={"q": "Listed"} | names)
        assert made["reference"] in page.text
        assert ("EMB-4711" in page.text) == bool(names)


async def test_what_no_contract_names_any_more_is_not_shown_of_an_old_log(
    suite: Suite, officer: httpx.AsyncClient
) -> None:
    made = await suite.register(officer)
    await suite.shown(officer, made["case_id"], "registered")
    await declare_as_once(suite, made["case_id"], "EMB-4712")
    assert await eventually(lambda: _signed(officer, made["case_id"])) == {"signed_on": "2026-01-06"}


async def _signed(officer: httpx.AsyncClient, case_id: str) -> Any:
    """The data of the declaration's entry, once it is there."""
    case = (await officer.get(f"/api/cases/{case_id}", params={"parts": False})).json()
    return next((each["data"] for each in case["timeline"] if "declaration" in each["type"]), None)


async def test_no_list_tells_that_a_child_is_alone(suite: Suite, officer: httpx.AsyncClient) -> None:
    case = (await suite.register(officer, given_name="Yusuf", date_of_birth="2012-05-17"))["case_id"]
    await suite.command(officer, f"screening/cases/{case}/assessment", {"band": 2, "unaccompanied": True})
    shown = await suite.shown(officer, case, "screening")
    assert "care" in shown["missing_gates"]
    rows = (await officer.get("/api/cases", params={"q": shown["reference"], "limit": 500})).json()["cases"]
    assert [row["case_id"] for row in rows] == [case]
    assert "care" not in str(rows)


async def test_a_declaration_a_hold_and_its_lifting_move_the_stage(suite: Suite, officer: httpx.AsyncClient) -> None:
    case = (await suite.register(officer, given_name="Kamran"))["case_id"]
    await suite.command(officer, f"screening/cases/{case}/declaration", DECLARATION)
    await suite.shown(officer, case, "screening")
    placed = await suite.command(
        officer, f"screening/cases/{case}/holds", {"kind": "medical", "note": "wait for the result"}
    )
    held = await suite.shown(officer, case, "on_hold")
    assert held["holds"] == [placed["hold_id"]]
    assert "hold" in held["missing_gates"]
    assert case in await listed(officer, holds=True)
    await suite.command(
        officer, f"screening/cases/{case}/holds/{placed['hold_id']}/lift", {"outcome": "treated and stable"}
    )
    await suite.shown(officer, case, "screening")
    assert case not in await listed(officer, holds=True)


async def listed(user: httpx.AsyncClient, **filter: Any) -> list[str]:
    answer = (await user.get("/api/cases", params={"limit": 500, **filter})).json()
    return [case["case_id"] for case in answer["cases"]]


async def test_a_withdrawal_is_shown(suite: Suite, officer: httpx.AsyncClient) -> None:
    case = (await suite.register(officer, given_name="Salman"))["case_id"]
    await suite.command(officer, f"screening/cases/{case}/declaration", DECLARATION)
    await suite.command(
        officer, f"screening/cases/{case}/consent/withdrawal", {"place": "Tripoli", "reason": "stays with his brother"}
    )
    await suite.shown(officer, case, "withdrawn")


async def test_a_name_is_searched_in_screening_and_a_reference_here(suite: Suite, officer: httpx.AsyncClient) -> None:
    made = await suite.register(officer, given_name="Zubair", family_name="Findling")
    await suite.shown(officer, made["case_id"], "registered")
    for q in ("Findling", made["reference"], made["reference"].lower()):
        assert made["case_id"] in await listed(officer, q=q), q
    assert await listed(officer, q="Nobodyhasthisname") == []
    assert await listed(officer, q="%") == []


async def test_pages_follow_each_other_without_a_gap_or_a_double(suite: Suite, officer: httpx.AsyncClient) -> None:
    made = [(await suite.register(officer, given_name=f"Page{letter}"))["case_id"] for letter in "abcde"]
    for case in made:
        await suite.shown(officer, case, "registered")
    every, paged, cursor = await listed(officer), [], None
    while True:
        params = {"limit": 2} | ({"after": cursor} if cursor else {})
        page = (await officer.get("/api/cases", params=params)).json()
        paged += [case["case_id"] for case in page["cases"]]
        if not (cursor := page["next"]):
            break
    assert paged == every
    assert set(made) <= set(every)


async def test_figures_count_every_case_once_per_stage_corridor_and_office(
    suite: Suite, officer: httpx.AsyncClient
) -> None:
    figures = (await officer.get("/api/figures")).json()
    total = len(await listed(officer))
    assert {name: sum(counts.values()) for name, counts in figures.items()} == {
        "stages": total,
        "corridors": total,
        "offices": total,
    }
    for stage, count in figures["stages"].items():
        assert len(await listed(officer, stage=stage)) == count


async def test_an_officer_sees_the_cases_of_the_own_office_only(suite: Suite, officer: httpx.AsyncClient) -> None:
    made = (await suite.register(officer, given_name="Office"))["case_id"]
    await suite.shown(officer, made, "registered")
    for offices, sees in ((("tripoli",), True), (("islamabad",), False), ((), False)):
        someone = suite.user(Role.CASEWORKER, offices=offices)
        assert (made in await listed(someone)) is sees
        assert (await someone.get(f"/api/cases/{made}")).status_code == (200 if sees else 404)
        figures = (await someone.get("/api/figures")).json()
        assert bool(figures["stages"]) is sees


async def test_a_service_that_is_down_is_a_named_gap_and_never_an_error(
    suite: Suite, officer: httpx.AsyncClient
) -> None:
    case = (await suite.register(officer, given_name="Gap"))["case_id"]
    await suite.shown(officer, case, "registered")
    suite.down |= {"travel", "screening"}
    try:
        shown = await officer.get(f"/api/cases/{case}", params={"names": True})
        assert (shown.status_code, shown.json()["gaps"]) == (200, ["screening", "travel"])
        page = await officer.get("/api/cases", params={"q": "Gap"})
        assert (page.status_code, page.json()["gaps"]) == (200, ["screening"])
        gateway = suite.apps["gateway"]
        described = await Description(gateway.state.neighbours).document(gateway)
        assert described["x-gaps"] == ["screening", "travel"]
        rest = (await officer.get("/api/rest")).json()
        assert not rest["at_rest"]
        assert set(rest["gaps"]) == {"travel", "screening"}
    finally:
        suite.down.clear()


async def test_the_trace_of_the_request_is_the_trace_of_what_it_caused(
    suite: Suite, officer: httpx.AsyncClient
) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    headers = {"traceparent": f"00-{trace}-00f067aa0ba902b7-01"} | suite.idempotency()
    made = (await officer.post("/api/screening/cases", json=person(given_name="Traced"), headers=headers)).json()
    case = await suite.shown(officer, made["case_id"], "registered")
    assert case["timeline"][0]["trace_id"] == trace


async def test_a_family_is_shown_together(suite: Suite, officer: httpx.AsyncClient) -> None:
    members = [
        {"identity": person(given_name=name)["identity"], "role": role}
        for name, role in (("Father", "head"), ("Mother", "spouse"))
    ]
    body = {"office": "tripoli", "place": "Tripoli", "place_kind": "office", "members": members}
    made = await suite.command(officer, "screening/households", body)
    await suite.at_rest(officer)
    case = await suite.shown(officer, made["cases"][0]["case_id"], "registered")
    assert case["household_id"] == made["household_id"]
    assert {member["case_id"] for member in case["household"]} == {each["case_id"] for each in made["cases"]}


async def test_a_flight_is_listed_and_its_events_are_told(suite: Suite, officer: httpx.AsyncClient) -> None:
    body = {
        "carrier": "BM",
        "number": "1234",
        "origin": "MJI",
        "destination": "ISB",
        "departs_at": (datetime.now(UTC) + timedelta(days=90)).isoformat(),
        "capacity": 160,
        "kind": "charter",
        "office": "tripoli",
        "country_of_origin": "PK",
    }
    flight_id = (await suite.command(officer, "travel/flights", body))["flight_id"]
    await suite.command(officer, f"travel/flights/{flight_id}/cancel", {"reason": "the airspace is closed"})
    await suite.at_rest(officer)
    flights = {each["flight_id"]: each for each in (await officer.get("/api/flights")).json()["flights"]}
    shown = flights[flight_id]
    assert (shown["status"], shown["origin"], shown["seats"]) == ("cancelled", "MJI", 0)
