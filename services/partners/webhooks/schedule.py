"""What an answer means, and when the next attempt is made."""

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import Enum, auto

#: An event that fails for so long is held until somebody looks.
TRIED_FOR = timedelta(days=3)
_FIRST = timedelta(seconds=5)
_LONGEST = timedelta(hours=6)
#: However long a receiver asks us to stay away.
_LONGEST_ASKED = timedelta(days=1)
#: Doubled as often, the first wait is longer than the longest one.
_DOUBLINGS = 13
#: The receiver is there and can't take anything now, whatever it is.
_OVERLOADED = frozenset({429, 502, 503, 504})


class Meaning(Enum):
    """Of an attempt."""

    DELIVERED = auto()
    #: This event was not taken; others may be.
    FAILED = auto()
    #: Nothing is taken now.
    RESTING = auto()
    #: Nothing is wanted any more.
    GONE = auto()


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of an attempt. ``cause`` is what the agency and the liaison are shown. ``sent``: the receiver may have the event,
    whatever it has answered.
    """

    meaning: Meaning
    cause: str = ""
    wait: timedelta | None = None
    sent: bool = True


def outcome(status: int, asked: str | None, extract: str, now: datetime) -> Outcome:
    """What an answer means. ``asked``: its Retry-After."""
    if 200 <= status < 300:
        return Outcome(Meaning.DELIVERED)
    cause = f"{status}: {extract}" if extract else str(status)
    if status == 410:
        return Outcome(Meaning.GONE, cause)
    meaning = Meaning.RESTING if status in _OVERLOADED else Meaning.FAILED
    return Outcome(meaning, cause, _asked(asked, now))


def pause(attempts: int, wait: timedelta | None = None) -> timedelta:
    """How long to wait after so many attempts, at least as long as was asked for; no two of us wait equally long."""
    longest: timedelta = min(_LONGEST, _FIRST * 2 ** min(attempts - 1, _DOUBLINGS))
    own = longest * random.uniform(0.5, 1)  # noqa: S311
    return max(own, min(wait, _LONGEST_ASKED)) if wait else own


def _asked(header: str | None, now: datetime) -> timedelta | None:
    if not header:
        return None
    if header.isascii() and header.isdigit():
        return timedelta(seconds=min(int(header[:9]), int(_LONGEST_ASKED.total_seconds())))
    try:
        at = parsedate_to_datetime(header)
    except (ValueError, OverflowError):
        return None
    return max(timedelta(), (at if at.tzinfo else at.replace(tzinfo=UTC)) - now)
