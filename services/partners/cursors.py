"""What agencies ask their feeds after: a position, and how often our database had been set back when it was told.

After a restoration positions are given anew to what is heard again, so an older cursor counts up to where the database
was restored to, and the rest of the feed comes once more: under the same ids.
"""

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.persistence.database import run

#: More positions than a subscription ever has; and few enough that a cursor is exact where numbers are floating.
SPAN = 10**9


def cursor(epoch: int, position: int) -> int:
    """What is told for a position."""
    return epoch * SPAN + position


#: The position that ``after`` stands for, next to a row of ``subscription_head``; one that was never told stays too
#: high.
POSITION = f"""CASE WHEN after / {SPAN} = epoch THEN after % {SPAN}
    WHEN after / {SPAN} < epoch THEN least(after % {SPAN}, floor) ELSE after END"""


async def restored(connection: AsyncConnection) -> None:
    """The database was set back: what was told from now on is no more what it was.

    By the clock, for the backup knows nothing of a restoration that came after it. What was handed out since is not
    known either, so all that comes counts as told: its tombstones are due.
    """
    await run(
        connection,
        f"""UPDATE subscription_head SET handed = {SPAN},
                epoch = greatest(epoch + 1, extract(epoch FROM now() - '2026-01-01 00:00Z'::timestamptz) / 60)::int,
                floor = CASE WHEN epoch = 0 THEN position ELSE least(floor, position) END""",
    )
