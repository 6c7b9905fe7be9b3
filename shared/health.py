"""How a service is: whether it is ready, what should alarm somebody, what is under way, and what it has handled."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from time import monotonic
from typing import TYPE_CHECKING, Any

import structlog

from shared.messaging.bus import exchange_of
from shared.persistence.database import rows

if TYPE_CHECKING:
    from shared.service import Service

log = structlog.get_logger()

#: Seconds that an event may wait for the relay before the service is not ready.
RELAY_LAG = 60.0
#: Seconds for which a service waits to be ready until it has been compared with every producer.
RECONCILING = 30.0
#: Seconds that an event of another service may go unhandled before somebody should look: twice what the reconciler
#: leaves to a busy bus.
UNHANDLED = 120.0
#: Seconds for which events that a relay left behind are told of: another has them within moments.
LATELY = 600.0
#: Without these requests are answered: the log keeps what is to be published, and others' logs what isn't heard.
WITHOUT = frozenset({"broker", "consumer", "relay"})
#: Seconds between two measurements for the gauges.
MEASURING = 5.0

_MEASURE = """
    SELECT (SELECT count(*) FROM event_unpublished) AS unpublished,
        (SELECT extract(epoch FROM clock_timestamp() - recorded_at) FROM event_log
         WHERE insert_id = (SELECT min(insert_id) FROM event_unpublished)) AS oldest_unpublished,
        (SELECT count(*) FROM event_unpublished WHERE lease_owner IS NOT NULL AND lease_until < clock_timestamp())
            AS expired_leases,
        (SELECT extract(epoch FROM clock_timestamp() - min(parked_at)) FROM inbox_parked AS parked
         WHERE state NOT IN ('dead', 'skipped') AND NOT EXISTS (
             SELECT FROM inbox_parked AS letter WHERE letter.source = parked.source AND letter.state = 'dead'
               AND letter.subject = parked.subject AND letter.sequence < parked.sequence)) AS oldest_parked,
        (SELECT count(*) FROM inbox_parked WHERE state NOT IN ('dead', 'skipped')) AS parked,
        (SELECT count(*) FROM inbox_parked WHERE state = 'dead') AS dead,
        (SELECT count(*) FROM inbox_position WHERE diverged IS NOT NULL) AS diverged,
        (SELECT count(*) FROM inbox_unreadable) AS unreadable"""


@dataclass(frozen=True, slots=True)
class Signals:
    """What was measured at one moment. Ages are seconds."""

    #: Events of our log that the bus has not confirmed, and the age of the oldest.
    unpublished: int
    oldest_unpublished: float
    #: Unpublished events whose relay has not come back to them in time.
    expired_leases: int
    #: Events of that kind which this process's relay has claimed in the last ten minutes.
    reclaimed: int
    #: The age of the oldest event that is parked and not behind a dead letter, or that may not have come at all.
    oldest_unhandled: float
    #: Events that wait for another event, for a retry, or behind a dead letter.
    parked: int
    dead: int
    #: Subjects whose log is not the one that was handled.
    diverged: int
    #: Elements of messages that are no events.
    unreadable: int
    #: Whether the bus has our consumer: 1 or 0; 1 also for who follows nobody.
    consumers: int
    #: Whether the bus takes what is published: 1 or 0.
    accepting: int

    def alarms(self) -> Iterator[str]:
        """What somebody should look at; the runbook has a paragraph for each."""
        if self.oldest_unpublished > RELAY_LAG:
            yield f"an event has waited {self.oldest_unpublished:.0f} s to be published"
        if self.expired_leases:
            yield f"{self.expired_leases} events were claimed by a relay that did not publish them in time"
        if self.reclaimed:
            yield f"{self.reclaimed} events were claimed anew lately: a relay had not published them in time"
        if self.oldest_unhandled > UNHANDLED:
            yield f"an event has waited {self.oldest_unhandled:.0f} s to be handled"
        for count, what in (
            (self.dead, "dead letters"),
            (self.diverged, "diverged subjects"),
            (self.unreadable, "unreadable elements"),
        ):
            if count:
                yield f"{count} {what}"
        if not self.consumers:
            yield "the bus has no consumer of this service"
        if not self.accepting:
            yield "the broker takes nothing from this service"


#: Each signal's gauge: its name, its unit, and whether it is about what we publish.
GAUGES = {
    "unpublished": ("homeward.outbox.backlog", "{event}", True),
    "oldest_unpublished": ("homeward.outbox.oldest_age", "s", True),
    "expired_leases": ("homeward.outbox.expired_leases", "{event}", True),
    "reclaimed": ("homeward.outbox.reclaimed", "{event}", True),
    "oldest_unhandled": ("homeward.inbox.oldest_age", "s", False),
    "parked": ("homeward.inbox.parked", "{event}", False),
    "dead": ("homeward.inbox.dead_letters", "{event}", False),
    "diverged": ("homeward.inbox.diverged", "{subject}", False),
    "unreadable": ("homeward.inbox.unreadable", "{element}", False),
    "consumers": ("homeward.bus.consumers", "{consumer}", False),
    "accepting": ("homeward.bus.accepting", "{connection}", False),
}


class Health:
    """Answers for one service."""

    def __init__(self, service: "Service") -> None:
        self._service = service
        #: The last measurement; None while there is none.
        self.signals: Signals | None = None
        self._joined = False
        for each in fields(Signals):
            self._observe(each.name)

    def _observe(self, signal: str) -> None:
        name, unit, publishing = GAUGES[signal]
        source = self._service.source
        if publishing and not source:
            return
        where = {"exchange": exchange_of(source)} if publishing and source else {"queue": self._service.queue}
        self._service.telemetry.metrics.observe(
            name, lambda: [] if self.signals is None else [(getattr(self.signals, signal), where)], unit=unit
        )

    async def watch(self) -> None:
        """Measure for the gauges until cancelled: whoever exports them reads what was measured last."""
        while True:
            try:
                self.signals = await self.measure()
            except Exception as error:  # noqa: BLE001  a gauge without a value says more than an old one
                self.signals = None
                log.info("not measured", error=type(error).__name__)
            await asyncio.sleep(MEASURING)

    async def measure(self) -> Signals:
        """Measure now."""
        async with self._service.database.transaction() as connection:
            [found] = await rows(connection, _MEASURE)
        return Signals(
            unpublished=found.unpublished,
            oldest_unpublished=float(found.oldest_unpublished or 0),
            expired_leases=found.expired_leases,
            reclaimed=self._service.relay.reclaimed_within(LATELY) if self._service.relay else 0,
            oldest_unhandled=max(float(found.oldest_parked or 0), self._unseen()),
            parked=found.parked,
            dead=found.dead,
            diverged=found.diverged,
            unreadable=found.unreadable,
            consumers=int(self._consuming()),
            accepting=int(await self._service.bus.accepting()),
        )

    def _consuming(self) -> bool:
        return not self._service.follows or self._service.bus.consuming(self._service.queue)

    def _unseen(self) -> float:
        """Seconds since every producer's log was last seen to hold nothing that has not come."""
        now = monotonic()
        seen = [producer.even_at for producer in self._service.producers.values()]
        return max((now - at if at else self._service.seconds_up for at in seen), default=0.0)

    async def readiness(self) -> dict[str, Any]:
        """Whether it should get requests; and each check, whether it is ok, and the figure or the error behind it."""
        checks, _ = await self._checked()
        return {"ready": _ready(checks), "checks": checks}

    async def report(self) -> dict[str, Any]:
        """Checks, signals, and what should alarm somebody."""
        checks, signals = await self._checked()
        alarms = [f"{loop} has ended" for loop in self._service.ended]
        alarms += signals.alarms() if signals else ["the database can't be reached"]
        return {"ready": _ready(checks), "alarms": alarms, "checks": checks, "signals": signals and asdict(signals)}

    async def _checked(self) -> tuple[dict[str, dict[str, Any]], Signals | None]:
        service = self._service
        broker = await service.bus.accepting()
        # A rollout with a wrong password for the broker must end at its first replica.
        self._joined = self._joined or (broker and self._consuming())
        found: dict[str, dict[str, Any]] = {
            "broker": {"ok": broker},
            "joined": {"ok": self._joined},
            "loops": {"ok": not service.ended, "ended": service.ended},
        }
        if (restoration := service.restoration).under_way:
            found["restored"] = {"ok": False, "waiting_for": restoration.waiting_for}
        if service.follows:
            found["consumer"] = {"ok": self._consuming()}
            # Two services that follow each other must not wait for each other for ever.
            complete = service.reconciler.complete
            found["reconciled"] = {"ok": complete or service.seconds_up > RECONCILING, "complete": complete}
        try:
            signals = await self.measure()
        except Exception as error:  # noqa: BLE001  whatever it is, the answer is that it is not ready
            return found | {"database": {"ok": False, "error": type(error).__name__}}, None
        found["database"] = {"ok": True}
        lag = signals.oldest_unpublished
        found["relay"] = {"ok": lag < RELAY_LAG, "oldest_unpublished_seconds": lag}
        # What needs a person is no reason to take the service away from those whom it can serve.
        return found | {"diverged": {"ok": True, "subjects": signals.diverged}}, signals

    async def rest(self) -> dict[str, Any]:
        """What is unpublished or waits, what was produced, and per source what was handled or is a dead letter."""
        async with self._service.database.transaction() as connection:
            [counts] = await rows(
                connection,
                """SELECT (SELECT count(*) FROM event_unpublished) AS unpublished,
                          (SELECT coalesce(sum(sequence), 0) FROM log_head) AS produced,
                          (SELECT count(*) FROM inbox_parked WHERE state IN ('retry', 'not_yet', 'attempting'))
                              AS waiting""",
            )
            handled = await rows(
                connection, "SELECT source, sum(sequence) AS handled FROM inbox_position GROUP BY source"
            )
            dead = await rows(
                connection,
                """SELECT source, count(*) AS dead FROM inbox_parked AS parked
                   WHERE state NOT IN ('skipped') AND EXISTS (
                       SELECT FROM inbox_parked AS letter WHERE letter.source = parked.source
                         AND letter.subject = parked.subject AND letter.state = 'dead'
                         AND letter.sequence <= parked.sequence) GROUP BY source""",
            )
        return {
            "unpublished": counts.unpublished,
            "waiting": counts.waiting,
            "produced": int(counts.produced),
            "handled": dict.fromkeys(self._service.follows, 0) | {row.source: int(row.handled) for row in handled},
            "dead": {row.source: row.dead for row in dead},
        }

    async def positions(self, after: str, limit: int) -> dict[str, Any]:
        """A page of positions; ``next`` is the cursor of the page after it, or None."""
        source, _, subject = after.partition(" ")
        async with self._service.database.transaction() as connection:
            found = await rows(
                connection,
                """SELECT source, subject, sequence, encode(hash, 'hex') AS hash, handled, diverged FROM inbox_position
                   WHERE (source, subject) > (:source, :subject) ORDER BY source, subject LIMIT :limit""",
                source=source,
                subject=subject,
                limit=limit,
            )
        last = f"{found[-1].source} {found[-1].subject}" if len(found) == limit else None
        return {"positions": [row._asdict() for row in found], "next": last}


def _ready(checks: Mapping[str, Mapping[str, Any]]) -> bool:
    return all(check["ok"] for name, check in checks.items() if name not in WITHOUT)
