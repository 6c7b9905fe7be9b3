"""A case is visible to its office of departure, from the booking on to the country of origin's office, and to nobody
else: whichever list, search, export, stream or count is asked.
"""

import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio

from shared.ids import new_id
from shared.persistence.database import rows, run
from shared.persistence.offices import Sight
from tests.integration.gateway.suite import Suite, person
from tests.integration.offices import walk
from tests.integration.offices.journey import ROLES, Family, flight, officer

#: The same for everybody, with examples.
DOCUMENTS = {"/asyncapi.json", "/events-guide"}
#: Who shows a case. The partners' service tells of it to agencies alone.
OF_CASES = ("screening", "travel", "reintegration", "monitoring", "gateway")

pytestmark = pytest.mark.asyncio(loop_scope="package")


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def family(suite: Suite) -> AsyncIterator[Family]:
    """A family that has gone all the way."""
    family = Family(suite)
    await family.go()
    yield family


@pytest.fixture(scope="module")
def stranger(suite: Suite) -> httpx.AsyncClient:
    """An office that is neither where they left nor where they went."""
    return officer(suite, "abidjan")


async def leaks(suite: Suite, family: Family, user: httpx.AsyncClient, *methods: str, q: str | None = None) -> set[str]:
    """Which routes answer with something of the family. Each route answers, refuses, or says that there is nothing."""
    found = set()
    for asked in walk.requests(suite, family, *methods, q=q):
        if asked.route in DOCUMENTS:
            continue
        for through_gateway in (False, True):
            answer = await asked.send(suite, user, through_gateway=through_gateway)
            assert answer.status_code in (200, 201, 302, 303, 307, 403, 404, 409), f"{asked}: {answer.text}"
            told = [each for each in family.secrets if each in answer.text and each not in (q, *asked.query.values())]
            if answer.is_success and told:
                found.add(f"{asked.service} {asked.method} {asked.route}")
    return found


async def test_another_office_finds_nothing_of_the_family_on_any_route(
    suite: Suite, family: Family, stranger: httpx.AsyncClient
) -> None:
    assert await leaks(suite, family, stranger, "GET") == set()


@pytest.mark.parametrize("by", ["reference", "given name", "family name"])
async def test_another_office_finds_nothing_by_search(
    suite: Suite, family: Family, stranger: httpx.AsyncClient, by: str
) -> None:
    q = {"reference": family.references[0], "given name": family.names[0], "family name": family.names[2]}[by]
    assert await leaks(suite, family, stranger, "GET", q=q) == set()


async def test_the_walk_finds_what_is_there_to_be_found(suite: Suite, family: Family) -> None:
    """Their own office sees them wherever a case is shown, and the country of origin sees the same."""
    seen = await leaks(suite, family, officer(suite, "tripoli"), "GET")
    # The audit is each office's own.
    audits = {f"{name} GET /audit/entries" for name in suite.apps} | {"gateway GET /api/audit"}
    assert seen - audits == await leaks(suite, family, officer(suite, "islamabad"), "GET") - audits
    assert {
        *("screening GET /cases/{case_id}", "travel GET /cases/{case_id}", "reintegration GET /cases/{case_id}"),
        *("monitoring GET /cases/{case_id}", "monitoring GET /visits", "travel GET /flights/{flight_id}/manifest"),
        *("travel GET /flights", "gateway GET /api/cases", "gateway GET /api/cases/{case}", "gateway GET /cases"),
        *("gateway GET /api/flights", "gateway GET /cases/{name}", "gateway GET /flights/{flight_id}"),
    } <= seen
    found = await leaks(suite, family, officer(suite, "tripoli"), "GET", q=family.names[0])
    assert {"screening GET /search", "gateway GET /api/cases", "gateway GET /cases"} <= found


async def test_what_is_hidden_looks_like_what_is_not_there(
    suite: Suite, family: Family, stranger: httpx.AsyncClient
) -> None:
    ids = [*family.case_ids, family.household_id, family.flight_id, family.hold_id]
    nothing = Family(suite, case_ids=[str(new_id()), str(new_id())], references=["TRI-999999"], names=["Nobody"])
    nothing.household_id, nothing.flight_id, nothing.hold_id = (str(new_id()) for _ in range(3))
    nothing.fund_id = family.fund_id
    others = [*nothing.case_ids, nothing.household_id, nothing.flight_id, nothing.hold_id]
    hidden, absent = (walk.requests(suite, each, "GET") for each in (family, nothing))
    for one, other in zip(hidden, absent, strict=True):
        answers = [await each.send(suite, stranger, through_gateway=False) for each in (one, other)]
        texts = [each.text for each in answers]
        for mine, theirs in zip((*ids, family.references[0]), (*others, nothing.references[0]), strict=True):
            texts[0] = texts[0].replace(mine, theirs)
        assert answers[0].status_code == answers[1].status_code, str(one)
        if answers[0].status_code == 404:
            assert texts[0] == texts[1], str(one)


async def test_another_offices_commands_find_no_case_and_change_nothing(
    suite: Suite, family: Family, stranger: httpx.AsyncClient
) -> None:
    before = await everything(suite)
    made = {"/funds", "/identities", "/agencies"}
    for asked in walk.requests(suite, family, "POST"):
        if asked.service == "gateway":
            continue
        answer = await asked.send(suite, stranger, through_gateway=False)
        told = answer.text if asked.route in made else ""
        assert answer.status_code in ((200, 201) if asked.route in made else (403, 404)), f"{asked}: {answer.text}"
        assert not [each for each in family.secrets if each in told]
    after = await everything(suite)
    assert {name: after[name] == before[name] for name in before} == dict.fromkeys(before, True)


async def everything(suite: Suite) -> dict[str, list[Any]]:
    """All that the services know of cases and flights, and what they have told of them."""
    tables = {
        "screening": ("screening_case", "household", "person_key", "list_entry"),
        "travel": ("travel_case", "travel_household", "travel_flight", "travel_decision", "event_log"),
        "reintegration": ("reintegration_case", "reintegration_person"),
        "monitoring": ("monitoring_case", "monitoring_finding", "event_log"),
    }
    found = {}
    for service, names in tables.items():
        async with suite.apps[service].state.service.database.transaction() as connection:
            for table in names:
                kept = await rows(connection, f"SELECT CAST(each AS text) FROM {table} AS each ORDER BY 1")
                found[f"{service} {table}"] = [tuple(row) for row in kept]
    return found


async def test_the_country_of_origin_sees_a_case_as_long_as_travel_is_booked(suite: Suite) -> None:
    family = Family(suite)
    home, there = officer(suite, "tripoli"), officer(suite, "islamabad")
    await family.register()
    await family.prepare()
    for step, seen in ((family.rests, False), (family.book, True), (family.release, False), (family.book, True)):
        await step()
        expected = {"gateway", "screening", "travel", "reintegration"} if seen else set()
        assert await who_shows(suite, family, there) == expected, step.__name__
        assert await who_shows(suite, family, home) == {"gateway", "screening", "travel", "reintegration"}
        assert await who_shows(suite, family, officer(suite, "abidjan")) == set()
    await family.fly()
    assert await who_shows(suite, family, there) == set(OF_CASES)


async def test_who_has_cases_at_two_offices_is_merged_and_erased_by_who_works_for_both(suite: Suite) -> None:
    name = f"Bangash{new_id().hex[-8:]}"
    home, other = officer(suite, "tripoli"), officer(suite, "abidjan")
    elder = (await suite.register(home, given_name=name, family_name=name))["case_id"]
    younger = (await suite.register(other, given_name=name, family_name=name, office="abidjan"))["case_id"]
    same = {"same_person": True, "reason": "the same papers"}
    both = officer(suite, "tripoli", "abidjan")
    # Whoever could merge a made-up case with somebody else's would read and erase that person.
    for one in (suite.user(*ROLES, offices=(office,), name="colleague") for office in ("tripoli", "abidjan")):
        for path in (f"{elder}/duplicates/{younger}", f"{younger}/duplicates/{elder}"):
            refused = await one.post(f"/api/screening/cases/{path}", json=same, headers=suite.idempotency())
            assert refused.status_code in (404, 409), refused.text
    await suite.command(both, f"screening/cases/{elder}/duplicates/{younger}", same)
    told = await home.get(f"/api/screening/subjects/{elder}", headers={"Purpose": "data-subject-request"})
    assert (told.status_code, told.json()["case_ids"]) == (200, [elder])
    await suite.command(home, f"screening/cases/{elder}/decline", {"reason": "can't return"})
    asked = {"ground": "requested", "reason": "wants to be forgotten"}
    await suite.command(home, f"screening/cases/{elder}/erasure", asked)
    approval = f"screening/cases/{elder}/erasure/approval"
    approver = suite.user(*ROLES, offices=("tripoli",), name="approver")
    refused = await approver.post(f"/api/{approval}", json={}, headers=suite.idempotency())
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/elsewhere-too")
    erased = await suite.command(both, approval, {})
    assert sorted(erased["case_ids"]) == sorted([elder, younger])


async def test_cases_from_before_offices_counted_learn_whose_they_are_from_the_logs(suite: Suite) -> None:
    family = Family(suite)
    await family.go()
    home, there = officer(suite, "tripoli"), officer(suite, "islamabad")
    for service, columns in (
        ("screening", ("travelling",)),
        ("reintegration", ("office", "country_of_origin", "travelling")),
        ("monitoring", ("office", "country_of_origin")),
    ):
        await forget(suite, service, family.case_ids, columns)
    assert await who_shows(suite, family, there) == {"gateway", "travel"}
    for service in ("screening", "reintegration", "monitoring"):
        await suite.apps[service].state.service.learner.learn()
    assert await who_shows(suite, family, there) == await who_shows(suite, family, home) == set(OF_CASES)
    assert await who_shows(suite, family, officer(suite, "abidjan")) == set()
    await family.rests()


async def forget(suite: Suite, service: str, case_ids: list[str], columns: tuple[str, ...]) -> None:
    """As an upgrade finds cases that were kept by a build to which offices didn't matter."""
    emptied = ", ".join(f"{name} = {'false' if name == 'travelling' else 'NULL'}" for name in columns)
    without = "".join(f" - '{name}'" for name in columns)
    statement = f"""UPDATE {service}_case SET unlearnt = true, {emptied},
                        state = CAST(CAST(state AS jsonb){without} AS json) WHERE id = ANY(:ids)"""
    async with suite.apps[service].state.service.database.transaction() as connection:
        assert await run(connection, statement, ids=[UUID(each) for each in case_ids]) == len(case_ids)


async def who_shows(suite: Suite, family: Family, user: httpx.AsyncClient) -> set[str]:
    """The services in which this user sees both of the family's cases; never one without the other."""
    found = set()
    for service in OF_CASES:
        path = "/api/cases/{}" if service == "gateway" else f"/api/{service}/cases/{{}}"
        answers = {(await user.get(path.format(case_id))).status_code for case_id in family.case_ids}
        assert len(answers) == 1 and answers <= {200, 404}
        found |= {service} if answers == {200} else set()
    return found


async def test_another_offices_stream_tells_nothing_of_the_family(suite: Suite, family: Family) -> None:
    stream = suite.apps["gateway"].state.stream
    for sight, told in (
        (Sight(frozenset({"abidjan"}), frozenset({"CI"})), False),
        (Sight(frozenset({"tripoli"}), frozenset({"LY"})), True),
    ):
        async with aclosing(stream.messages(sight, 0, seconds=5)) as messages:
            _, message = await anext(messages)
        assert any(each in json.dumps(message) for each in family.secrets) is told
        assert (message["figures"]["offices"].get("tripoli", 0) > 0) is told


async def test_nobody_registers_or_plans_for_another_office(suite: Suite, stranger: httpx.AsyncClient) -> None:
    for path, body in (("screening/cases", person()), ("travel/flights", flight("tripoli"))):
        answer = await stranger.post(f"/api/{path}", json=body, headers=suite.idempotency())
        assert (answer.status_code, answer.json()["type"]) == (403, "/problems/other-office")


async def test_a_suspected_duplicate_at_another_office_is_told_by_its_id(suite: Suite) -> None:
    name = f"Shinwari{new_id().hex[-8:]}"
    home, other = officer(suite, "tripoli"), officer(suite, "abidjan")
    elder = await suite.register(home, given_name=name, family_name=name)
    younger = await suite.register(other, given_name=name, family_name=name, office="abidjan")
    assert younger["suspected_duplicates"] == [elder["case_id"]]
    listed = (await other.get("/api/screening/duplicates")).json()["duplicates"]
    [mine] = [each for each in listed if each["case_id"] == younger["case_id"]]
    assert (mine["other_case_id"], mine["reference"]) == (elder["case_id"], younger["reference"])
    shown = await other.get(f"/api/screening/cases/{younger['case_id']}")
    assert elder["reference"] not in shown.text + json.dumps(listed) + json.dumps(younger)
    assert (await other.get(f"/api/screening/cases/{elder['case_id']}")).status_code == 404
    decision = {"same_person": True, "reason": "the same papers"}
    path = "screening/cases/{}/duplicates/{}"
    stranger = officer(suite, "islamabad")
    answer = await stranger.post(
        f"/api/{path.format(younger['case_id'], elder['case_id'])}", json=decision, headers=suite.idempotency()
    )
    assert answer.status_code == 404
    both = officer(suite, "tripoli", "abidjan")
    decided = await suite.command(both, path.format(younger["case_id"], elder["case_id"]), decision)
    assert decided == {"case_id": younger["case_id"], "merged_into": elder["case_id"]}


async def test_a_case_that_is_not_suspected_can_be_told_from_none_by_its_own_office_only(suite: Suite) -> None:
    home, other = officer(suite, "tripoli"), officer(suite, "abidjan")
    hidden = (await suite.register(home, given_name=f"Hidden{new_id().hex}"))["case_id"]
    own = (await suite.register(other, given_name=f"Own{new_id().hex}", office="abidjan"))["case_id"]
    also = (await suite.register(other, given_name=f"Also{new_id().hex}", office="abidjan"))["case_id"]
    for asked, status in ((hidden, 404), (str(new_id()), 404), (also, 409)):
        path = f"/api/screening/cases/{own}/duplicates/{asked}"
        body = {"same_person": True, "reason": "a guess"}
        assert (await other.post(path, json=body, headers=suite.idempotency())).status_code == status


async def test_after_a_rebuild_another_office_still_sees_nothing(
    suite: Suite, family: Family, stranger: httpx.AsyncClient
) -> None:
    answer = await officer(suite, "*").post("/replay", params={"from_nothing": True}, timeout=120)
    assert json.loads(answer.text.splitlines()[-1])["state"] == "done"
    assert await leaks(suite, family, stranger, "GET") == set()
    assert "gateway" in await who_shows(suite, family, officer(suite, "tripoli"))
    assert "gateway" in await who_shows(suite, family, officer(suite, "islamabad"))
