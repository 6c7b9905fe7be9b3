"""Publishes what was kept for subscriptions to their queues, only so much at once."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta
from time import monotonic
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from services.partners.amqp import rounds
from services.partners.amqp.broker import Broker, NotTaken
from services.partners.amqp.naming import Naming
from services.partners.amqp.room import Room
from services.partners.amqp.rounds import Round
from services.partners.arrivals import Arrivals
from services.partners.delivering import CONTENT_TYPE, Waiting, delivered, in_force, told_of
from services.partners.leases import STARTING
from services.partners.names import Names, NamesUnavailable
from services.partners.turns import Turns
from shared.web.commands import Desk

#: By subscription: what its queue held, and when that was known.
Held = Callable[[UUID], tuple[int, float] | None]


class AmqpSender(Turns):
    """Runs as long as its service."""

    def __init__(
        self, desk: Desk, arrivals: Arrivals, names: Names, broker: Broker, naming: Naming, base: str, held: Held
    ) -> None:
        super().__init__("amqp", desk, arrivals)
        self._names, self._broker, self._naming, self._base, self._held = names, broker, naming, base, held
        self._room = Room()

    async def due(self, connection: AsyncConnection, among: list[UUID] | None) -> list[UUID]:
        await self._broker.tidy()
        return await rounds.LEASES.find(connection, self.clock.now(), among)

    async def close(self) -> None:
        await self._broker.close()

    async def turn(self, id: UUID) -> bool:
        async with self.database, self.desk.database.transaction() as connection:
            round = await rounds.begin(connection, id, self.clock.now())
        if round is None:
            return False
        try:
            return await self._publish(round)
        except NamesUnavailable:
            await self.give_back(rounds.LEASES, id, round.id, self.clock.now() + timedelta(seconds=5))
            return False
        except BaseException:
            await self.give_back(rounds.LEASES, id, round.id)
            raise

    async def _publish(self, round: Round) -> bool:
        """What there is room for; whether all of that was taken."""
        id, started, cause = round.subscription.id, monotonic(), None
        upto = round.reached
        try:
            waiting = await self._broker.waiting(*self._queue(round))
            left = self._room.left(id, waiting, self._held(id), monotonic())
            if not left:
                later = self.clock.now() + timedelta(seconds=self._room.pause(id))
                await self.give_back(rounds.LEASES, id, round.id, later)
                return False
            upto, cause = await self._give(round, left, started + STARTING)
        except NotTaken as error:
            cause = str(error)
        if cause:
            await self._broker.drop(self._queue(round)[0])
        await self.in_one(lambda connection: rounds.settle(connection, round, upto, cause, self.clock.now()))
        return cause is None

    async def _give(self, round: Round, most: int, until: float) -> tuple[int, str | None]:
        """Up to where everything was taken, and why not more."""
        waiting = await self._next(round, most)
        leaving = await delivered(
            waiting,
            round.agreement,
            in_force=in_force(round.agreement, round.subscription, self.desk.clock.today()),
            names=self._names,
            base=self._base,
        )
        subjects: dict[UUID, list[tuple[int, dict[str, Any]]]] = {}
        for each, event in zip(waiting, leaving, strict=True):
            subjects.setdefault(each.subject, []).append((each.position, event))
        self._room.gave(round.subscription.id, len(waiting), monotonic())
        told = await asyncio.gather(*(self._give_subject(round, each, until) for each in subjects.values()))
        missing = [position for position, _ in told if position is not None]
        taken = [each.position for each in waiting if not missing or each.position < min(missing)]
        upto = taken[-1] if taken else round.reached
        return upto, next((cause for _, cause in told if cause), None)

    async def _next(self, round: Round, most: int) -> list[Waiting]:
        async with self.database, self.desk.database.transaction() as connection:
            waiting = await rounds.next_of(connection, round, most)
            await self.write_down(connection, [(round.agreement, told_of(waiting, round.agreement))])
        return waiting

    async def _give_subject(
        self, round: Round, events: Sequence[tuple[int, dict[str, Any]]], until: float
    ) -> tuple[int | None, str | None]:
        """The first position that was not taken, and why. One after the other: one that is refused comes again before
        the next of its subject does.
        """
        for position, event in events:
            if round.stopped or monotonic() > until:
                return position, None
            try:
                await self._broker.publish(*self._queue(round), event["id"], CONTENT_TYPE, orjson.dumps(event))
            except NotTaken as error:
                return position, str(error)
        return None, None

    def _queue(self, round: Round) -> tuple[str, str]:
        """Virtual host and name."""
        subscription = round.subscription
        return self._naming.agency(subscription.agency_id), self._naming.queue(subscription.id)
