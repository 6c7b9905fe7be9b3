"""Calls receivers with what was kept for them: events of one subject one after the other, some subjects at once."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from time import monotonic
from typing import Any
from uuid import UUID

import orjson
import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from services.partners.arrivals import Arrivals
from services.partners.delivering import CONTENT_TYPE, delivered, in_force, told_of
from services.partners.leases import STARTING, LeaseLost
from services.partners.names import Names, NamesUnavailable
from services.partners.together import Together
from services.partners.turns import Turns
from services.partners.webhooks import rounds, signatures
from services.partners.webhooks.addresses import AddressRefused
from services.partners.webhooks.calls import Caller, NotConnected, Unreachable
from services.partners.webhooks.rounds import Given, Round
from services.partners.webhooks.schedule import Meaning, Outcome, outcome, pause
from shared.web.commands import Desk

log = structlog.get_logger()

#: Subjects of one receiver at once.
_AT_ONCE = 4
#: Seconds after the last start in which all attempts are over: as long as one takes, and less than the lease still is.
_LAST = 15.0


class Sender(Turns):
    """Runs as long as its service."""

    def __init__(self, desk: Desk, arrivals: Arrivals, names: Names, caller: Caller, base: str) -> None:
        super().__init__("webhook", desk, arrivals)
        self._names, self.caller, self.base = names, caller, base
        self._beginning: Together[UUID, Round | None] = Together("webhooks begin", self._begin, self._abandon)
        self._settling: Together[Round, None] = Together("webhooks settle", self._settle, surely=True)

    async def due(self, connection: AsyncConnection, among: list[UUID] | None) -> list[UUID]:
        return await rounds.LEASES.find(connection, self.clock.now(), among)

    async def close(self) -> None:
        for each in (self._beginning, self._settling):
            await each.close()
        await self.caller.close()

    async def turn(self, id: UUID) -> bool:
        round = await self._beginning.ask(id)
        if round is None:
            return False
        try:
            await self._give(round)
        except NamesUnavailable:
            # The receiver isn't to blame: it goes on shortly.
            await self.give_back(rounds.LEASES, id, round.id, self.clock.now() + pause(1))
            return False
        except BaseException:
            await self.give_back(rounds.LEASES, id, round.id)
            raise
        await self._settling.ask(round)
        return round.full

    async def _begin(self, ids: list[UUID]) -> list[Round | None]:
        """Those whose turn has come at the same time."""
        async with self.database:
            # Leases count from where the transaction begins, however long it then waits.
            until = monotonic() + STARTING
            async with self.desk.database.transaction() as connection:
                begun = await rounds.begin(connection, ids, self.clock.now())
                taken = [round for round in begun if round]
                told = [(each.agreement, told_of(each.events, each.agreement)) for each in taken]
                await self.write_down(connection, told)
        for round in taken:
            round.until = until
        return begun

    async def _abandon(self, round: Round | None) -> None:
        # What can't be given back now is free again when the lease ends.
        with suppress(OSError, SQLAlchemyError):
            if round:
                await self.give_back(rounds.LEASES, round.subscription.id, round.id)

    async def _give(self, round: Round) -> None:
        """All events of a round: those of one subject one after the other, some subjects at once."""
        waiting = round.events
        leaving = await delivered(
            waiting,
            round.agreement,
            in_force=in_force(round.agreement, round.subscription, self.desk.clock.today()),
            names=self._names,
            base=self.base,
        )
        events = {each.position: event for each, event in zip(waiting, leaving, strict=True)}
        turn = asyncio.Semaphore(_AT_ONCE)

        async def give(given: Given) -> None:
            async with turn:
                await self._give_subject(round, given, [events[each.position] for each in given.events])

        async with asyncio.TaskGroup() as group:
            for given in round.subjects.values():
                group.create_task(give(given))

    async def _give_subject(self, round: Round, given: Given, events: Sequence[dict[str, Any]]) -> None:
        for event in events:
            if round.halt or round.stopped or monotonic() > round.until:
                return
            result = await self._post(round, event)
            if result.meaning is not Meaning.DELIVERED:
                given.failure = result
                if result.meaning is not Meaning.FAILED:
                    round.halt = round.halt or result
                return
            given.sent += 1

    async def _post(self, round: Round, event: dict[str, Any]) -> Outcome:
        agency, kept = round.agreement.agency.name, round.subscription.secrets
        body, now = orjson.dumps(event), self.clock.now()
        headers = {"Content-Type": CONTENT_TYPE} | signatures.headers(kept, event["id"], now, body)
        begun = False
        try:
            # It may have to wait until there are fewer calls.
            async with asyncio.timeout(round.until - monotonic() + _LAST), self.caller.place():
                begun = True
                answer = await self.caller.call(agency, "POST", kept["url"], headers, body)
            # A receiver may quote what it was sent: of who a person is nothing is kept here.
            extract = "" if "person" in event["data"] else answer.extract
            return outcome(answer.status, answer.headers.get("retry-after"), extract, now)
        except (Unreachable, AddressRefused) as error:
            return Outcome(Meaning.RESTING, str(error), sent=not isinstance(error, (NotConnected, AddressRefused)))
        except TimeoutError:
            return Outcome(Meaning.RESTING, "no answer while it was its turn", sent=begun)
        except Exception as error:
            # It is called again as late as after any failure, and no other receiver's events wait for this one.
            log.exception("an attempt ended as nobody thought of", agency=agency, error=type(error).__name__)
            return Outcome(Meaning.FAILED, "an answer that we do not understand")

    async def _settle(self, over: list[Round]) -> Sequence[LeaseLost | None]:
        async with self.database:
            return await self.desk.database.retried(partial(self._keep, over=over))

    async def _keep(self, connection: AsyncConnection, over: list[Round]) -> Sequence[LeaseLost | None]:
        gone = [round.subscription.id for round in over if round.halt and round.halt.meaning is Meaning.GONE]
        if not gone:
            return await rounds.settle(connection, over, self.clock.now())
        unit: Any = self.desk.unit(connection, "webhook")
        # Before positions, as commands lock them; what was agreed upon is changed after these.
        await unit.load(subscriptions=gone)
        settled = await rounds.settle(connection, over, self.clock.now())
        for round, lost in zip(over, settled, strict=True):
            if lost is None and round.subscription.id in gone:
                unit.subscriptions.get(round.subscription.id).end(unit.clock.today())
                unit.agreed_anew = True
        await unit.flush()
        return settled
