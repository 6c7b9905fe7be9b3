"""Two hundred agencies, each with its share of the cases: what is told reaches each of them, whoever else is dead."""

import asyncio
import json
import socket
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any
from uuid import UUID, uuid4

import httpx
import pycountry

from services.servers.server import free_ports
from shared.auth.principal import EVERY_OFFICE, Principal
from shared.auth.roles import Role
from shared.auth.tokens import Signer
from shared.persistence.database import Database, scalar
from tests.benchmark.consuming import Figures
from tests.benchmark.lab import Process
from tests.benchmark.meters import percentiles
from tests.benchmark.session import Session

AGENCIES, CASES_EACH = 200, 10
#: Events a second: what is wanted of it, and a load that leaves it time.
RATE, EASY = 1100, 200
#: The number of the agency whose receiver is dead.
_DEAD = -1
#: Of ten agencies so many receive by webhook; the others poll.
WEBHOOKS = 5
_SOURCES = ("screening", "travel", "reintegration", "monitoring")
_AT_ONCE = 8
#: Seconds in which everything must have come.
_PATIENCE = 300
_YEAR = {"valid_from": "2020-01-01", "valid_until": "2099-12-31"}
_COLUMNS = "given_name,family_name,date_of_birth,sex,nationality,place,place_kind"


class Incomplete(Exception):
    """Not every agency got what is its own, once: the figures are worth nothing."""


async def run(session: Session) -> Figures:
    """Two loads, each twice: all receivers well, then one of them dead."""
    seconds = session.choose(10, 30)
    async with AsyncExitStack() as stack:
        bench = Agencies(session, stack)
        await bench.start()
        # The first events pay for connections and plans.
        await bench.measured(EASY, 5, seed=0)
        well = [await bench.measured(rate, seconds, seed=1) for rate in (EASY, RATE)]
        await bench.one_dies()
        dead = [await bench.measured(rate, seconds, seed=2) for rate in (EASY, RATE)]
    return {
        "agencies": AGENCIES,
        "cases": AGENCIES * CASES_EACH,
        "well": well,
        "dead": dead,
        "delivered_per_second": dead[1]["delivered_per_second"],
        "p99_ms": dead[0]["p99_ms"],
        "ratio_of_p99": round(dead[0]["p99_ms"] / well[0]["p99_ms"], 2),
    }


class Agencies:
    """Screening, the logs of the others, the partners' service, and who listens."""

    def __init__(self, session: Session, stack: AsyncExitStack) -> None:
        self.session, self.lab, self._stack = session, session.lab, stack
        self.cases: dict[str, list[UUID]] = {}
        self.seen = 0
        self.countries = sorted(each.alpha_2 for each in pycountry.countries)[:AGENCIES]
        webhooks = [number for number in range(len(self.countries)) if number % 10 < WEBHOOKS]
        # Each agency is called at a port of its own, of which the settings know; held until its listener starts.
        self._held = {number: socket.socket() for number in (*webhooks, _DEAD)}
        for each in self._held.values():
            each.bind(("127.0.0.1", 0))
        self.ports = {number: each.getsockname()[1] for number, each in self._held.items()}

    async def start(self) -> None:
        """Processes, people, agencies."""
        self.processes = self._processes()
        self.clients = {name: await self._client(name) for name in ("screening", "partners", "travel")}
        offers = (await self.clients["partners"].get("/agreements/offers")).json()
        # How long an event takes is seen by its time.
        self.terms = offers["templates"]["embassy"] | {"precision": "exact"}
        await self._register(self.countries)
        await self._onboard(self.countries)
        await self._settled()

    def _processes(self) -> dict[str, Process]:
        names = (*_SOURCES, "partners")
        databases = self.databases = {name: self.lab.database() for name in names}
        started: dict[str, Process] = {}
        for name in names:
            urls = {other: process.url for other, process in started.items()}
            real = name in ("screening", "partners")
            module, arguments = (f"services.{name}", ()) if real else ("tests.benchmark.producer", (name,))
            settings = {"WEBHOOK_PRIVATE_HOSTS": self._places()} if name == "partners" else {}
            started[name] = self.lab.service(module, name, databases[name], *arguments, urls=urls, settings=settings)
            self._stack.callback(started[name].stop)
        return started

    def _places(self) -> str:
        return json.dumps({self._name(number): [f"127.0.0.1:{port}"] for number, port in self.ports.items()})

    def _name(self, number: int) -> str:
        return f"Embassy {number} of {self.countries[max(0, number)]}"

    async def _client(self, name: str) -> httpx.AsyncClient:
        # Whoever does everything here; an agreement is put in force by another.
        client = httpx.AsyncClient(base_url=self.processes[name].url, timeout=60, headers=self._signed(name, "one"))
        await self._stack.enter_async_context(client)
        while True:
            self.processes[name].check()
            try:
                if (await client.get("/readyz")).is_success:
                    return client
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.1)

    def _signed(self, service: str, who: str) -> dict[str, str]:
        roles = frozenset({Role.CASEWORKER, Role.PARTNER_LIAISON, Role.MANAGER, Role.ADMIN})
        principal = Principal(f"benchmark:{who}", who, roles, frozenset({EVERY_OFFICE}))
        token = Signer(self.lab.credentials.key).issue(principal, 3600, audience=service)
        return {"Authorization": f"Bearer {token}"}

    async def _post(self, service: str, path: str, body: Any = None, **more: Any) -> Any:
        headers = {"Idempotency-Key": str(uuid4()), **more.pop("headers", {})}
        content = more or {"json": body or {}}
        answer = await self.clients[service].post(path, headers=headers, **content)
        if not answer.is_success:
            raise RuntimeError(f"{path}: {answer.status_code} {answer.text[:300]}")
        return answer.json()

    async def _register(self, countries: Sequence[str]) -> None:
        self.session.tell(f"registering {len(countries) * CASES_EACH:,} people")
        lines = [
            f"Given{number},Family {code} {number},19{60 + number % 40}-01-01,female,{code},Janzour,urban"
            for code in countries
            for number in range(CASES_EACH)
        ]
        found = await self._post(
            "screening",
            "/imports",
            files={"file": ("people.csv", "\n".join([_COLUMNS, *lines]).encode())},
            data={"office": "tripoli"},
        )
        for case in found["cases"]:
            country = countries[(case["row"] - 2) // CASES_EACH]
            self.cases.setdefault(country, []).append(UUID(case["case_id"]))
        declaration = {
            "place": "Janzour", "place_kind": "urban", "language": "en", "witness": "A counsellor",
            "alternatives_explained": True, "data_consent": True, "given_by": "self",
        }  # fmt: skip
        ids = [id for each in self.cases.values() for id in each]
        await self._each(ids, lambda case: self._post("screening", f"/cases/{case}/declaration", declaration))

    async def _onboard(self, countries: Sequence[str]) -> None:
        self.session.tell(f"{len(countries)} agencies subscribe")
        self.subscriptions: dict[int, str] = {}
        self.keys: dict[int, str] = {}
        url = httpx.URL(self.processes["partners"].url)
        [port] = free_ports(1)
        ports = {number: each for number, each in self.ports.items() if number != _DEAD}
        polled = [number for number in range(len(countries)) if number % 10 >= WEBHOOKS]
        await self._each(polled, lambda number: self._subscribe(number, countries[number], {"way": "feed"}))
        feeds = [(each, f"/feed?subscription={self.subscriptions[each]}", self.keys[each]) for each in polled]
        spec = {
            "port": port,
            "webhooks": ports,
            "dead_port": self.ports[_DEAD],
            "feed_host": url.host,
            "feed_port": url.port,
            "feeds": feeds,
        }
        file = self.lab.folder / "listeners.json"
        file.write_text(json.dumps(spec))
        for each in self._held.values():
            each.close()
        self.listeners = self.lab.start([sys.executable, "-m", "tests.benchmark.listeners", str(file)], {})
        self.notes = await self._stack.enter_async_context(
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60)
        )
        while True:
            self.listeners.check()
            try:
                await self.notes.get("/notes")
                break
            except httpx.TransportError:
                await asyncio.sleep(0.05)
        await self._each(list(ports), lambda number: self._subscribe(number, countries[number], self._called(number)))

    def _called(self, number: int) -> dict[str, str]:
        return {"way": "webhook", "url": f"http://127.0.0.1:{self.ports[number]}/events"}

    async def _subscribe(self, number: int, country: str, wanted: Mapping[str, str]) -> None:
        agency = {"name": self._name(number), "kind": "embassy", "country": country}
        id = (await self._post("partners", "/agencies", agency))["agency_id"]
        access = f"/agencies/{id}/access-requests"
        opened = await self._post("partners", access, {"contact": "the consul", "reason": "a first key"})
        approval = f"{access}/{opened['request_id']}/approval"
        approved = await self._post("partners", approval, headers=self._signed("partners", "another"))
        codes = {"request_code": opened["request_code"], "claim_code": approved["claim_code"]}
        key = (await self._post("partners", "/claims", codes))["key"]
        agreement = {
            "agency_id": id, "legal_basis": "consent", "purpose": "issuing travel documents", "retention_days": 90,
            "contact": "the consul", **_YEAR, "terms": self.terms,
        }  # fmt: skip
        made = (await self._post("partners", "/agreements", agreement))["agreement_id"]
        path = f"/agreements/{made}"
        await self._post("partners", f"{path}/signed-copy", files={"file": ("signed.pdf", b"%PDF-1.7")})
        await self._post("partners", f"{path}/approval", headers=self._signed("partners", "another"))
        own = {"Authorization": f"Bearer {key}"}
        asked = {"agreement_id": made, **wanted}
        subscription = (await self._post("partners", "/subscriptions", headers=own, json=asked))["subscription_id"]
        if wanted["way"] == "webhook":
            await self._post("partners", f"/subscriptions/{subscription}/handshake", headers=own, json={})
        self.subscriptions[number], self.keys[number] = subscription, key

    async def one_dies(self) -> None:
        """One more agency of the first country, whose receiver takes connections and says nothing."""
        country = next(iter(self.cases))
        await self._subscribe(_DEAD, country, self._called(_DEAD))

    async def _each(self, items: Sequence[Any], act: Any) -> None:
        places = asyncio.Semaphore(_AT_ONCE)

        async def one(item: Any) -> None:
            async with places:
                await act(item)

        await asyncio.gather(*(one(item) for item in items))

    async def _settled(self) -> None:
        """Until the partners' service has handled what screening has told."""
        self.session.tell("the partners' service catches up")
        database = Database(self.databases["partners"], name="homeward benchmark")
        self._stack.push_async_callback(database.close)
        declared = "SELECT count(*) FROM partner_case WHERE CAST(state ->> 'declared' AS boolean)"
        while True:
            self.processes["partners"].check()
            async with database.transaction() as connection:
                if await scalar(connection, declared) == AGENCIES * CASES_EACH:
                    return
            await asyncio.sleep(0.2)

    async def measured(self, rate: float, seconds: float, *, seed: int) -> Figures:
        """Offer the load, and see what reaches whom."""
        self.session.tell(f"{rate:,} events a second for {seconds:.0f} s")
        watched = {name: self.processes[name] for name in ("partners", "screening", "travel")}
        watched["listeners"] = self.listeners
        before = {name: process.usage() for name, process in watched.items()}
        servers = self.lab.servers_usage()
        subjects = [str(id) for each in self.cases.values() for id in each]
        offer = {"rate": rate, "seconds": seconds, "seed": seed, "subjects": subjects}
        answer = await self.clients["travel"].post("/offer", json=offer, timeout=None)
        answer.raise_for_status()
        offered = answer.json()
        notes = await self._all_came(offered["events"])
        spent = {name: round(process.usage().since(before[name]), 1) for name, process in watched.items()}
        postgres, broker = (late.since(early) for late, early in zip(self.lab.servers_usage(), servers, strict=True))
        came = [note for note in notes if note[5]]
        first, last = min(note[5] for note in came), max(note[5] for note in came)
        by_way: dict[str, list[float]] = {"webhook": [], "feed": []}
        for number, *_, late, _ in came:
            by_way["webhook" if number % 10 < WEBHOOKS else "feed"].append(late)
        return {
            "wanted_per_second": rate,
            "events": offered["events"],
            "offered_in_s": round(offered["seconds"], 1),
            "offered_per_second": round(offered["events"] / offered["seconds"]),
            "delivered_per_second": round(len(came) / (last - first)),
            "answers": len({(number, at) for number, *_, at in came}),
            **percentiles([note[4] for note in came]),
            "ways": {way: percentiles(found) for way, found in by_way.items()},
            "cpu": {**spent, "postgres": round(postgres, 1), "broker": round(broker, 1)},
        }

    async def _all_came(self, count: int) -> list[Any]:
        """What was noted of these events, once all have come. Raises Incomplete."""
        notes: list[Any] = []
        end = time.monotonic() + _PATIENCE
        while len(notes) < count and time.monotonic() < end:
            self.listeners.check()
            notes = (await self.notes.get("/notes")).json()[self.seen :]
            self.session.tell(f"{len(notes):,} of {count:,} events have come")
            await asyncio.sleep(0.5)
        self.seen += len(notes)
        ids = Counter(note[1] for note in notes)
        orders: dict[tuple[int, str], list[int]] = {}
        for number, _, subject, sequence, *_ in notes:
            orders.setdefault((number, subject), []).append(sequence)
        holes = sum(found != list(range(found[0], found[0] + len(found))) for found in orders.values())
        if len(ids) != count or holes:
            raise Incomplete(f"{len(ids):,} of {count:,} events came, {holes} subjects out of order")
        return notes
