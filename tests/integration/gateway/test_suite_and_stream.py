"""The suite as a whole, and the live stream."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from services.gateway.stream import Stream
from shared.auth.roles import Role
from shared.persistence.database import Database, run
from shared.persistence.offices import UNLIMITED, Sight
from tests.integration.gateway.suite import Suite
from tests.support.bench import eventually

pytestmark = pytest.mark.asyncio(loop_scope="package")

EVERYTHING = UNLIMITED
_NOTE = """INSERT INTO timeline (source, subject, sequence, type, time, data)
           VALUES ('/test', :subject, 1, 'org.homeward.test.note.v1', now(), '{}')"""


@pytest.fixture(scope="module")
def admin(suite: Suite) -> httpx.AsyncClient:
    return suite.user(Role.ADMIN, Role.CASEWORKER)


def stream(suite: Suite) -> Stream:
    found: Stream = suite.apps["gateway"].state.stream
    return found


async def test_at_rest_all_events_are_accounted_for(suite: Suite, admin: httpx.AsyncClient) -> None:
    for letter in "abc":
        await suite.register(admin, given_name=f"Account{letter}")
    await suite.at_rest(admin)
    account = (await admin.get("/api/accounting")).json()
    assert account["producers"]["/homeward/screening"]["events"] >= 3
    for consumer, sources in account["consumers"].items():
        for source, found in sources.items():
            assert (found["missing"], found["ahead"], found["differing"]) == (0, 0, 0), (consumer, source)
    for source, produced in account["producers"].items():
        assert account["timeline"].get(source, 0) == produced["events"]
        assert account["consumers"]["gateway"][source]["events"] == produced["events"]


async def test_the_clock_is_advanced_in_every_service_and_never_backwards(
    suite: Suite, admin: httpx.AsyncClient
) -> None:
    await suite.at_rest(admin)
    later = datetime.fromisoformat((await admin.get("/api/clock")).json()["now"]) + timedelta(days=30)
    assert (await admin.post("/api/clock", json={"now": later.isoformat()})).status_code == 200
    clocks = (await admin.get("/api/clocks")).json()
    told = {datetime.fromisoformat(each) for each in [clocks["now"], *clocks["services"].values()]}
    assert told == {later}
    assert len(clocks["services"]) == 5
    await suite.at_rest(admin)
    earlier = await admin.post("/api/clock", json={"now": (later - timedelta(days=1)).isoformat()})
    assert earlier.status_code == 409
    caseworker = suite.user(Role.CASEWORKER)
    assert (await caseworker.post("/api/clock", json={"now": later.isoformat()})).status_code == 403


async def test_the_clock_stays_while_a_service_is_down(suite: Suite, admin: httpx.AsyncClient) -> None:
    await suite.at_rest(admin)
    now = datetime.fromisoformat((await admin.get("/api/clock")).json()["now"])
    suite.down.add("monitoring")
    try:
        answer = await admin.post("/api/clock", json={"now": (now + timedelta(days=1)).isoformat()})
    finally:
        suite.down.clear()
    assert (answer.status_code, answer.json()["gaps"]) == (409, ["monitoring"])
    assert (await admin.get("/api/clock")).json()["now"] == (await admin.get("/api/clocks")).json()["now"]


async def told(messages: AsyncIterator[tuple[int, dict[str, Any]]], case: str) -> tuple[int, dict[str, Any]]:
    """The first message that tells of the case."""
    async with asyncio.timeout(10):
        async for cursor, message in messages:
            if case in [each["case_id"] for each in message["cases"]]:
                return cursor, message
    raise AssertionError("the stream ended")


async def test_a_reader_is_told_of_a_changed_case_and_the_new_figures(suite: Suite, admin: httpx.AsyncClient) -> None:
    async with aclosing(stream(suite).messages(EVERYTHING, None, seconds=20)) as messages:
        _, first = await anext(messages)
        before = first["figures"]["stages"].get("registered", 0)
        made = await suite.register(admin, given_name="Streamed")
        _, message = await told(messages, made["case_id"])
    [case] = [each for each in message["cases"] if each["case_id"] == made["case_id"]]
    assert (case["stage"], case["reference"]) == ("registered", made["reference"])
    assert message["figures"]["stages"]["registered"] == before + 1


async def test_a_reader_who_comes_back_is_told_what_it_has_missed(suite: Suite, admin: httpx.AsyncClient) -> None:
    async with aclosing(stream(suite).messages(EVERYTHING, None, seconds=20)) as messages:
        cursor, _ = await anext(messages)
    made = await suite.register(admin, given_name="Missed")
    await suite.shown(admin, made["case_id"], "registered")
    async with aclosing(stream(suite).messages(EVERYTHING, cursor, seconds=20)) as messages:
        await told(messages, made["case_id"])


async def test_another_replica_tells_of_it_too(suite: Suite, admin: httpx.AsyncClient) -> None:
    """It shares the database only: nothing wakes it, so it looks by itself."""
    database = Database(suite.apps["gateway"].state.service.database.url)
    async with aclosing(Stream(database).messages(EVERYTHING, None, seconds=20)) as messages:
        await anext(messages)
        made = await suite.register(admin, given_name="Replica")
        await told(messages, made["case_id"])
    await database.close()


async def test_a_change_that_is_committed_late_is_not_passed_over(suite: Suite, admin: httpx.AsyncClient) -> None:
    """Its transaction began before others that the reader was told of: the cursor may not go past it."""
    database = suite.apps["gateway"].state.service.database
    early = (await suite.register(admin, given_name="Early"))["case_id"]
    await suite.shown(admin, early, "registered")
    async with aclosing(stream(suite).messages(EVERYTHING, None, seconds=20)) as messages:
        await anext(messages)
        async with database.transaction() as late:
            await run(late, _NOTE, subject=UUID(early))
            other = (await suite.register(admin, given_name="Overtaking"))["case_id"]
            await suite.shown(admin, other, "registered")
            async with aclosing(stream(suite).messages(EVERYTHING, None, seconds=20)) as meanwhile:
                cursor, _ = await anext(meanwhile)
        await told(messages, early)
    async with aclosing(stream(suite).messages(EVERYTHING, cursor, seconds=20)) as messages:
        await told(messages, early)


async def test_an_officer_is_not_told_of_other_offices_cases(suite: Suite, admin: httpx.AsyncClient) -> None:
    async with aclosing(stream(suite).messages(EVERYTHING, None, seconds=20)) as messages:
        cursor, _ = await anext(messages)
    made = await suite.register(admin, given_name="Elsewhere")
    await suite.shown(admin, made["case_id"], "registered")
    async with aclosing(stream(suite).messages(Sight(frozenset({"islamabad"})), cursor, seconds=20)) as messages:
        _, message = await anext(messages)
    assert message["cases"] == []
    assert message["figures"]["stages"] == {}


@pytest.mark.parametrize("after", [0, 2**62])
async def test_a_reader_who_was_away_too_long_loads_anew(suite: Suite, after: int) -> None:
    suite_stream = stream(suite)
    async with aclosing(suite_stream.messages(EVERYTHING, after, seconds=20)) as messages:
        cursor, message = await anext(messages)
    assert cursor < 2**62
    assert message["reload"] is (after > 0)


async def test_a_stream_ends_in_time_and_nobody_looks_when_nobody_reads(suite: Suite) -> None:
    mine = Stream(suite.apps["gateway"].state.service.database)
    async with aclosing(mine.messages(EVERYTHING, None, seconds=0.1)) as messages:
        assert len([message async for message in messages]) == 1

    async def idle() -> bool:
        return mine._looking is not None and mine._looking.done()

    await eventually(idle)


async def test_the_stream_is_served_as_server_sent_events(suite: Suite, admin: httpx.AsyncClient) -> None:
    """Over a real socket: an in-process transport would wait for the end of the answer."""
    import uvicorn

    server = uvicorn.Server(
        uvicorn.Config(suite.apps["gateway"], port=0, lifespan="off", log_config=None, timeout_graceful_shutdown=1)
    )
    serving = asyncio.create_task(server.serve())

    async def started() -> bool:
        return server.started

    await eventually(started)
    port = server.servers[0].sockets[0].getsockname()[1]
    headers = {"Authorization": admin.headers["Authorization"], "Purpose": "case-work"}
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=10) as http:
        before = len(await _watched(suite))
        async with http.stream("GET", "/api/stream") as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            lines = answer.aiter_lines()
            fields = dict([line.split(": ", 1) for line in await _next_event(lines)])
            [opened] = (await _watched(suite))[before:]
            assert (opened["purpose"], opened["subjects"]) == ("case-work", [])
            made = await suite.register(admin, given_name="Watched")
            while made["case_id"] not in "".join(await _next_event(lines)):
                pass
            # The last of the entries for this office: others may have changed meanwhile.
            assert any(made["case_id"] in each["subjects"] for each in (await _watched(suite))[before:])
        assert fields["event"] == "changed"
        assert int(fields["id"]) > 0
        assert "figures" in json.loads(fields["data"])
        refused = await http.get("/api/stream", headers={"Last-Event-ID": "x; DROP TABLE"})
        assert refused.status_code == 422
    server.should_exit = True
    await serving


async def _watched(suite: Suite) -> list[dict[str, Any]]:
    """What the audit has of streams."""
    auditor = suite.user(Role.AUDITOR, name="auditor")
    answer = await auditor.get("/api/gateway/audit/entries", params={"limit": 1000, "action": "live"})
    found: list[dict[str, Any]] = answer.raise_for_status().json()["entries"]
    return sorted(found, key=lambda each: each["at"])


async def _next_event(lines: AsyncIterator[str]) -> list[str]:
    event = []
    while line := await anext(lines):
        event.append(line)
    return event
