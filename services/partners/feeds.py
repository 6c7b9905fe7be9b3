"""What polls of feeds ask of the database: those that come at the same time together."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.partners import handed
from services.partners.cursors import POSITION, cursor
from services.partners.delivering import Waiting, Wanted, hand_out, owed_after, told_of
from services.partners.domain.subscription import State
from services.partners.keys import AgencySuspended, agency_of
from services.partners.registry import Standing, registry_of
from services.partners.together import Together
from shared.audit.trail import Deed, Trail
from shared.errors import HomewardError, Invalid, NotFound
from shared.persistence.database import Database, rows

#: Events in one answer, and in the answers of one turn: one feed's thousands are nobody else's wait.
MOST, _MOST_TOGETHER = 1000, 2000


class AheadOfFeed(Invalid):
    """There is no event of this number yet: ask after the answer's ``next``."""


@dataclass(frozen=True, slots=True)
class Poll:
    """What is asked, and the deed as which that is written down once it is known who was told of."""

    deed: Deed
    subscription: UUID
    after: int
    limit: int


@dataclass(frozen=True, slots=True)
class Had:
    """Up to which position the agency has everything, and the epoch of the cursors that it is told."""

    standing: Standing
    position: int
    epoch: int


@dataclass(frozen=True, slots=True)
class Page:
    """What is given, and up to where everything is had by who has it."""

    standing: Standing
    waiting: list[Waiting]
    upto: int


class Feeds:
    """``app.state.feeds``."""

    def __init__(self, database: Database, trail: Trail) -> None:
        self._database, self._trail = database, trail
        self._acknowledging: Together[Poll, Had] = Together(
            "feeds' acknowledgements", lambda polls: database.retried(partial(_acknowledge, polls=polls))
        )
        self._looking: Together[Poll, Page] = Together(
            "feeds' pages", lambda polls: database.retried(partial(self._look, polls=polls)), fitting=fitting
        )

    async def acknowledge(self, poll: Poll) -> Had:
        """Whoever asks says that it has what came before. Raises NotFound, AgencySuspended and AheadOfFeed."""
        return await self._acknowledging.ask(poll)

    async def look(self, poll: Poll, after: int) -> Page:
        """What comes after a position. Raises NotFound and AgencySuspended."""
        return await self._looking.ask(replace(poll, after=after))

    async def _look(self, connection: AsyncConnection, polls: Sequence[Poll]) -> list[Page | Exception]:
        standings = await _standings(connection, polls)
        if any(isinstance(each, Standing) and _paused(each) for each in standings):
            # Each of these would be locked by itself, after the others.
            await handed.lock(connection, [poll.subscription for poll in polls])
        going = [
            Wanted(poll.subscription, poll.after, poll.limit)
            for poll, standing in zip(polls, standings, strict=True)
            if isinstance(standing, Standing) and not _paused(standing)
        ]
        given = iter(await hand_out(connection, going))
        pages: list[Page | Exception] = []
        for poll, standing in zip(polls, standings, strict=True):
            if not isinstance(standing, Standing):
                pages.append(standing)
            elif _paused(standing):
                # All of it whatever the limit is: who gets a part would get the same part again.
                pages.append(Page(standing, *await owed_after(connection, poll.subscription, poll.after, MOST)))
            else:
                waiting = next(given)
                pages.append(Page(standing, waiting, waiting[-1].position if waiting else poll.after))
        await self._trail.append_all(connection, _deeds(polls, pages))
        return pages


def fitting(polls: Sequence[Poll]) -> Collection[int]:
    """One poll of each subscription, for so many events in all; what comes too often waits, and so does the rest."""
    left, going = _MOST_TOGETHER, dict[UUID, int]()
    for n, poll in enumerate(polls):
        if poll.subscription not in going:
            left -= poll.limit
            if left < 0:
                break
            going[poll.subscription] = n
    return going.values()


def _deeds(polls: Sequence[Poll], pages: Sequence[Page | Exception]) -> list[Deed]:
    return [
        replace(poll.deed, subjects={None: told})
        for poll, page in zip(polls, pages, strict=True)
        if isinstance(page, Page) and (told := told_of(page.waiting, page.standing.agreement))
    ]


def _paused(standing: Standing) -> bool:
    return standing.subscription.state is State.PAUSED


async def _standings(connection: AsyncConnection, polls: Sequence[Poll]) -> list[Standing | HomewardError]:
    registry = registry_of(connection)
    await registry.refresh(connection)
    return [_standing(poll, registry.every.get(poll.subscription), registry.suspended) for poll in polls]


def _standing(poll: Poll, found: Standing | None, suspended: frozenset[UUID]) -> Standing | HomewardError:
    if found is None or found.agreement.agency.id != agency_of(poll.deed.principal):
        return NotFound(f"There is no subscription {poll.subscription}.")
    # It may have been suspended since its key was looked at, or while it waited.
    return AgencySuspended() if found.agreement.agency.id in suspended else found


#: ``asked_at`` is exact to a minute: who polls all the time need not write all the time. Who has it was told it.
#: Heads are locked in one order, or two of these would wait for each other.
_ACKNOWLEDGE = f"""
    WITH asked AS (
        SELECT n, subscription_id, position, epoch, {POSITION} AS upto
        FROM unnest(CAST(:ids AS uuid[]), CAST(:afters AS bigint[])) WITH ORDINALITY AS polled (wanted, after, n)
        JOIN subscription_head ON subscription_id = wanted),
    had AS (
        SELECT subscription_id, max(upto) AS upto FROM asked WHERE upto <= position GROUP BY subscription_id),
    moved AS (
        SELECT subscription_id, upto FROM subscription_head JOIN had USING (subscription_id)
        WHERE acknowledged < upto OR asked_at IS NULL OR asked_at < now() - interval '1 minute'
        ORDER BY subscription_id FOR NO KEY UPDATE OF subscription_head),
    written AS (
        UPDATE subscription_head AS head SET asked_at = now(), acknowledged = greatest(acknowledged, upto),
            handed = greatest(handed, upto)
        FROM moved WHERE head.subscription_id = moved.subscription_id),
    acknowledged AS (
        UPDATE delivery SET acknowledged_at = now() FROM had
        WHERE delivery.subscription_id = had.subscription_id AND position <= upto
            AND due_on IS NOT NULL AND acknowledged_at IS NULL)
    SELECT n, upto, epoch, position FROM asked"""


async def _acknowledge(connection: AsyncConnection, polls: Sequence[Poll]) -> list[Had | Exception]:
    standings = await _standings(connection, polls)
    asked = [(n, poll) for n, poll in enumerate(polls) if isinstance(standings[n], Standing)]
    found = await rows(
        connection,
        _ACKNOWLEDGE,
        ids=[poll.subscription for _, poll in asked],
        afters=[poll.after for _, poll in asked],
    )
    heads = {asked[row.n - 1][0]: row for row in found}
    return [_had(standing, heads.get(n)) for n, standing in enumerate(standings)]


def _had(standing: Standing | HomewardError, head: Any) -> Had | Exception:
    if not isinstance(standing, Standing):
        return standing
    if head.upto > head.position:
        # Whoever asks after what was never there would acknowledge what it hasn't read.
        return AheadOfFeed(position=cursor(head.epoch, head.position))
    return Had(standing, head.upto, head.epoch)
