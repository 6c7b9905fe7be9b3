"""Gives receivers what was kept for them: each has its own task and its own turn, so that none waits for another."""

import asyncio
from collections.abc import Iterable, Sequence
from functools import partial
from time import monotonic
from typing import Any
from uuid import UUID

import orjson
import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from services.partners.arrivals import Arrivals
from services.partners.delivering import delivered, in_force, told_of
from services.partners.keys import principal_of
from services.partners.names import Names, NamesUnavailable
from services.partners.webhooks import rounds, signatures
from services.partners.webhooks.addresses import AddressRefused
from services.partners.webhooks.calls import Caller, Unreachable
from services.partners.webhooks.rounds import Given, LeaseLost, Round
from services.partners.webhooks.schedule import Meaning, Outcome, outcome
from shared.audit.trail import Deed
from shared.clock import Clock, SystemClock
from shared.web.commands import Desk

log = structlog.get_logger()

#: Seconds after which it looks without being woken: what another process kept, and what waited for its time.
_LOOK = 1.0
#: Subjects of one receiver at once, and receivers that may use the database at once: requests need it too.
_AT_ONCE, _DATABASE = 4, 3
_ACTION = "deliver by webhook"
_TYPE = "application/cloudevents+json"


class Sender:
    """Runs as long as its service."""

    def __init__(self, desk: Desk, arrivals: Arrivals, names: Names, caller: Caller, base: str) -> None:
        self._desk, self._names = desk, names
        self._changed: set[UUID] = set()
        self._woken = asyncio.Event()
        arrivals.tell(self._look_at)
        self.caller, self.base = caller, base
        #: Real time, whatever the programme's is.
        self.clock: Clock = SystemClock()
        self._database = asyncio.Semaphore(_DATABASE)
        #: Whether all are looked at next, and when they are in any case.
        self._all, self._all_at = True, 0.0
        self._busy: dict[UUID, asyncio.Task[None]] = {}
        #: For whom something was kept while they were busy.
        self._again: set[UUID] = set()

    def wake(self) -> None:
        """Look at all of them now."""
        self._all = True
        self._woken.set()

    def _look_at(self, kept_for: Iterable[UUID]) -> None:
        self._changed.update(kept_for)
        self._woken.set()

    async def run(self) -> None:
        """Call receivers until cancelled."""
        try:
            while True:
                await self._look()
                try:
                    async with asyncio.timeout_at(self._all_at):
                        await self._woken.wait()
                except TimeoutError:
                    self._all = True
        finally:
            for task in self._busy.values():
                task.cancel()
            await asyncio.gather(*self._busy.values(), return_exceptions=True)
            await self.caller.close()

    async def _look(self) -> None:
        self._woken.clear()
        self._again |= self._changed & self._busy.keys()
        among = None if self._all else list(self._changed - self._again)
        self._changed.clear()
        if self._all:
            self._all, self._all_at = False, asyncio.get_running_loop().time() + _LOOK
        try:
            async with self._database, self._desk.database.transaction() as connection:
                found = await rounds.due(connection, self.clock.now(), among)
        except (OSError, SQLAlchemyError) as error:
            log.warning("looking for webhooks failed", error=type(error).__name__)
            return
        for id in found:
            if id not in self._busy:
                task = self._busy[id] = asyncio.create_task(self._serve(id), name=f"webhook {id}")
                task.add_done_callback(partial(self._over, id))

    def _over(self, id: UUID, _: asyncio.Task[None]) -> None:
        self._busy.pop(id, None)
        if id in self._again:
            self._again.discard(id)
            self._look_at([id])

    async def _serve(self, id: UUID) -> None:
        try:
            while await self._turn(id):
                pass
        except (OSError, SQLAlchemyError, LeaseLost) as error:
            log.warning("a webhook's turn was lost", subscription=str(id), error=type(error).__name__)
        except Exception as error:
            log.exception("a webhook's turn failed", subscription=str(id), error=type(error).__name__)

    async def _turn(self, id: UUID) -> bool:
        """One round; whether there is likely to be more: what comes meanwhile is another look's."""
        async with self._database, self._desk.database.transaction() as connection:
            round = await rounds.begin(connection, id, self.clock.now())
            if round and (told := told_of(round.events, round.agreement)):
                await self._write_down(connection, round, told)
        if round is None:
            return False
        try:
            await self._give(round)
        except NamesUnavailable:
            await self._in_one(lambda connection: rounds.postpone(connection, round, self.clock.now()))
            return False
        except BaseException:
            await self._in_one(lambda connection: rounds.give_back(connection, round))
            raise
        await self._in_one(lambda connection: self._settle(connection, round))
        return round.full

    async def _in_one(self, work: Any) -> None:
        async with self._database:
            await self._desk.database.retried(work)

    async def _give(self, round: Round) -> None:
        """All events of a round: those of one subject one after the other, some subjects at once."""
        started, waiting = monotonic(), round.events
        leaving = await delivered(
            waiting,
            round.agreement,
            in_force=in_force(round.agreement, round.subscription, self._desk.clock.today()),
            names=self._names,
            base=self.base,
        )
        events = {each.position: event for each, event in zip(waiting, leaving, strict=True)}
        turn = asyncio.Semaphore(_AT_ONCE)

        async def give(given: Given) -> None:
            async with turn:
                mine = [events[each.position] for each in given.events]
                await self._give_subject(round, given, mine, started + rounds.STARTING)

        async with asyncio.TaskGroup() as group:
            for given in round.subjects.values():
                group.create_task(give(given))

    async def _give_subject(self, round: Round, given: Given, events: Sequence[dict[str, Any]], until: float) -> None:
        for event in events:
            if round.halt or monotonic() > until:
                return
            result = await self._post(round.subscription.secrets, event)
            if result.meaning is not Meaning.DELIVERED:
                given.failure = result
                if result.meaning is not Meaning.FAILED:
                    round.halt = round.halt or result
                return
            given.sent += 1

    async def _post(self, kept: dict[str, str], event: dict[str, Any]) -> Outcome:
        body, now = orjson.dumps(event), self.clock.now()
        headers = {"Content-Type": _TYPE} | signatures.headers(kept, event["id"], now, body)
        try:
            answer = await self.caller.call("POST", kept["url"], headers, body)
        except (Unreachable, AddressRefused) as error:
            return Outcome(Meaning.RESTING, str(error))
        # A receiver may quote what it was sent: of who a person is nothing is kept here.
        extract = "" if "person" in event["data"] else answer.extract
        return outcome(answer.status, answer.headers.get("retry-after"), extract, now)

    async def _write_down(self, connection: AsyncConnection, round: Round, told: set[UUID]) -> None:
        principal = principal_of(round.agreement.agency.id, round.agreement.agency.name)
        await self._desk.trail.append(connection, Deed(principal, _ACTION, None, {None: told}))

    async def _settle(self, connection: AsyncConnection, round: Round) -> None:
        if round.halt and round.halt.meaning is Meaning.GONE:
            await self._end(connection, round)
        await rounds.settle(connection, round, self.clock.now())

    async def _end(self, connection: AsyncConnection, round: Round) -> None:
        unit: Any = self._desk.unit(connection, "webhook")
        await unit.load(subscriptions=[round.subscription.id])
        subscription = unit.subscriptions.get(round.subscription.id)
        subscription.end(unit.clock.today())
        unit.agreed_anew = True
        await unit.flush()
