"""Keeps the broker as subscriptions want it, one replica at a time, and notes what was taken, as many as there are."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from time import monotonic
from uuid import UUID

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from services.partners.amqp import provision
from services.partners.amqp.broker import Broker, NotTaken
from services.partners.amqp.management import Management, ManagementFailed
from services.partners.amqp.naming import Naming
from services.partners.amqp.provision import Present, Provision
from services.partners.amqp.rounds import LEASES
from services.partners.amqp.taken import Mark, Taken
from services.partners.amqp.wanted import Queue, Wanted, emptied, give_again, hold, wanted
from shared.clock import Clock
from shared.persistence.database import Database, run, scalar

log = structlog.get_logger()

#: Seconds between looks; the broker's figures are told as often.
EVERY = 5.0
#: The same while somebody publishes to a queue that is to be made anew.
_SOON = 0.2
#: Questions about single queues at once.
_AT_ONCE = 8

#: The key of the advisory lock of the process that makes what there is to be: another would undo what it doesn't know
#: to be made. Who vanishes with it has lost it after a minute, and nobody takes longer.
_KEEPING, _PASS = 0x686F6D6562726F6B, 50.0
#: Seconds until the next look of one that another process was before.
_AFTER_ANOTHER = 1.0
#: During a pause a subject is published when it is its last tombstone's turn: before that nothing of it was.
_ACKNOWLEDGE = """
    WITH certain AS (
        SELECT FROM amqp WHERE subscription_id = :id AND generation = :generation FOR UPDATE),
    acknowledged AS (
        UPDATE delivery SET acknowledged_at = now()
        WHERE subscription_id = :id AND due_on IS NOT NULL AND acknowledged_at IS NULL
            AND (position <= CAST(:taken AS bigint) OR position <= CAST(:buried AS bigint) AND NOT EXISTS (
                SELECT FROM delivery AS later WHERE later.subscription_id = :id AND later.subject = delivery.subject
                    AND later.due_on IS NOT NULL AND later.acknowledged_at IS NULL AND later.position > :buried))
            AND EXISTS (SELECT FROM certain)),
    replayed AS (
        UPDATE amqp SET again_from = NULL WHERE subscription_id = :id AND again_from IS NOT NULL
            AND EXISTS (SELECT FROM certain))
    UPDATE subscription_head SET acknowledged = greatest(acknowledged, :taken)
    WHERE subscription_id = :id AND EXISTS (SELECT FROM certain)"""


class Reconciler:
    """Runs as long as its service."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        management: str,
        broker: Broker,
        naming: Naming,
        made: Callable[[], None],
    ) -> None:
        self._database, self._url, self._broker, self._naming = database, management, broker, naming
        self._clock, self._made = clock, made
        self._woken = asyncio.Event()
        self._taken = Taken()
        self._failing: str | None = None
        #: Of the queues that may hold something.
        self._held: dict[UUID, tuple[int, float]] = {}
        self._unfinished, self._alone_at_it = False, True
        self.every = EVERY

    def held_by(self, subscription: UUID) -> tuple[int, float] | None:
        """What the queue held when it was looked at, and when that was."""
        return self._held.get(subscription)

    def wake(self) -> None:
        """Look now."""
        self._woken.set()

    async def run(self) -> None:
        """Look until cancelled."""
        async with Management(self._url) as api:
            while True:
                self._woken.clear()
                await self._try(api)
                try:
                    async with asyncio.timeout(self._pause):
                        await self._woken.wait()
                except TimeoutError:
                    continue

    @property
    def _pause(self) -> float:
        if self._unfinished:
            return _SOON
        # The other may not have seen what this one was woken for.
        return self.every if self._alone_at_it else min(self.every, _AFTER_ANOTHER)

    async def _try(self, api: Management) -> None:
        """Told once, however long it lasts."""
        failing, self._unfinished = None, False
        try:
            await self._pass(api)
        except ManagementFailed as error:
            failing = str(error)
        except (OSError, SQLAlchemyError) as error:
            failing = type(error).__name__
        except Exception as error:
            log.exception("keeping the agencies' broker failed", error=type(error).__name__)
        if failing and not self._failing:
            log.warning("the agencies' broker can't be kept", error=failing)
        if self._failing and not failing:
            log.info("the agencies' broker is kept again")
        self._failing = failing

    async def _pass(self, api: Management) -> None:
        async with asyncio.timeout(_PASS):
            agencies, failures = await self._keep(api)
        await self._look_at_queues(api, agencies.values())
        if failures:
            raise failures[0]

    async def _keep(self, api: Management) -> tuple[Mapping[UUID, Wanted], list[ManagementFailed]]:
        """What is wanted, and what of it could not be made."""
        async with self._database.transaction() as connection:
            self._alone_at_it = bool(await scalar(connection, "SELECT pg_try_advisory_xact_lock(:key)", key=_KEEPING))
            if not self._alone_at_it:
                return await wanted(connection, self._clock.today()), []
            present = await provision.look(api, self._naming)
            agencies = await wanted(connection, self._clock.today())
            return agencies, await self._provide(api, present, agencies)

    async def _provide(
        self, api: Management, present: Present, agencies: Mapping[UUID, Wanted]
    ) -> list[ManagementFailed]:
        one = Provision(api, self._naming, self._broker.user, present, self._alone)
        failures: list[ManagementFailed] = []
        for each in agencies.values():
            try:
                await one.give(each)
            except ManagementFailed as error:
                # Another agency's is tried all the same.
                failures.append(error)
        await one.take(agencies)
        self._unfinished = one.unfinished
        over = [(agency, queue) for agency in agencies.values() for queue in agency.queues.values() if queue.over]
        for agency, queue in over:
            await self._take_out(api, agency, queue)
        if one.made or over:
            self._made()
        return failures

    async def _take_out(self, api: Management, agency: Wanted, queue: Queue) -> None:
        """The agreement has ended: what lies in the queue with names in it comes again without them."""
        vhost, name = self._naming.agency(agency.agency), self._naming.queue(queue.subscription)
        async with self._alone(queue.subscription) as alone:
            if alone:
                await api.remove("queues", vhost, name, "contents")
                await self._database.retried(lambda connection: emptied(connection, queue.subscription))
            self._unfinished |= not alone

    @asynccontextmanager
    async def _alone(self, subscription: UUID) -> AsyncIterator[bool]:
        lease = await self._database.retried(lambda connection: hold(connection, subscription))
        if lease is None:
            yield False
            return
        try:
            yield True
        finally:
            await self._database.retried(lambda connection: LEASES.give_back(connection, subscription, lease))

    async def _look_at_queues(self, api: Management, agencies: Iterable[Wanted]) -> None:
        turn = asyncio.Semaphore(_AT_ONCE)

        async def look_at(agency: Wanted, queue: Queue) -> None:
            async with turn:
                figure = await api.figure(self._naming.agency(agency.agency), self._naming.queue(queue.subscription))
            if figure is not None and figure.messages is not None:
                self._held[queue.subscription] = (figure.messages, monotonic())
            if (taken := self._taken.seen(queue, figure)) is not None:
                await self._empty(api, agency, queue, taken)

        undecided = [
            (agency, queue) for agency in agencies for queue in agency.queues.values() if self._taken.undecided(queue)
        ]
        among = {queue.subscription for _, queue in undecided}
        self._held = {id: held for id, held in self._held.items() if id in among}
        found = await asyncio.gather(*(look_at(*each) for each in undecided), return_exceptions=True)
        for each in found:
            if isinstance(each, BaseException):
                raise each

    async def _empty(self, api: Management, agency: Wanted, queue: Queue, taken: Mark) -> None:
        """The queue was seen empty: everything is taken, unless some of it was rejected."""
        vhost, refused = self._naming.agency(agency.agency), self._naming.refused(queue.subscription)
        try:
            # Asked of the queue itself: what was rejected before the other one was empty is in this one by now.
            rejected = await self._broker.waiting(vhost, refused)
        except NotTaken:
            return
        if not rejected:
            await self._database.retried(lambda connection: _acknowledge(connection, queue, taken))
            return
        log.warning("an agency has rejected events", subscription=str(queue.subscription), events=rejected)
        await self._database.retried(lambda connection: give_again(connection, queue.subscription))
        await api.remove("queues", vhost, refused, "contents")


async def _acknowledge(connection: AsyncConnection, queue: Queue, taken: Mark) -> None:
    """Unless the queue was made anew meanwhile: then it was empty for another reason."""
    await run(
        connection,
        _ACKNOWLEDGE,
        id=queue.subscription,
        generation=queue.generation,
        taken=taken.published,
        buried=taken.buried,
    )
