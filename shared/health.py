"""How a service is: whether it is ready, what is under way, and what it has handled."""

from typing import TYPE_CHECKING, Any

from shared.persistence.database import rows

if TYPE_CHECKING:
    from shared.service import Service

#: Seconds that an event may wait for the relay before the service is not ready.
RELAY_LAG = 60.0
#: Seconds for which a service waits to be ready until it has been compared with every producer.
RECONCILING = 30.0


class Health:
    """Answers for one service."""

    def __init__(self, service: "Service") -> None:
        self._service = service

    async def checks(self) -> dict[str, dict[str, Any]]:
        """Each check: whether it is ok, and the figure or the error behind it."""
        service = self._service
        found: dict[str, dict[str, Any]] = {"broker": {"ok": await service.bus.accepting()}}
        if service.follows:
            found["consumer"] = {"ok": service.bus.consuming(service.queue)}
            # Two services that follow each other must not wait for each other for ever.
            complete = service.reconciler.complete
            found["reconciled"] = {"ok": complete or service.seconds_up > RECONCILING, "complete": complete}
        try:
            lag, diverged = await self._lag()
        except Exception as error:  # noqa: BLE001  whatever it is, the answer is that it is not ready
            return found | {"database": {"ok": False, "error": type(error).__name__}}
        found["database"] = {"ok": True}
        found["relay"] = {"ok": lag < RELAY_LAG, "oldest_unpublished_seconds": lag}
        return found | {"diverged": {"ok": True, "subjects": diverged}}

    async def _lag(self) -> tuple[float, int]:
        async with self._service.database.transaction() as connection:
            [found] = await rows(
                connection,
                """SELECT (SELECT coalesce(extract(epoch FROM clock_timestamp() - min(recorded_at)), 0)
                           FROM event_log JOIN event_unpublished USING (insert_id)) AS lag,
                          (SELECT count(*) FROM inbox_position WHERE diverged IS NOT NULL) AS diverged""",
            )
        return float(found.lag), int(found.diverged)

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
