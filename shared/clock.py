"""The programme's clock: dates, validity and schedules. Leases, tokens and retries go by the system's clock instead."""

from abc import ABC, abstractmethod
from datetime import UTC, date, datetime

from shared.errors import Invalid, RuleBroken


class ClockWouldGoBack(RuleBroken):
    """The programme's time never goes back: set a later one."""


class NaiveTime(Invalid):
    """A time needs its offset from UTC."""


class Clock(ABC):
    """Tells the programme's time."""

    @abstractmethod
    def now(self) -> datetime:
        """The moment, in UTC."""

    def today(self) -> date:
        """The day, in UTC."""
        return self.now().date()


class SystemClock(Clock):
    """Real time."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class ProgrammeClock(Clock):
    """Real time until it is set; from then on it stands where it was put until it is set again."""

    def __init__(self, start: datetime | None = None) -> None:
        self._set_to = None if start is None else _in_utc(start)

    @property
    def simulated(self) -> bool:
        """Whether the time was set."""
        return self._set_to is not None

    def now(self) -> datetime:
        return self._set_to or datetime.now(UTC)

    def set(self, now: datetime) -> None:
        """Put the clock to ``now``. Raises ClockWouldGoBack when that is earlier than it shows."""
        wanted = _in_utc(now)
        if wanted < self.now():
            raise ClockWouldGoBack(now=self.now().isoformat())
        self._set_to = wanted


def _in_utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise NaiveTime
    return moment.astimezone(UTC)
