"""What about a subscription needs attention, in words."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from services.partners.domain.agreement import Agency, Agreement, Terms
from services.partners.domain.concern import Concern, Kind, Owed, Progress, Standing, Times, concerns
from services.partners.domain.subscription import State, Subscription, Way
from services.partners.domain.vocabulary import AgencyKind, LegalBasis, Scope
from shared.ids import new_id

NOW = datetime(2026, 3, 2, 15, 30, tzinfo=UTC)
TIMES = Times(NOW, NOW)


def _agreement(**changes: Any) -> Agreement:
    agency = Agency(new_id(), "An airline", AgencyKind.CARRIER, "TR", "TK")
    said: dict[str, Any] = {"valid_from": date(2026, 1, 1), "valid_until": date(2026, 12, 31), "approved_by": "else"}
    terms = Terms({}, Scope.OWN_FLIGHTS)
    said |= {"entered_by": "one"} | changes
    return Agreement(new_id(), agency, LegalBasis.CONSENT, "flying", terms, 90, "desk", **said)


def _found(
    way: Way = Way.WEBHOOK, state: State = State.ACTIVE, owed: Owed | None = None, ends: Any = None, **progress: Any
) -> list[Concern]:
    agreement = _agreement(**ends or {})
    subscription = Subscription(new_id(), agreement.agency.id, agreement.id, way, frozenset(), state=state)
    return concerns(Standing(subscription, agreement, Progress(**progress), owed or Owed()), TIMES)


def _ago(**time: float) -> datetime:
    return NOW - timedelta(**time)


@pytest.mark.parametrize("way", list(Way))
def test_one_that_is_well_concerns_nobody(way: Way) -> None:
    lately = _ago(minutes=50)
    assert _found(way) == []
    assert _found(way, waiting=3, oldest_at=lately, last_success_at=lately) == []


@pytest.mark.parametrize(
    ("progress", "words"),
    [
        ({"last_success_at": _ago(days=3), "waiting": 412}, "has not asked for 3 days, 412 events wait"),
        ({"oldest_at": _ago(hours=30), "waiting": 1}, "has never asked, 1 event waits"),
        (
            {"last_success_at": _ago(hours=1), "waiting": 2, "oldest_at": _ago(hours=47)},
            "2 events wait, the oldest for 47 hours",
        ),
    ],
)
def test_who_asks_is_expected_to_ask_once_a_day(progress: dict[str, Any], words: str) -> None:
    assert [each.words for each in _found(Way.FEED, **progress)] == [words]
    assert _found(Way.FEED, **progress | {"waiting": 0, "oldest_at": None}) == []


@pytest.mark.parametrize(
    ("cause", "since", "words"),
    [
        ("500", _ago(hours=5, minutes=10), "answers 500 since 10:20 UTC, 7 events wait"),
        ("400: no such flight", _ago(days=2), "answers 400 (no such flight) since 28 Feb 2026, 7 events wait"),
        ("no answer within 15 s", _ago(hours=1), "no answer within 15 s since 14:30 UTC, 7 events wait"),
    ],
)
def test_what_a_receiver_answers_is_told_with_since_when(cause: str, since: datetime, words: str) -> None:
    found = _found(cause=cause, failing_since=since, waiting=7, oldest_at=_ago(days=3))
    assert [(each.kind, each.words) for each in found] == [(Kind.FAILING, words)]


def test_what_waits_for_more_than_an_hour_without_a_failure_is_told_of_a_receiver_that_is_called() -> None:
    [found] = _found(waiting=3, oldest_at=_ago(minutes=61))
    assert (found.kind, found.words) == (Kind.BEHIND, "3 events wait, the oldest for 61 minutes")
    assert _found(state=State.PAUSED, waiting=3, oldest_at=_ago(days=1))[0].kind is Kind.PAUSED


def test_the_worst_comes_first() -> None:
    found = _found(
        owed=Owed(3, 2, date(2026, 2, 20)),
        ends={"valid_until": date(2026, 3, 14)},
        cause="500",
        failing_since=_ago(days=4),
        held=2,
        waiting=5,
    )
    assert [each.words for each in found] == [
        "2 tombstones are not acknowledged, due since 20 Feb 2026",
        "2 subjects are held: what fails for three days is tried no more",
        "answers 500 since 26 Feb 2026, 5 events wait",
        "agreement ends in 12 days",
    ]


def test_what_can_t_be_delivered_is_told_of_also_when_it_is_not_late_and_nothing_waits_for_who_is_gone() -> None:
    gone: dict[str, Any] = {"gone_at": _ago(days=2), "waiting": 2, "oldest_at": _ago(days=2)}
    found = _found(state=State.ENDED, owed=Owed(1, undeliverable=1), **gone)
    assert [each.kind for each in found] == [Kind.UNDELIVERABLE, Kind.GONE]
    assert found[0].words == "1 tombstone can't be delivered: the agency must be told by other means"


def test_an_ended_subscription_concerns_somebody_while_something_must_still_be_destroyed() -> None:
    failing: dict[str, Any] = {"cause": "500", "failing_since": _ago(days=1), "waiting": 1}
    assert _found(state=State.ENDED, ends={"ended_on": date(2026, 3, 1)}, **failing) == []
    assert [each.kind for each in _found(state=State.ENDED, owed=Owed(1), **failing)] == [Kind.FAILING]
    assert [each.kind for each in _found(state=State.ENDED, gone_at=_ago(days=29))] == [Kind.GONE]
    assert _found(state=State.ENDED, gone_at=_ago(days=31)) == []


@pytest.mark.parametrize(
    ("until", "words"),
    [
        (date(2026, 3, 2), "agreement ends today"),
        (date(2026, 3, 3), "agreement ends tomorrow"),
        (date(2026, 4, 1), "agreement ends in 30 days"),
        (date(2026, 3, 1), "agreement ended on 1 Mar 2026: nothing is told any more"),
    ],
)
def test_an_agreement_s_end_is_told_of_thirty_days_before(until: date, words: str) -> None:
    assert [each.words for each in _found(ends={"valid_until": until})] == [words]
    assert _found(ends={"valid_until": date(2026, 4, 2)}) == []
