"""Which events a receiver is given next, and what is kept of how that went. All of it is in the database: another
process goes on where this one was.

Up to ``looked`` everything was given to the receiver, but for the subjects that are stuck: of these, everything from
their first event on that it hasn't got. During a pause a subject may be stuck beyond ``looked``: it has got what is
between.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.partners import handed
from services.partners.delivering import OWED, Waiting, Wanted, count_as_told, kept_after, kept_of
from services.partners.domain.agreement import Agreement
from services.partners.domain.subscription import State, Subscription
from services.partners.kept import TOMBSTONE
from services.partners.leases import LeaseLost, Leases
from services.partners.registry import Registry, registry_of
from services.partners.suspensions import UNSUSPENDED
from services.partners.webhooks.schedule import TRIED_FOR, Meaning, Outcome, pause
from shared.persistence.database import rows, run, scalar

#: Events in one round: a receiver that was away begins again with one, and gets twice as many after each good round.
MOST = 32

#: Subscriptions that are to be called, and for which there is something: during a pause, what must be destroyed.
LEASES = Leases(
    "webhook",
    f"""confirmed_at IS NOT NULL AND gone_at IS NULL
    AND EXISTS (SELECT FROM subscription WHERE id = subscription_id AND {UNSUSPENDED})
    AND (EXISTS (SELECT FROM subscription WHERE id = subscription_id AND state_name IN ('active', 'ended'))
         AND (looked < (SELECT position FROM subscription_head AS head
                        WHERE head.subscription_id = webhook.subscription_id)
              OR EXISTS (SELECT FROM webhook_stuck AS stuck WHERE stuck.subscription_id = webhook.subscription_id
                         AND NOT held AND stuck.next_at <= :now))
         OR EXISTS (SELECT FROM subscription WHERE id = subscription_id AND state_name = 'paused')
         AND EXISTS (SELECT FROM delivery LEFT JOIN webhook_stuck AS stuck USING (subscription_id, subject)
                     WHERE subscription_id = webhook.subscription_id AND due_on IS NOT NULL AND acknowledged_at IS NULL
                         AND CASE WHEN stuck.position IS NULL THEN delivery.position > looked
                                  ELSE NOT held AND stuck.next_at <= :now END))""",
)


@dataclass(frozen=True, slots=True)
class Stuck:
    """How often a subject's first event was tried."""

    attempts: int
    since: datetime | None


@dataclass
class Given:
    """What became of one subject's events in a round."""

    events: list[Waiting]
    sent: int = 0
    failure: Outcome | None = None

    @property
    def told(self) -> list[Waiting]:
        """What the receiver may have, whatever it has answered."""
        return self.events[: self.sent + bool(self.failure and self.failure.sent)]


@dataclass
class Round:
    """One process's turn with one receiver."""

    id: UUID
    subscription: Subscription
    agreement: Agreement
    looked: int
    upto: int
    pace: int
    failures: int
    rate: int | None
    stuck: Mapping[UUID, Stuck]
    registry: Registry
    #: Up to there everything was handed out before, but for what is untold; of the rest these count as told for now.
    handed: int = 0
    early: Sequence[int] = ()
    subjects: dict[UUID, Given] = field(default_factory=dict)
    #: Why nothing more is given in this round.
    halt: Outcome | None = None
    #: Seconds, as ``monotonic`` counts them, until which an attempt may start.
    until: float = 0.0

    @property
    def paused(self) -> bool:
        """Whether only what must be destroyed is given, with what was kept of it before."""
        return self.subscription.state is State.PAUSED

    @property
    def stopped(self) -> bool:
        """Whether nothing more may leave, although it was begun: the agency was suspended meanwhile."""
        return self.subscription.agency_id in self.registry.suspended

    @property
    def full(self) -> bool:
        """Whether it holds as much as it may."""
        return len(self.events) >= _most(self)

    @property
    def events(self) -> list[Waiting]:
        """All that is to be given."""
        return [each for given in self.subjects.values() for each in given.events]

    @property
    def sent(self) -> list[Waiting]:
        """What was taken of it."""
        return [each for given in self.subjects.values() for each in given.events[: given.sent]]

    def add(self, waiting: Iterable[Waiting]) -> None:
        """Have these given too, after the others of their subjects."""
        for each in waiting:
            self.subjects.setdefault(each.subject, Given([])).events.append(each)


async def begin(connection: AsyncConnection, ids: Sequence[UUID], now: datetime) -> list[Round | None]:
    """Take these subscriptions' turns; None of which another process has it, or nothing is due."""
    taken = await LEASES.take(connection, ids, now, ("looked", "pace", "failures", "rate"))
    registry = registry_of(connection)
    await registry.refresh(connection)
    begun = {id: _round(registry, id, *each) for id, each in taken.items()}
    if begun:
        await _fill(connection, begun, now)
    return [begun.get(id) for id in ids]


def _round(registry: Registry, id: UUID, lease: UUID, row: Any) -> Round:
    standing = registry.every[id]
    stands = (standing.subscription, standing.agreement)
    return Round(lease, *stands, row.looked, row.looked, row.pace, row.failures, row.rate, {}, registry)


async def _fill(connection: AsyncConnection, begun: Mapping[UUID, Round], now: datetime) -> None:
    # Before anything is read.
    upto = await handed.lock(connection, begun)
    stuck: dict[UUID, dict[UUID, Stuck]] = {id: {} for id in begun}
    for row in await rows(connection, "SELECT * FROM webhook_stuck WHERE subscription_id = ANY(:ids)", ids=list(begun)):
        stuck[row.subscription_id][row.subject] = Stuck(row.attempts, row.since)
    for id, round in begun.items():
        round.handed, round.stuck = upto[id], stuck[id]
        if round.stuck or round.paused:
            which, most = _BURIED if round.paused else _AGAIN, _most(round)
            round.add(await kept_of(connection, which, id=id, now=now, looked=round.looked, most=most))
    wanted = [
        Wanted(id, round.looked, _most(round) - len(round.events))
        for id, round in begun.items()
        if not round.paused and not round.full
    ]
    for each, new in zip(wanted, await kept_after(connection, wanted), strict=True):
        round = begun[each.subscription]
        round.upto = new[-1].position if new else round.looked
        round.add([waiting for waiting in new if waiting.subject not in round.stuck])
    await _hand_out(connection, begun)


async def _hand_out(connection: AsyncConnection, begun: Mapping[UUID, Round]) -> None:
    """All of it counts as told until it is known what was sent."""
    for id, round in begun.items():
        upto = max(round.handed, round.upto)
        if late := [each.position for each in round.events if not each.counts_by(upto)]:
            round.early = await handed.early(connection, id, late, upto)
    await count_as_told(connection, {id: round.upto for id, round in begun.items() if round.upto > round.handed})


_AGAIN = """
    FROM webhook_stuck AS stuck JOIN delivery USING (subscription_id, subject)
    WHERE subscription_id = :id AND NOT held AND next_at <= :now
        AND delivery.position BETWEEN stuck.position AND :looked
    ORDER BY delivery.position LIMIT :most"""
_BURIED = f"""
    FROM delivery JOIN {OWED} AS owed USING (subject) LEFT JOIN webhook_stuck AS stuck USING (subscription_id, subject)
    WHERE subscription_id = :id AND delivery.position <= upto
        AND CASE WHEN stuck.position IS NULL THEN delivery.position > :looked
                 ELSE NOT held AND next_at <= :now AND delivery.position >= stuck.position END
    ORDER BY delivery.position LIMIT :most"""


def _most(round: Round) -> int:
    """A receiver that allows so many a minute gets a second's worth at once."""
    return min(round.pace, max(1, round.rate // 60)) if round.rate else round.pace


async def settle(connection: AsyncConnection, over: Sequence[Round], now: datetime) -> list[LeaseLost | None]:
    """Keep how these went; LeaseLost of those that another process has taken over."""
    settled = await rows(connection, _SETTLE, now=now, **_columns([_paced(round, now) for round in over]))
    mine = {row.subscription_id for row in settled}
    kept = {id: round for round in over if (id := round.subscription.id) in mine}
    # Before any of their events.
    await handed.lock(connection, kept)
    for round in kept.values():
        for subject, given in round.subjects.items():
            # Of whom nothing was stuck, everything up to ``upto`` was in this round.
            if subject in round.stuck or given.sent < len(given.events) or round.paused:
                await _settle_subject(connection, round, subject, given, now)
        await _acknowledge(connection, round)
    taken = {"uptos": [round.upto for round in kept.values()], "late": [_late(round) for round in kept.values()]}
    await run(connection, _TAKEN, ids=list(kept), **taken)
    for id, round in kept.items():
        told = [each.position for given in round.subjects.values() for each in given.told]
        if round.stuck or len(told) < len(round.events):
            counted = {"handed": round.handed, "upto": round.upto, "early": round.early}
            await handed.not_after_all(connection, id, told=told, **counted)
    return [None if round.subscription.id in mine else LeaseLost() for round in over]


def _columns(paced: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    return {name: [each[name] for each in paced] for name in paced[0]}


async def _acknowledge(connection: AsyncConnection, round: Round) -> None:
    """A receiver that has taken a tombstone says so by that."""
    if buried := [each.position for each in round.sent if each.envelope["type"] == TOMBSTONE]:
        await run(connection, _ACKNOWLEDGE, id=round.subscription.id, sent=buried)


def _late(round: Round) -> int | None:
    """The first that was taken of what was stuck."""
    return min((each.position for each in round.sent if each.subject in round.stuck), default=None)


_ACKNOWLEDGE = """
    UPDATE delivery SET acknowledged_at = now() WHERE subscription_id = :id AND position = ANY(:sent)
        AND due_on IS NOT NULL AND acknowledged_at IS NULL"""
#: What was passed over when it was old, for it was stuck, is looked at once more.
_TAKEN = """
    UPDATE subscription_head AS head SET acknowledged = greatest(acknowledged, least(upto,
        (SELECT min(position) - 1 FROM webhook_stuck WHERE webhook_stuck.subscription_id = head.subscription_id))),
        expired = least(expired, late - 1)
    FROM unnest(CAST(:ids AS uuid[]), CAST(:uptos AS bigint[]), CAST(:late AS bigint[])) AS taken (id, upto, late)
    WHERE subscription_id = taken.id"""
_SETTLE = """
    UPDATE webhook SET looked = upto, pace = new.pace, failures = new.failures, next_at = new.next_at,
        cause = new.cause, last_success_at = CASE WHEN success THEN :now ELSE last_success_at END,
        gone_at = CASE WHEN gone THEN :now ELSE gone_at END, leased_by = NULL, leased_until = NULL
    FROM unnest(CAST(:id AS uuid[]), CAST(:lease AS uuid[]), CAST(:upto AS bigint[]), CAST(:pace AS int[]),
        CAST(:failures AS int[]), CAST(:next_at AS timestamptz[]), CAST(:cause AS text[]),
        CAST(:success AS boolean[]), CAST(:gone AS boolean[]))
        AS new (id, lease, upto, pace, failures, next_at, cause, success, gone)
    WHERE subscription_id = new.id AND leased_by = new.lease RETURNING subscription_id"""


def _paced(round: Round, now: datetime) -> dict[str, Any]:
    sent = sum(given.sent for given in round.subjects.values())
    resting = round.halt is not None
    failures = round.failures + 1 if resting else 0
    wait = pause(failures, round.halt.wait) if round.halt else timedelta()
    if round.rate:
        wait = max(wait, timedelta(minutes=1) * len(round.events) / round.rate)
    return {
        "upto": round.upto,
        "pace": 1 if resting else min(MOST, 2 * round.pace),
        "failures": failures,
        "next_at": now + wait if wait else None,
        "cause": round.halt.cause if round.halt else None,
        "success": sent > 0,
        "gone": round.halt is not None and round.halt.meaning is Meaning.GONE,
        "id": round.subscription.id,
        "lease": round.id,
    }


async def _settle_subject(
    connection: AsyncConnection, round: Round, subject: UUID, given: Given, now: datetime
) -> None:
    """The subject is stuck at its first event that was not taken, if there is one among those that were looked at."""
    last = given.events[given.sent - 1].position if given.sent else given.events[0].position - 1
    key = {"id": round.subscription.id, "subject": subject}
    first = await scalar(
        connection,
        """SELECT min(position) FROM delivery
           WHERE subscription_id = :id AND subject = :subject AND position > :last AND position <= :upto""",
        **key,
        last=last,
        upto=await _bound(connection, round, subject),
    )
    if first is None:
        await run(connection, "DELETE FROM webhook_stuck WHERE subscription_id = :id AND subject = :subject", **key)
        return
    await run(connection, _STICK, **key, position=first, **_tried(round, subject, given, now))


async def _bound(connection: AsyncConnection, round: Round, subject: UUID) -> int:
    """Up to where the subject's events are given in this round or when it comes again."""
    if not round.paused:
        return round.upto
    owed = f"SELECT upto FROM {OWED} AS owed WHERE subject = :subject"
    return max(round.upto, await scalar(connection, owed, id=round.subscription.id, subject=subject) or 0)


_STICK = """
    INSERT INTO webhook_stuck (subscription_id, subject, position, attempts, since, next_at, cause, held)
    VALUES (:id, :subject, :position, :attempts, :since, :next_at, :cause, :held)
    ON CONFLICT (subscription_id, subject) DO UPDATE SET position = excluded.position, attempts = excluded.attempts,
        since = excluded.since, next_at = excluded.next_at, cause = excluded.cause, held = excluded.held"""


def _tried(round: Round, subject: UUID, given: Given, now: datetime) -> dict[str, Any]:
    before = round.stuck.get(subject) if not given.sent else None
    before = before or Stuck(0, None)
    if given.failure is None:
        # There was no time left for it, or the receiver is away.
        return {"attempts": before.attempts, "since": before.since, "next_at": now, "cause": None, "held": False}
    attempts, since = before.attempts + 1, before.since or now
    return {
        "attempts": attempts,
        "since": since,
        "next_at": now + pause(attempts, given.failure.wait),
        "cause": given.failure.cause,
        "held": now - since >= TRIED_FOR,
    }
