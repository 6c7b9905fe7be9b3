"""A service whose database was set back goes on above what others have of it, and says what must be entered again."""

import asyncio
import sys
from asyncio.subprocess import PIPE
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg  # type: ignore[import-untyped]
import httpx
import pytest

from services.embedded import SERVICES, EmbeddedSuite
from shared.messaging import restoration
from shared.persistence.database import run
from shared.persistence.embedded import EmbeddedPostgres
from tests.integration.partners.answerers import ROLES, Agency, World
from tests.support.suite import OMAR, embedded, sign_in

WITHDRAWAL = {"place": "office", "reason": "stays"}
ERASURE = {"ground": "requested", "reason": "was asked for"}

#: By subject: the first and the last number that are lost.
Lost = dict[str, tuple[int, int]]
Act = Callable[["Journey"], Awaitable[object]]


class Journey:
    """Somebody's return, of which the last days are lost."""

    case_id: str
    fund_id: str
    embassy: Agency

    def __init__(self, world: World) -> None:
        self.world = world
        #: What the embassy has of its feed, and what it asks after.
        self.heard: set[str] = set()
        self.after = 0

    async def listens(self, suite: EmbeddedSuite) -> set[str]:
        """The embassy takes what there is; the ids of all that its feed has."""
        async with suite._client("partners") as client:
            client.headers["Authorization"] = self.embassy.client.headers["Authorization"]
            while events := (found := await self._feed(client, self.after))["events"]:
                self.heard |= {each["id"] for each in events}
                self.after = found["next"]
            return {each["id"] for each in (await self._feed(client, 0))["events"]}

    async def news(self, suite: EmbeddedSuite) -> set[str]:
        """The ids of what the embassy is told after what it has."""
        async with suite._client("partners") as client:
            client.headers["Authorization"] = self.embassy.client.headers["Authorization"]
            return {each["id"] for each in (await self._feed(client, self.after))["events"]}

    async def tries_out(self, suite: EmbeddedSuite, times: int) -> None:
        """The embassy has test events delivered, of which no log tells."""
        async with suite._client("partners") as client:
            client.headers["Authorization"] = self.embassy.client.headers["Authorization"]
            for _ in range(times):
                path = f"/subscriptions/{self.embassy.subscription}/test"
                assert (await client.post(path, headers={"Idempotency-Key": str(uuid4())})).is_success

    async def _feed(self, client: httpx.AsyncClient, after: int) -> Any:
        asked: dict[str, str | int] = {"subscription": self.embassy.subscription, "after": after}
        answer = await client.get("/feed", params=asked)
        assert answer.is_success, answer.text
        return answer.json()

    async def begins(self) -> None:
        self.embassy = await self.world.agency("embassy")
        self.case_id = await self.world.person()
        await self.world.departs(self.case_id)
        fund = {"code": "F-1", "donor": "a donor", "currency": "EUR", "amount": 900_000}
        days = {"starts_on": "2026-01-01", "ends_on": "2036-12-31"}
        self.fund_id = (await self.world.does("finance", "reintegration/funds", fund | days))["fund_id"]
        await self.world.rests()

    async def goes_on(self) -> None:
        """Each service tells something."""
        await self.arrives()
        await self.plans()
        await self.calls()
        await self.registers()
        await self.world.rests()

    async def arrives(self) -> None:
        await self.world.does("airport", f"travel/cases/{self.case_id}/arrival", {"place": "Islamabad airport"})
        await self.world.rests()

    async def plans(self) -> None:
        line = {"kind": "tools", "description": "a sewing machine", "supplier": "Supplier 1", "amount": 50_000}
        plan = {"fund_id": self.fund_id, "lines": [line]}
        await self.world.does("reintegration", f"reintegration/cases/{self.case_id}/plan", plan)
        await self.world.rests()

    async def calls(self) -> None:
        visits = await self.world.operators["monitoring"].get(f"/api/monitoring/cases/{self.case_id}")
        visit = f"monitoring/cases/{self.case_id}/visits/{visits.json()['visits'][0]['code']}"
        await self.world.does("monitoring", f"{visit}/attempts", {"outcome": "no_answer", "note": "rung twice"})

    async def registers(self) -> None:
        case_id = await self.world.person(family_name="Again")
        await self.world.asks(case_id)

    async def is_put_right(self) -> None:
        said = {"identity": OMAR | {"given_name": "Omer"}, "reason": "a letter was wrong"}
        await self.world.does("caseworker", f"screening/cases/{self.case_id}/identity", said)
        await self.registers()


#: What is entered again or anew, by the service that was set back.
AGAIN: Mapping[str, Act] = {
    "screening": Journey.is_put_right,
    "travel": Journey.arrives,
    "reintegration": Journey.plans,
    "monitoring": Journey.calls,
    "partners": Journey.registers,
    "gateway": Journey.registers,
}


@pytest.mark.parametrize("service", SERVICES)
async def test_after_a_restore_what_is_lost_is_listed_and_what_is_entered_again_arrives(
    service: str, tmp_path: Path
) -> None:
    tmp_path.chmod(0o711)
    async with embedded(tmp_path / "data") as suite:
        journey = Journey(await _world(suite))
        await journey.begins()
        then = await _heads(suite, service)
        await journey.listens(suite)
        await _homeward(tmp_path, "backup", str(tmp_path / "backup"))
        await journey.tries_out(suite, 5)
        await journey.goes_on()
        await journey.listens(suite)
        lost: Lost = {
            subject: (then.get(subject, 0) + 1, sequence)
            for subject, sequence in (await _heads(suite, service)).items()
            if sequence > then.get(subject, 0)
        }
    # The others only follow.
    assert bool(lost) is (service not in ("partners", "gateway"))
    await _homeward(tmp_path, "restore", str(tmp_path / "backup"), service)
    async with embedded(tmp_path / "data") as suite:
        journey.world = await _world(suite)
        assert await _lost(journey.world, service) == lost
        await AGAIN[service](journey)
        await journey.world.rests()
        assert await _uneven(suite) == []
        await _is_told(journey, service, lost)
        assert await journey.listens(suite) <= journey.heard
    # It was set back once: the next start is one like any other.
    async with embedded(tmp_path / "data") as suite:
        assert await _lost(await _world(suite), service) == lost


async def test_a_service_that_was_set_back_does_nothing_until_every_follower_has_reported(tmp_path: Path) -> None:
    tmp_path.chmod(0o711)
    async with embedded(tmp_path / "data"):
        pass
    await _execute(tmp_path, "CREATE DATABASE copy TEMPLATE screening")
    await _execute(tmp_path, "DROP DATABASE screening", "ALTER DATABASE copy RENAME TO screening")
    answers: list[httpx.Response] = []

    async def asks() -> None:
        async with suite._client("screening") as client:
            answers.extend(
                [await client.get("/readyz"), await client.post("/cases", json={}), await client.get("/healthz")]
            )

    asking: list[asyncio.Task[None]] = []

    def progress(step: str) -> None:
        # All but the last of those who follow are there.
        if step == "starting gateway":
            asking.append(asyncio.create_task(asks()))

    suite = embedded(tmp_path / "data", progress=progress)
    async with suite:
        await asyncio.gather(*asking)
        ready, refused, alive = answers
        assert (ready.status_code, "gateway" in ready.json()["checks"]["restored"]["waiting_for"]) == (503, True)
        assert (refused.status_code, refused.json()["type"]) == (503, "/problems/restoring")
        assert alive.status_code == 200
        async with suite._client("screening") as client:
            assert "restored" not in (await client.get("/readyz")).json()["checks"]


async def test_who_was_erased_after_the_backup_is_erased_again_above_what_is_lost(tmp_path: Path) -> None:
    tmp_path.chmod(0o711)
    async with embedded(tmp_path / "data") as suite:
        world = await _world(suite)
        case_id = await world.person()
        await world.rests()
        then = (await _heads(suite, "screening"))[case_id]
        await _homeward(tmp_path, "backup", str(tmp_path / "backup"))
        await world.does("caseworker", f"screening/cases/{case_id}/consent/withdrawal", WITHDRAWAL)
        await world.does("caseworker", f"screening/cases/{case_id}/erasure", ERASURE)
        await world.does("protection", f"screening/cases/{case_id}/erasure/approval", {})
        await world.rests()
        last = (await _heads(suite, "screening"))[case_id]
    await _homeward(tmp_path, "restore", str(tmp_path / "backup"), "screening")
    async with embedded(tmp_path / "data") as suite:
        world = await _world(suite)
        assert await _lost(world, "screening") == {case_id: (then + 1, last)}
        kept = await _positions(suite.apps["screening"], "SELECT wrapped FROM data_key WHERE owner = $1", UUID(case_id))
        assert kept == {(None,)}
        await world.rests()
        assert (await _heads(suite, "screening"))[case_id] > last + 1
        assert await _uneven(suite) == []


async def _copied_back(tmp_path: Path) -> tuple[Journey, dict[str, tuple[int, int]]]:
    """Travel's database is as if it were a copy of a stopped server's files; what is lost by that."""
    tmp_path.chmod(0o711)
    async with embedded(tmp_path / "data") as suite:
        journey = Journey(await _world(suite))
        await journey.begins()
        then = (await _heads(suite, "travel"))[journey.case_id]
        await _homeward(tmp_path, "backup", str(tmp_path / "backup"))
        await journey.arrives()
        last = (await _heads(suite, "travel"))[journey.case_id]
    await _homeward(tmp_path, "restore", str(tmp_path / "backup"), "travel")
    await _execute(tmp_path, f"UPDATE log_origin SET origin = ({restoration._HERE})", database="travel")
    return journey, {journey.case_id: (then + 1, last)}


async def test_a_service_that_was_set_back_unseen_is_told_so_by_who_follows_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journey, lost = await _copied_back(tmp_path)
    (tmp_path / "data" / "audit" / "travel.heads").unlink()
    ended = asyncio.Event()
    with monkeypatch.context() as patch:
        patch.setattr("shared.service.end_this_process", ended.set)
        async with embedded(tmp_path / "data") as suite:
            assert not suite.apps["travel"].state.service.restoration.under_way
            await asyncio.wait_for(ended.wait(), 60)
    async with embedded(tmp_path / "data") as suite:
        journey.world = await _world(suite)
        assert await _lost(journey.world, "travel") == lost
        await journey.arrives()
        assert await _uneven(suite) == []


async def test_a_service_sees_by_the_heads_that_it_exported_that_its_database_is_a_copy(tmp_path: Path) -> None:
    journey, lost = await _copied_back(tmp_path)
    async with embedded(tmp_path / "data") as suite:
        journey.world = await _world(suite)
        assert await _lost(journey.world, "travel") == lost
    async with embedded(tmp_path / "data") as suite:
        assert not suite.apps["travel"].state.service.restoration.under_way
        journey.world = await _world(suite)
        await journey.arrives()
        assert await _uneven(suite) == []


async def test_a_failover_of_the_partners_database_tells_agencies_nothing_again(tmp_path: Path) -> None:
    tmp_path.chmod(0o711)
    told: list[set[str]] = []
    async with embedded(tmp_path / "data") as suite:
        journey = Journey(await _world(suite))
        await journey.begins()
        await journey.listens(suite)
    for goes_on in (journey.arrives, journey.plans, journey.registers):
        await _execute(tmp_path, "UPDATE log_origin SET origin = 'a timeline'", database="partners")
        async with embedded(tmp_path / "data") as suite:
            journey.world = await _world(suite)
            told.append(await journey.news(suite))
            await goes_on()
            await journey.listens(suite)
            await suite.apps["partners"].state.service.scheduler.run_due()
            ahead = "SELECT subscription_id FROM subscription_head WHERE handed > position"
            assert await _positions(suite.apps["partners"], ahead) == set()
    assert told == [set(), set(), set()]


async def test_what_is_lost_is_told_page_by_page(tmp_path: Path) -> None:
    tmp_path.chmod(0o711)
    async with embedded(tmp_path / "data") as suite:
        wanted = [f"subject {number:04}" for number in range(1001)]
        lost = ", ".join(f"('{each}', 1, 2)" for each in wanted)
        async with suite.apps["travel"].state.service.database.transaction() as connection:
            await run(connection, f"INSERT INTO log_lost (subject, lost_from, lost_upto) VALUES {lost}")
        admin = await sign_in(suite, "admin")
        found: list[str] = []
        page: dict[str, Any] = {"next": {}}
        while page["next"] is not None:
            page = (await admin.get("/api/travel/restoration/lost", **page["next"])).json()
            found += [each["subject"] for each in page["lost"]]
        assert found == wanted


async def _world(suite: EmbeddedSuite) -> World:
    roles = (*ROLES, "finance", "reintegration", "monitoring")
    return World(suite, {role: await sign_in(suite, role) for role in roles})


async def _lost(world: World, service: str) -> Lost:
    path = "/restoration/lost" if service == "gateway" else f"/api/{service}/restoration/lost"
    answer = await world.operators["admin"].get(path)
    assert answer.is_success, answer.text
    return {each["subject"]: (each["lost_from"], each["lost_upto"]) for each in answer.json()["lost"]}


async def _uneven(suite: EmbeddedSuite) -> list[Any]:
    """Subjects of which a consumer has handled something else than the log holds, or not all of it."""
    found = []
    for consumer, app in suite.apps.items():
        for source in app.state.service.follows:
            heads = await _positions(
                app, "SELECT subject, sequence, hash FROM inbox_position WHERE source = $1", source
            )
            log = suite.apps[source.rpartition("/")[2]]
            found += [(consumer, each) for each in heads ^ await _positions(log, "SELECT * FROM log_head")]
    return found


async def _positions(app: Any, statement: str, *arguments: object) -> set[tuple[Any, ...]]:
    async with app.state.service.database.transaction() as connection:
        raw = (await connection.get_raw_connection()).driver_connection
        return {tuple(row) for row in await raw.fetch(statement, *arguments)}


async def _is_told(journey: Journey, service: str, lost: Lost) -> None:
    """The case's timeline has a line for what was lost, and what was entered again after it."""
    if journey.case_id not in lost:
        return
    shown = await journey.world.operators["caseworker"].get(f"/api/cases/{journey.case_id}")
    assert shown.is_success, shown.text
    lines = [each for each in shown.json()["timeline"] if each["source"] == service]
    number = lost[journey.case_id][1] + 1
    assert [each["type"] for each in lines if each["sequence"] == number] == ["org.homeward.log.restored.v1"]
    assert max(each["sequence"] for each in lines) > number


async def _heads(suite: EmbeddedSuite, service: str) -> dict[str, int]:
    found = await _positions(suite.apps[service], "SELECT subject, sequence FROM log_head")
    return dict(found)


async def _homeward(folder: Path, command: str, *arguments: str) -> str:
    words = [sys.executable, "-m", "services", command, *arguments, "--data", str(folder / "data")]
    process = await asyncio.create_subprocess_exec(*words, stdout=PIPE, stderr=PIPE)
    said, wrong = await process.communicate()
    assert process.returncode == 0, wrong.decode()
    return said.decode()


async def _execute(folder: Path, *statements: str, database: str = "postgres") -> None:
    async with EmbeddedPostgres(folder / "data" / "postgres") as postgres:
        connection = await asyncpg.connect(postgres.url(database).replace("+asyncpg", ""))
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()
