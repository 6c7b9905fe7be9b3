"""What about a subscription needs somebody's attention, told in words before the agency complains."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from services.partners.domain.agreement import Agreement
from services.partners.domain.subscription import State, Subscription, Way


class Kind(StrEnum):
    """What is wrong, the worst first."""

    #: The agency has not said in time that it has destroyed what it was told of somebody.
    OVERDUE = "tombstones_overdue"
    #: Its way of delivery brings it nothing more, and it must destroy something: it has to be told otherwise.
    UNDELIVERABLE = "tombstones_undeliverable"
    #: The receiver has answered that it wants nothing any more.
    GONE = "receiver_gone"
    #: It was tried for days, and is tried no more.
    HELD = "held"
    #: Somebody has suspended the agency.
    SUSPENDED = "suspended"
    #: The receiver doesn't take what it is sent.
    FAILING = "failing"
    #: An agency that asks has not asked.
    SILENT = "silent"
    #: Nothing fails, and what waits grows old.
    BEHIND = "behind"
    #: The receiver has not said that it wants to be called.
    UNCONFIRMED = "unconfirmed"
    #: Nothing is told any more, and nobody has ended the subscription.
    NOT_IN_FORCE = "agreement_not_in_force"
    #: It was paused.
    PAUSED = "paused"
    #: The agreement ends soon.
    ENDING = "agreement_ending"


class Told(StrEnum):
    """To whom it is escalated that an agency has not acknowledged a tombstone: the roles' own names."""

    LIAISON = "partner_liaison"
    DATA_PROTECTION = "data_protection"


#: How long after the day on which an acknowledgement was due. Of what can't be delivered the liaison is told at once.
ESCALATED_AFTER = {Told.LIAISON: timedelta(), Told.DATA_PROTECTION: timedelta(days=7)}

#: An agency that asks once a day is well; a receiver that is called has what waits within the hour.
_ASKED_WITHIN, _CALLED_WITHIN = timedelta(days=1), timedelta(hours=1)
#: A new agreement takes weeks: it is negotiated, signed and approved.
_ENDING_WITHIN = timedelta(days=30)
#: Who is gone is no news after this.
_GONE_FOR = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one way of delivery is with a subscription. ``oldest_at`` is the programme's time, the rest real time."""

    waiting: int = 0
    #: When the first of what waits was kept.
    oldest_at: datetime | None = None
    #: Of the feed: when the agency has asked.
    last_success_at: datetime | None = None
    failing_since: datetime | None = None
    cause: str | None = None
    #: Nothing is tried before.
    next_attempt_at: datetime | None = None
    #: Subjects that are tried no more.
    held: int = 0
    gone_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Owed:
    """Tombstones that the agency has not acknowledged."""

    due: int = 0
    overdue: int = 0
    #: On which day the first of them was or is due.
    first_due: date | None = None
    #: Of those that are due: what delivers won't bring.
    undeliverable: int = 0


@dataclass(frozen=True, slots=True)
class Times:
    """The programme's time, by which things fall due, and the real one, by which receivers are called."""

    programme: datetime
    real: datetime

    @property
    def today(self) -> date:
        """The programme's day."""
        return self.programme.date()


@dataclass(frozen=True, slots=True)
class Standing:
    """How a subscription stands."""

    subscription: Subscription
    agreement: Agreement
    progress: Progress
    owed: Owed
    #: Since when nothing leaves to the agency.
    suspended_on: date | None = None


@dataclass(frozen=True, slots=True)
class Concern:
    """One of them."""

    kind: Kind
    words: str


def concerns(standing: Standing, times: Times) -> list[Concern]:
    """What needs attention, the worst first."""
    subscription, progress = standing.subscription, standing.progress
    ended = subscription.state is State.ENDED
    found = [*_of_tombstones(standing.owed), *_of_gone(progress, times)]
    # What an ended subscription still delivers is what must be destroyed.
    waits = not ended or bool(standing.owed.due)
    if standing.suspended_on:
        if waits:
            since = f"suspended since {day(standing.suspended_on)}: nothing leaves, {_wait(progress.waiting)}"
            found.append(Concern(Kind.SUSPENDED, since))
    elif waits:
        found += _of_delivery(subscription, progress, times)
    if not ended:
        found += _of_state(subscription, progress)
        found += _of_agreement(standing.agreement, times.today)
    order = list(Kind)
    return sorted(found, key=lambda each: order.index(each.kind))


def _of_tombstones(owed: Owed) -> Iterator[Concern]:
    if owed.overdue:
        what = "1 tombstone is" if owed.overdue == 1 else f"{owed.overdue} tombstones are"
        since = f", due since {day(owed.first_due)}" if owed.first_due else ""
        yield Concern(Kind.OVERDUE, f"{what} not acknowledged{since}")
    if owed.undeliverable:
        what = "1 tombstone" if owed.undeliverable == 1 else f"{owed.undeliverable} tombstones"
        yield Concern(Kind.UNDELIVERABLE, f"{what} can't be delivered: the agency must be told by other means")


def _of_gone(progress: Progress, times: Times) -> Iterator[Concern]:
    if progress.gone_at and times.real - progress.gone_at < _GONE_FOR:
        yield Concern(Kind.GONE, f"wants nothing any more since {_when(progress.gone_at, times.real)}: it answered 410")


def _of_delivery(subscription: Subscription, progress: Progress, times: Times) -> Iterator[Concern]:
    if progress.held:
        what = "subject is" if progress.held == 1 else "subjects are"
        yield Concern(Kind.HELD, f"{progress.held} {what} held: what fails for three days is tried no more")
    if progress.failing_since and progress.cause and not progress.gone_at:
        since = _when(progress.failing_since, times.real)
        yield Concern(Kind.FAILING, f"{_answer(progress.cause)} since {since}, {_wait(progress.waiting)}")
    elif progress.waiting and subscription.state in (State.ACTIVE, State.ENDED) and not progress.gone_at:
        yield from _of_silence(subscription.way, progress, times)


def _of_silence(way: Way, progress: Progress, times: Times) -> Iterator[Concern]:
    waited = times.programme - progress.oldest_at if progress.oldest_at else timedelta()
    if way is Way.FEED:
        asked = progress.last_success_at
        silent = times.real - asked if asked else waited
        if silent > _ASKED_WITHIN:
            ago = f"has not asked for {_long(silent)}" if asked else "has never asked"
            yield Concern(Kind.SILENT, f"{ago}, {_wait(progress.waiting)}")
            return
    # One that is held has a concern of its own.
    if waited > (_ASKED_WITHIN if way is Way.FEED else _CALLED_WITHIN) and not progress.held:
        yield Concern(Kind.BEHIND, f"{_wait(progress.waiting)}, the oldest for {_long(waited)}")


def _of_state(subscription: Subscription, progress: Progress) -> Iterator[Concern]:
    if subscription.state is State.UNCONFIRMED:
        waits = f", {_wait(progress.waiting)}" if progress.waiting else ""
        yield Concern(Kind.UNCONFIRMED, f"unconfirmed: its receiver has not agreed to be called{waits}")
    if subscription.state is State.PAUSED:
        since = f" since {day(subscription.paused_on)}" if subscription.paused_on else ""
        yield Concern(Kind.PAUSED, f"paused{since}, {_wait(progress.waiting)}")


def _of_agreement(agreement: Agreement, today: date) -> Iterator[Concern]:
    if not agreement.in_force(today):
        ended = agreement.ended_on or agreement.valid_until
        yield Concern(Kind.NOT_IN_FORCE, f"agreement ended on {day(ended)}: nothing is told any more")
        return
    left = agreement.valid_until - today
    if left <= _ENDING_WITHIN:
        yield Concern(Kind.ENDING, f"agreement ends {_in_days(left.days)}")


def day(on: date | None) -> str:
    """``5 Jan 2026``."""
    return f"{on.day} {on:%b %Y}" if on else "—"


def _wait(count: int) -> str:
    match count:
        case 0:
            return "nothing waits"
        case 1:
            return "1 event waits"
        case _:
            return f"{count} events wait"


def _answer(cause: str) -> str:
    status, _, said = cause.partition(": ")
    if not status.isdigit():
        return cause
    return f"answers {status} ({said})" if said else f"answers {status}"


def _when(at: datetime, now: datetime) -> str:
    return f"{at:%H:%M} UTC" if at.date() == now.date() else day(at.date())


def _in_days(days: int) -> str:
    return {0: "today", 1: "tomorrow"}.get(days, f"in {days} days")


def _long(time: timedelta) -> str:
    minutes = int(time.total_seconds()) // 60
    for size, name in ((24 * 60, "day"), (60, "hour")):
        if minutes >= 2 * size:
            return f"{minutes // size} {name}s"
    return f"{minutes} minutes"
