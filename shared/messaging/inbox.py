"""The inbox: one position per (source, subject), and what can't be handled yet parked behind it."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts.envelope import GENESIS, Event
from shared.contracts.restoration import GOING_ON, Restored
from shared.messaging.codec import decode, encode
from shared.persistence.database import rows, run

Key = tuple[str, str]


class State(StrEnum):
    """Why an event is parked."""

    #: It is ahead of a gap, or behind an event that is parked for another reason.
    WAITING = "waiting"
    #: Its handler failed; it is tried again when due.
    RETRY = "retry"
    #: Its handler waits for another source's event.
    NOT_YET = "not_yet"
    #: This build does not know its type.
    UNKNOWN = "unknown"
    #: It was delivered to a consumer that did not finish.
    ATTEMPTING = "attempting"
    #: A dead letter: a person decides.
    DEAD = "dead"
    #: A person has decided that it is not handled.
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Parked:
    """A parked event."""

    event: Event
    state: State
    attempts: int = 0
    #: Its time to be tried again has come.
    due: bool = False


@dataclass(slots=True)
class Subject:
    """A locked position, and what is parked above it."""

    sequence: int
    hash: bytes
    diverged: str | None
    parked: dict[int, Parked] = field(default_factory=dict)


@dataclass(slots=True)
class Plan:
    """What a batch does to the inbox."""

    runnable: list[Event] = field(default_factory=list)
    park: list[Parked] = field(default_factory=list)
    positions: dict[Key, Subject] = field(default_factory=dict)
    advanced: dict[Key, int] = field(default_factory=dict)
    duplicates: int = 0


def key_of(event: Event) -> Key:
    """Whose position an event is compared with."""
    return event.source, event.subject


def plan(
    subjects: dict[Key, Subject],
    events: Sequence[Event],
    known: Callable[[str], bool],
    *,
    wake: bool = True,
    held: Collection[tuple[Key, int]] = (),
) -> Plan:
    """Decide for each subject what is a duplicate, what is next, and what must be parked. Pure.

    ``wake`` false handles nothing but ``events`` themselves, so that a failure has one cause; ``held`` are those
    which have just failed and are not due again, whatever the clock says.
    """
    subjects_held = dict(held)
    result = Plan(positions=subjects)
    incoming: dict[Key, dict[int, Event]] = {key: {} for key in subjects}
    for event in events:
        result.duplicates += event.sequence in incoming[key_of(event)]
        incoming[key_of(event)].setdefault(event.sequence, event)
    for key, subject in subjects.items():
        _plan_subject(result, key, subject, incoming[key], known, wake, subjects_held.get(key))
    return result


def _plan_subject(
    result: Plan,
    key: Key,
    subject: Subject,
    incoming: dict[int, Event],
    known: Callable[[str], bool],
    wake: bool,
    held: int | None,
) -> None:
    _go_on(subject, incoming)
    _drop_duplicates(result, subject, incoming)
    while subject.diverged is None and subject.sequence + 1 != held:
        row = subject.parked.get(subject.sequence + 1)
        woken = row.event if row and (wake or row.state is State.SKIPPED) else None
        event = incoming.get(subject.sequence + 1) or woken
        if event and event.type in GOING_ON:
            row = None
        if event is None or (row and not may_run(row, known)):
            break
        if event.prevhash != subject.hash and event.type not in GOING_ON:
            subject.diverged = f"event {event.sequence} does not follow on what was handled before it"
            break
        if not known(event.type) and not (row and row.state is State.SKIPPED):
            result.park.append(Parked(event, State.UNKNOWN))
            subject.parked[event.sequence] = result.park[-1]
            break
        if row is None or row.state is not State.SKIPPED:
            result.runnable.append(event)
        subject.sequence, subject.hash = event.sequence, event.hash
        result.advanced[key] = result.advanced.get(key, 0) + 1
    # Of a diverged subject nothing is dropped as a duplicate.
    ahead = [event for sequence, event in incoming.items() if subject.diverged or sequence > subject.sequence]
    new = [event for event in ahead if _is_new(event, subject.parked.get(event.sequence))]
    result.park += [Parked(event, State.WAITING) for event in new]


def _is_new(event: Event, row: Parked | None) -> bool:
    """Not parked yet; or it was about to be tried, and now has to wait like others; or it takes that one's place."""
    return row is None or row.state is State.ATTEMPTING or event.type in GOING_ON


def _go_on(subject: Subject, incoming: dict[int, Event]) -> None:
    """Its producer was restored and has said so: there is one log again."""
    if subject.diverged is not None and any(
        event.type in GOING_ON and (event.sequence > subject.sequence or _in_place_of_ours(subject, event))
        for event in incoming.values()
    ):
        subject.diverged = None


def _in_place_of_ours(subject: Subject, event: Event) -> bool:
    """The log goes on at our own number: what we have there we had not handled yet when we said how far we were."""
    return event.type == Restored.type and event.sequence == subject.sequence and event.hash != subject.hash


def _drop_duplicates(result: Plan, subject: Subject, incoming: dict[int, Event]) -> None:
    if subject.diverged is not None:
        return
    for sequence in sorted(each for each in incoming if each <= subject.sequence):
        if _in_place_of_ours(subject, incoming[sequence]):
            subject.sequence -= 1
            return
        event = incoming.pop(sequence)
        result.duplicates += 1
        if sequence == subject.sequence and event.hash != subject.hash and event.type not in GOING_ON:
            subject.diverged = f"event {sequence} is not the one that was handled"
            incoming[sequence] = event


def may_run(row: Parked, known: Callable[[str], bool]) -> bool:
    """Whether a parked event may be tried now, when it is next."""
    match row.state:
        case State.DEAD:
            return False
        case State.UNKNOWN:
            return known(row.event.type)
        case State.RETRY | State.NOT_YET:
            return row.due
        case _:
            return True


async def lock(connection: AsyncConnection, keys: Iterable[Key]) -> dict[Key, Subject]:
    """Lock the positions in sorted order; then, in a later statement, read what is parked for them.

    An earlier read would miss what another replica has parked while we waited for the lock: a lost wake-up.
    """
    wanted = sorted(set(keys))
    subjects = await _lock(connection, wanted)
    if len(subjects) < len(wanted):
        subjects |= await _create(connection, [key for key in wanted if key not in subjects])
    for source, subject, sequence, event, state, attempts, due in await rows(connection, _PARKED, **_columns(wanted)):
        position = subjects[source, subject]
        if sequence > position.sequence:
            position.parked[sequence] = Parked(decode(event), State(state), attempts, due)
    return subjects


async def _lock(connection: AsyncConnection, keys: Sequence[Key]) -> dict[Key, Subject]:
    return {(row[0], row[1]): Subject(*row[2:]) for row in await rows(connection, _LOCKED, **_columns(keys))}


async def _create(connection: AsyncConnection, keys: Sequence[Key]) -> dict[Key, Subject]:
    """Make positions in sorted order, and lock them: another replica may have made some of them first."""
    await run(
        connection,
        """INSERT INTO inbox_position (source, subject, sequence, hash)
           SELECT source, subject, 0, CAST(:genesis AS bytea)
           FROM unnest(CAST(:sources AS text[]), CAST(:subjects AS text[])) AS new (source, subject)
           ORDER BY source, subject ON CONFLICT (source, subject) DO NOTHING""",
        genesis=GENESIS,
        **_columns(keys),
    )
    return await _lock(connection, keys)


def _columns(keys: Sequence[Key]) -> dict[str, list[str]]:
    return {"sources": [source for source, _ in keys], "subjects": [subject for _, subject in keys]}


_LOCKED = """
    SELECT source, subject, sequence, hash, diverged FROM inbox_position
    WHERE (source, subject) IN (SELECT * FROM unnest(CAST(:sources AS text[]), CAST(:subjects AS text[])))
    ORDER BY source, subject FOR UPDATE"""
_PARKED = """
    SELECT source, subject, sequence, event, state, attempts, coalesce(due_at <= clock_timestamp(), false) AS due
    FROM inbox_parked
    WHERE (source, subject) IN (SELECT * FROM unnest(CAST(:sources AS text[]), CAST(:subjects AS text[])))"""


async def save(connection: AsyncConnection, result: Plan) -> None:
    """Advance the positions, park what must wait, and forget what was parked and is now handled."""
    changed = [key for key, subject in result.positions.items() if key in result.advanced or subject.diverged]
    if changed:
        await _advance(connection, result, sorted(changed))
    if result.park:
        await park(connection, result.park)


async def _advance(connection: AsyncConnection, result: Plan, keys: list[Key]) -> None:
    subjects = [result.positions[key] for key in keys]
    arrays: dict[str, Any] = {
        "sources": [source for source, _ in keys],
        "subjects": [subject for _, subject in keys],
        "sequences": [each.sequence for each in subjects],
    }
    await run(
        connection,
        """UPDATE inbox_position AS old SET sequence = new.sequence, hash = new.hash, diverged = new.diverged,
               handled = old.handled + new.handled
           FROM unnest(CAST(:sources AS text[]), CAST(:subjects AS text[]), CAST(:sequences AS bigint[]),
               CAST(:hashes AS bytea[]), CAST(:diverged AS text[]), CAST(:handled AS bigint[]))
               AS new (source, subject, sequence, hash, diverged, handled)
           WHERE old.source = new.source AND old.subject = new.subject""",
        hashes=[each.hash for each in subjects],
        diverged=[each.diverged for each in subjects],
        handled=[result.advanced.get(key, 0) for key in keys],
        **arrays,
    )
    if any(result.positions[key].parked for key in keys):
        await run(
            connection,
            """DELETE FROM inbox_parked AS parked
               USING unnest(CAST(:sources AS text[]), CAST(:subjects AS text[]), CAST(:sequences AS bigint[]))
                   AS done (source, subject, sequence)
               WHERE parked.source = done.source AND parked.subject = done.subject
                 AND parked.sequence <= done.sequence AND parked.state <> 'skipped'""",
            **arrays,
        )


async def park(connection: AsyncConnection, parked: Sequence[Parked]) -> None:
    """Park events. One that is parked already keeps its reason, unless it was only waiting to be tried."""
    await run(
        connection,
        """INSERT INTO inbox_parked (source, subject, sequence, type, event, state, attempts)
           SELECT * FROM unnest(CAST(:sources AS text[]), CAST(:subjects AS text[]), CAST(:sequences AS bigint[]),
               CAST(:types AS text[]), CAST(:events AS bytea[]), CAST(:states AS text[]), CAST(:attempts AS int[]))
           ON CONFLICT (source, subject, sequence) DO UPDATE SET
               state = excluded.state, due_at = NULL,
               type = CASE WHEN excluded.type = ANY(:going_on) THEN excluded.type ELSE inbox_parked.type END,
               event = CASE WHEN excluded.type = ANY(:going_on) THEN excluded.event ELSE inbox_parked.event END
           WHERE inbox_parked.state IN ('waiting', 'attempting') OR excluded.type = ANY(:going_on)""",
        going_on=sorted(GOING_ON),
        sources=[each.event.source for each in parked],
        subjects=[each.event.subject for each in parked],
        sequences=[each.event.sequence for each in parked],
        types=[each.event.type for each in parked],
        events=[encode(each.event) for each in parked],
        states=[each.state.value for each in parked],
        attempts=[each.attempts for each in parked],
    )


async def set_aside(connection: AsyncConnection, event: Event, state: State, *, delay: float, reason: str) -> int:
    """Park a failed event, or note a further failure of a parked one; how often it has failed.

    ``delay`` is the unit of the backoff in seconds: doubled with each attempt, up to five minutes, with jitter. An
    event that is not yet possible is looked at again after a tenth of the time it has waited.
    """
    counted = 0 if state is State.NOT_YET else 1
    found = await rows(
        connection,
        """INSERT INTO inbox_parked AS old (source, subject, sequence, type, event, state, attempts, due_at, reason)
           VALUES (:source, :subject, :sequence, :type, :event, :state, :counted,
                   clock_timestamp() + make_interval(secs => :delay), :reason)
           ON CONFLICT (source, subject, sequence) DO UPDATE SET
               state = excluded.state, attempts = old.attempts + :counted, reason = excluded.reason,
               due_at = clock_timestamp() + make_interval(secs => (0.5 + random()) * CASE excluded.state
                   WHEN 'not_yet' THEN least(30, greatest(
                       :delay, extract(epoch FROM clock_timestamp() - old.parked_at) / 10))
                   ELSE least(300, :delay * power(2, old.attempts)) END)
           RETURNING attempts""",
        source=event.source,
        subject=event.subject,
        sequence=event.sequence,
        type=event.type,
        event=encode(event),
        state=state.value,
        counted=counted,
        delay=delay,
        reason=reason,
    )
    return int(found[0].attempts)


async def bury(connection: AsyncConnection, event: Event) -> None:
    """A parked event becomes a dead letter."""
    await run(
        connection,
        """UPDATE inbox_parked SET state = 'dead', due_at = NULL
           WHERE source = :source AND subject = :subject AND sequence = :sequence""",
        source=event.source,
        subject=event.subject,
        sequence=event.sequence,
    )


async def ready(connection: AsyncConnection, known: Sequence[str], limit: int) -> list[tuple[Event, State]]:
    """Parked events that stand right behind their position and may be tried now, and why they were parked."""
    found = await rows(
        connection,
        """SELECT parked.event, parked.state FROM inbox_parked AS parked JOIN inbox_position AS position
             ON position.source = parked.source AND position.subject = parked.subject
            AND position.sequence + 1 = parked.sequence
           WHERE position.diverged IS NULL
             AND (parked.state IN ('retry', 'not_yet') AND parked.due_at <= clock_timestamp()
               OR parked.state IN ('waiting', 'skipped')
               OR parked.state = 'attempting' AND parked.parked_at < clock_timestamp() - interval '30 seconds'
               OR parked.state = 'unknown' AND parked.type = ANY(:known))
           ORDER BY parked.parked_at LIMIT :limit""",
        known=list(known),
        limit=limit,
    )
    return [(decode(row.event), State(row.state)) for row in found]


async def gaps(connection: AsyncConnection, seconds: float, source: str, limit: int) -> list[tuple[str, int, int]]:
    """A source's gaps that have stayed open for so long: (subject, the last sequence before the gap, its width)."""
    found = await rows(
        connection,
        """SELECT position.subject, position.sequence, parked.first - position.sequence - 1 AS width
           FROM inbox_position AS position
           JOIN (SELECT subject, min(sequence) AS first, min(parked_at) AS since FROM inbox_parked
                 WHERE source = :source AND state <> 'skipped' GROUP BY subject) AS parked
             ON position.source = :source AND position.subject = parked.subject
           WHERE parked.first > position.sequence + 1 AND position.diverged IS NULL
             AND parked.since < clock_timestamp() - make_interval(secs => :seconds)
           ORDER BY parked.since LIMIT :limit""",
        seconds=seconds,
        source=source,
        limit=limit,
    )
    return [tuple(row) for row in found]


async def reached(connection: AsyncConnection, source: str, after: str, limit: int) -> list[tuple[str, int]]:
    """A page of a source's subjects, and the highest number of each that was handled or is parked."""
    found = await rows(
        connection,
        """SELECT subject, greatest(position.sequence, (
               SELECT max(sequence) FROM inbox_parked AS parked
               WHERE parked.source = position.source AND parked.subject = position.subject)) AS sequence
           FROM inbox_position AS position WHERE source = :source AND subject > :after ORDER BY subject LIMIT :limit""",
        source=source,
        after=after,
        limit=limit,
    )
    return [tuple(row) for row in found]
