"""What needs a person: dead letters, and the two things to do with them: replay, or skip with a reason.

A decision is about one, about all of a cause or type, or about all of a subject; each is kept with who, when and why.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Any

import orjson
import structlog
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts.envelope import REGISTRY, Event
from shared.errors import Invalid, NotFound, RuleBroken
from shared.messaging import inbox
from shared.messaging.codec import attributes, decode
from shared.persistence.database import Database, rows, run

log = structlog.get_logger()

#: Dead letters that are decided in one transaction.
PAGE = 200
#: Events that are named behind one.
NAMED = 20

#: The reason without what differs from event to event: ids, references and numbers, but not the line that raised it.
_CAUSE = r"""regexp_replace(regexp_replace(coalesce(dead.reason, ''),
    '[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|\m[A-Z]{3}-[0-9]+', '*', 'g'),
    '(?<![:\w])[0-9]+(?!\w)', '*', 'g')"""
_BEHIND = """FROM inbox_parked AS behind WHERE behind.source = dead.source AND behind.subject = dead.subject
    AND behind.sequence > dead.sequence AND behind.state <> 'skipped'"""
_LETTER = f"""dead.source, dead.subject, dead.sequence, dead.type, dead.state, dead.attempts, dead.reason,
    {_CAUSE} AS cause, dead.parked_at, (SELECT count(*) {_BEHIND}) AS waiting"""


class Decision(StrEnum):
    """What a person decides."""

    #: It is tried again, as if it had never failed.
    REPLAY = "replay"
    #: It is never handled; what waits behind it goes on.
    SKIP = "skip"


class NoDeadLetter(NotFound):
    """There is no dead letter at this source, subject and sequence; list them to see what there is."""


class NothingNamed(Invalid):
    """Name what is meant: a source, subject and sequence, or a type, a cause or a subject."""


class OtherCount(RuleBroken):
    """Another number of dead letters fits than was confirmed: look at them again before they are skipped."""


class BadCursor(Invalid):
    """The cursor is not one that a page has given: begin without one."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which dead letters: those that fit everything that is named here."""

    source: str | None = None
    subject: str | None = None
    sequence: int | None = None
    type: str | None = None
    #: The beginning of the cause.
    cause: str | None = None

    @property
    def one(self) -> bool:
        """At most one can fit."""
        return None not in (self.source, self.subject, self.sequence)

    def named(self) -> dict[str, Any]:
        """What is named."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    def where(self) -> str:
        """The condition, with what is named as parameters."""
        tests = {name: f"dead.{name} = :{name}" for name in self.named()}
        if self.cause is not None:
            tests["cause"] = f"starts_with({_CAUSE}, :cause)"
        return "".join(f" AND {test}" for test in tests.values())


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A dead letter without its data, which may not be shown."""

    source: str
    subject: str
    sequence: int
    type: str
    state: str
    attempts: int
    reason: str | None
    #: The reason without ids: what the dead letters of a group have in common.
    cause: str
    parked_at: datetime
    #: Later events of the subject that wait behind it.
    waiting: int

    @property
    def cursor(self) -> str:
        """Where the next page goes on."""
        return orjson.dumps([self.parked_at, self.source, self.subject, self.sequence]).decode()


@dataclass(frozen=True, slots=True)
class Group:
    """Dead letters of one type that failed for one cause."""

    source: str
    type: str
    cause: str
    count: int
    oldest: datetime
    #: Events that wait behind them.
    waiting: int
    example_subject: str
    example_sequence: int


class DeadLetters:
    """The dead letters of one consumer."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def list(
        self, chosen: Selection = Selection(), *, after: str | None = None, limit: int = 200
    ) -> list[DeadLetter]:
        """Dead letters, the oldest first, after a cursor. Raises BadCursor."""
        statement = f"""
            SELECT {_LETTER} FROM inbox_parked AS dead WHERE dead.state = 'dead'{chosen.where()}
              AND (CAST(:since AS timestamptz) IS NULL OR (dead.parked_at, dead.source, dead.subject, dead.sequence)
                   > (CAST(:since AS timestamptz), CAST(:last_source AS text), CAST(:last_subject AS text),
                      CAST(:last_sequence AS bigint)))
            ORDER BY dead.parked_at, dead.source, dead.subject, dead.sequence LIMIT :limit"""
        cursor = _cursor(after)
        async with self.database.transaction() as connection:
            found = await rows(connection, statement, limit=limit, **cursor, **chosen.named())
        return [DeadLetter(*row) for row in found]

    async def groups(self, chosen: Selection = Selection(), *, limit: int = 200) -> "Sequence[Group]":
        """By type and cause, the largest first."""
        statement = f"""
            SELECT source, type, cause, count(*) AS count, min(parked_at) AS oldest, sum(waiting)::bigint AS waiting,
                   (array_agg(subject ORDER BY parked_at, subject))[1],
                   (array_agg(sequence ORDER BY parked_at, subject))[1]
            FROM (SELECT {_LETTER} FROM inbox_parked AS dead WHERE dead.state = 'dead'{chosen.where()}) AS each
            GROUP BY source, type, cause ORDER BY count DESC, source, type, cause LIMIT :limit"""
        async with self.database.transaction() as connection:
            return [Group(*row) for row in await rows(connection, statement, limit=limit, **chosen.named())]

    async def count(self, chosen: Selection) -> int:
        """How many dead letters fit."""
        statement = f"SELECT count(*) FROM inbox_parked AS dead WHERE dead.state = 'dead'{chosen.where()}"
        async with self.database.transaction() as connection:
            return int((await rows(connection, statement, **chosen.named()))[0][0])

    async def show(self, source: str, subject: str, sequence: int) -> dict[str, Any]:
        """All that may be told of one: envelope, failure, what waits, what was decided; of its data no value."""
        chosen = Selection(source, subject, sequence)
        statement = f"SELECT {_LETTER}, dead.event FROM inbox_parked AS dead WHERE dead.state = 'dead'{chosen.where()}"
        async with self.database.transaction() as connection:
            found = await rows(connection, statement, **chosen.named())
            if not found:
                raise NoDeadLetter
            behind = await rows(
                connection,
                f"""SELECT sequence, type, state, parked_at {_BEHIND.replace("dead.", ":")}
                    ORDER BY sequence LIMIT {NAMED}""",
                **chosen.named(),
            )
            decisions = await _decisions(connection, chosen)
        *letter, body = found[0]
        return {
            **asdict(DeadLetter(*letter)),
            **_without_values(decode(body)),
            "behind": [row._asdict() for row in behind],
            "decisions": [row._asdict() for row in decisions],
        }

    async def replay(self, source: str, subject: str, sequence: int, *, by: str) -> None:
        """Have one tried again, as if it had never failed. Raises NoDeadLetter."""
        await self.decide(Selection(source, subject, sequence), Decision.REPLAY, by=by)

    async def skip(self, source: str, subject: str, sequence: int, *, by: str, reason: str) -> None:
        """Have one never handled; what waits behind it goes on. The decision stays on record. Raises NoDeadLetter."""
        await self.decide(Selection(source, subject, sequence), Decision.SKIP, by=by, reason=reason)

    async def decide(
        self, chosen: Selection, decision: Decision, *, by: str, reason: str = "replayed", expected: int | None = None
    ) -> int:
        """Decide about all that fit; how many. Deciding the same about the same again changes nothing.

        ``expected``: how many the person has seen. Raises NothingNamed, OtherCount, and for a single one NoDeadLetter.
        """
        if not chosen.named().keys() & {"subject", "type", "cause"}:
            raise NothingNamed
        if expected is not None and (found := await self.count(chosen)) != expected:
            raise OtherCount(found=found, confirmed=expected)
        decided, last = 0, ("", "", 0)
        # By key and not until none is left: what is replayed may be a dead letter again at once.
        while keys := await self._keys(chosen, last):
            decided += await self.database.retried(partial(_decide, keys=keys, decision=decision, by=by, reason=reason))
            last = keys[-1]
        if chosen.one and not decided and not await self._decided_before(chosen, decision):
            raise NoDeadLetter
        log.info("dead letters decided", decision=decision.value, by=by, letters=decided, **_audited(chosen))
        return decided

    async def _keys(self, chosen: Selection, last: tuple[str, str, int]) -> "Sequence[tuple[str, str, int]]":
        statement = f"""
            SELECT dead.source, dead.subject, dead.sequence FROM inbox_parked AS dead
            WHERE dead.state = 'dead'{chosen.where()}
              AND (dead.source, dead.subject, dead.sequence) > (:last_source, :last_subject, :last_sequence)
            ORDER BY dead.source, dead.subject, dead.sequence LIMIT {PAGE}"""
        names = dict(zip(("last_source", "last_subject", "last_sequence"), last, strict=True))
        async with self.database.transaction() as connection:
            return [tuple(row) for row in await rows(connection, statement, **names, **chosen.named())]

    async def _decided_before(self, chosen: Selection, decision: Decision) -> bool:
        async with self.database.transaction() as connection:
            found = await _decisions(connection, chosen)
        return bool(found) and found[0].decision == decision


async def _decide(
    connection: AsyncConnection,
    keys: Sequence[tuple[str, str, int]],
    decision: Decision,
    by: str,
    reason: str,
) -> int:
    await inbox.lock(connection, {(source, subject) for source, subject, _ in keys})
    return await run(
        connection,
        f"""WITH chosen AS (
                SELECT dead.source, dead.subject, dead.sequence, dead.type, {_CAUSE} AS cause FROM inbox_parked AS dead
                JOIN unnest(CAST(:sources AS text[]), CAST(:subjects AS text[]), CAST(:sequences AS bigint[]))
                    AS wanted (source, subject, sequence)
                  ON dead.source = wanted.source AND dead.subject = wanted.subject AND dead.sequence = wanted.sequence
                WHERE dead.state = 'dead'),
            kept AS (
                INSERT INTO inbox_decision (decided_by, decision, source, subject, sequence, type, cause, reason)
                SELECT :by, CAST(:decision AS text), source, subject, sequence, type, cause, CAST(:reason AS text)
                FROM chosen ORDER BY source, subject, sequence)
            UPDATE inbox_parked AS letter SET attempts = 0, reason = :reason, decided_by = :by,
                state = CASE WHEN :decision = 'skip' THEN 'skipped' ELSE 'retry' END,
                due_at = CASE WHEN :decision = 'replay' THEN clock_timestamp() END
            FROM chosen WHERE letter.source = chosen.source AND letter.subject = chosen.subject
              AND letter.sequence = chosen.sequence""",
        sources=[source for source, _, _ in keys],
        subjects=[subject for _, subject, _ in keys],
        sequences=[sequence for _, _, sequence in keys],
        decision=decision.value,
        by=by,
        reason=reason,
    )


async def _decisions(connection: AsyncConnection, chosen: Selection) -> list[Any]:
    """What was decided about one, the last first."""
    return await rows(
        connection,
        """SELECT decision, decided_by, decided_at, cause, reason FROM inbox_decision
           WHERE source = :source AND subject = :subject AND sequence = :sequence ORDER BY id DESC""",
        source=chosen.source,
        subject=chosen.subject,
        sequence=chosen.sequence,
    )


def _cursor(after: str | None) -> dict[str, Any]:
    if after is None:
        return dict.fromkeys(("since", "last_source", "last_subject", "last_sequence"))
    try:
        since, source, subject, sequence = orjson.loads(after)
        moment = datetime.fromisoformat(since)
        return {
            "since": moment,
            "last_source": str(source),
            "last_subject": str(subject),
            "last_sequence": int(sequence),
        }
    except (ValueError, TypeError):
        raise BadCursor from None


def _audited(chosen: Selection) -> Mapping[str, Any]:
    """What was chosen, for the log; ``event`` and ``type`` mean something else there."""
    return {f"chosen_{name}": value for name, value in chosen.named().items()}


def _without_values(event: Event) -> dict[str, Any]:
    """The envelope, and of the data the names that the type's schema knows and where they do not fit it."""
    contract = REGISTRY.get(event.type)
    data = orjson.loads(event.data)
    given = set(data) if isinstance(data, dict) else set()
    known = set(contract.model_fields) if contract else set()
    faults = []
    if contract:
        try:
            contract.model_validate_json(event.data)
        except ValidationError as error:
            faults = [{"member": ".".join(map(str, each["loc"])), "fault": each["type"]} for each in error.errors()]
    return {
        "envelope": attributes(event),
        "members": {name: name in given for name in sorted(known)},
        "unknown_members": len(given - known),
        "faults": faults,
    }
