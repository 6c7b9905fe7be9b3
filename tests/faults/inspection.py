"""Reads what the checker compares, from the databases of a suite that is at rest."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.embedded import SERVICES
from services.monitoring import repository as monitoring
from services.partners import tables as partners
from services.reintegration import repository as reintegration
from services.screening import repository as screening
from services.travel import repository as travel
from shared.contracts.envelope import Event
from shared.persistence.database import Database
from shared.persistence.store import Store
from shared.protection.vault import Vault, equip
from shared.protection.wrapping import LocalWrapping
from tests.faults.checker import Effect, ProducerLog
from tests.faults.suite import FaultySuite

#: The services with a log.
PRODUCERS = SERVICES[:-2]


@dataclass(frozen=True)
class Findings:
    """All that is kept of a run."""

    #: By source.
    events: Mapping[str, list[tuple[Event, bytes]]]
    #: By consumer.
    effects: Mapping[str, list[Effect]]
    #: By consumer: (source, subject, sequence, state).
    parked: Mapping[str, list[tuple[str, str, int, str]]]
    #: (consumer, source, subject, sequence) of all that a person has decided to skip.
    skips: set[tuple[str, str, str, int]]
    unreadable: Mapping[str, list[bytes]]
    diverged: Mapping[str, int]
    #: By key, the stored answer of every command that was executed, and when.
    executed: Mapping[str, tuple[Any, Any]]
    #: By service and table: aggregates by id.
    states: Mapping[str, Mapping[str, Any]]

    def logs(self) -> dict[str, ProducerLog]:
        """As the checker reads them."""
        found: dict[str, dict[str, list[tuple[int, Any]]]] = {source: {} for source in self.events}
        for source, events in self.events.items():
            for event, _ in events:
                found[source].setdefault(event.subject, []).append((event.sequence, event.id))
        return dict(found)

    def in_state(self, state: str) -> set[tuple[str, str, str, int]]:
        """(consumer, source, subject, sequence) of all that is parked in this state."""
        return {
            (consumer, source, subject, sequence)
            for consumer, rows in self.parked.items()
            for source, subject, sequence, own in rows
            if own == state
        }


#: The tables of aggregates.
_STATES: dict[str, tuple[Store[Any], ...]] = {
    "screening": (screening.CASES,),
    "travel": (travel.CASES, travel.FLIGHTS, travel.HOUSEHOLDS),
    "reintegration": (reintegration.CASES, reintegration.FUNDS, reintegration.PERSONS),
    "monitoring": (monitoring.CASES,),
    "partners": (partners.CASES, partners.FLIGHTS),
}


def event_of(service: str, row: Any) -> Event:
    """A row of a service's log as an event."""
    own = ("id", "type", "subject", "sequence", "time", "prevhash", "data", "traceparent")
    return Event(source=f"/homeward/{service}", **{name: row[name] for name in own})


async def inspect(suite: FaultySuite) -> Findings:
    """Everything, now."""
    events = {f"/homeward/{name}": await _events(suite, name) for name in PRODUCERS}
    states = {each.table: await _states(suite, name, each) for name, stores in _STATES.items() for each in stores}
    views = await suite.sql("gateway", "SELECT id, stage, holds, state::text AS state FROM case_view")
    states["case_view"] = {
        str(row["id"]): {"stage": row["stage"], "holds": row["holds"], **json.loads(row["state"])} for row in views
    }
    executed: dict[str, tuple[Any, Any]] = {}
    for name in PRODUCERS:
        for row in await suite.sql(name, "SELECT key, answer, recorded_at FROM idempotency WHERE answer IS NOT NULL"):
            executed[row["key"]] = (json.loads(row["answer"]), row["recorded_at"])
    return Findings(
        events=events,
        effects={name: await _effects(suite, name) for name in SERVICES},
        parked={name: await _parked(suite, name) for name in SERVICES},
        skips={each for name in SERVICES for each in await _skips(suite, name)},
        unreadable={name: await _unreadable(suite, name) for name in SERVICES},
        diverged={name: await _diverged(suite, name) for name in SERVICES},
        executed=executed,
        states=states,
    )


async def _events(suite: FaultySuite, name: str) -> list[tuple[Event, bytes]]:
    rows = await suite.sql(name, "SELECT * FROM event_log ORDER BY insert_id")
    return [(event_of(name, row), row["hash"]) for row in rows]


async def _effects(suite: FaultySuite, name: str) -> list[Effect]:
    statement = "SELECT serial, source, subject, sequence, event_id, via FROM test_effects ORDER BY serial"
    return [Effect(**dict(row)) for row in await suite.sql(name, statement)]


async def _parked(suite: FaultySuite, name: str) -> list[tuple[str, str, int, str]]:
    rows = await suite.sql(name, "SELECT source, subject, sequence, state FROM inbox_parked")
    return [tuple(row) for row in rows]


async def _skips(suite: FaultySuite, name: str) -> list[tuple[str, str, str, int]]:
    statement = "SELECT source, subject, sequence FROM inbox_decision WHERE decision = 'skip'"
    return [(name, *row) for row in await suite.sql(name, statement)]


async def _unreadable(suite: FaultySuite, name: str) -> list[bytes]:
    return [row["body"] for row in await suite.sql(name, "SELECT body FROM inbox_unreadable")]


async def _diverged(suite: FaultySuite, name: str) -> int:
    [row] = await suite.sql(name, "SELECT count(*) AS n FROM inbox_position WHERE diverged IS NOT NULL")
    return int(row["n"])


async def _states(suite: FaultySuite, name: str, store: Store[Any]) -> dict[str, Any]:
    database = Database(suite.databases[name])
    equip(database, Vault(LocalWrapping(path=suite.accounts.keys_file)))
    try:
        async with database.transaction() as connection:
            found = await store.read(connection, "true")
    finally:
        await database.close()
    return {str(id): json.loads(state.whole) for id, state in found.items()}
