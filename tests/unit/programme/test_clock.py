"""The programme's clock: real until it is set, never back."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from shared.clock import ClockWouldGoBack, NaiveTime, ProgrammeClock, SystemClock

MORNING = datetime(2030, 3, 4, 9, tzinfo=UTC)


def test_a_clock_that_was_never_set_tells_real_time() -> None:
    before = datetime.now(UTC)
    clock = ProgrammeClock()
    assert before <= clock.now() <= SystemClock().now()
    assert not clock.simulated


def test_a_clock_that_was_set_stands_until_it_is_set_again() -> None:
    clock = ProgrammeClock()
    clock.set(MORNING)
    assert clock.now() == clock.now() == MORNING
    clock.set(MORNING + timedelta(days=1))
    assert clock.today() == (MORNING + timedelta(days=1)).date()
    assert clock.simulated


def test_a_clock_never_goes_back() -> None:
    clock = ProgrammeClock(MORNING)
    with pytest.raises(ClockWouldGoBack):
        clock.set(MORNING - timedelta(microseconds=1))
    clock.set(MORNING)
    assert clock.now() == MORNING


def test_real_time_does_not_go_back_either() -> None:
    with pytest.raises(ClockWouldGoBack):
        ProgrammeClock().set(datetime.now(UTC) - timedelta(minutes=1))


def test_a_clock_may_start_in_the_past() -> None:
    assert ProgrammeClock(datetime(2024, 3, 27, tzinfo=UTC)).today().isoformat() == "2024-03-27"


def test_times_are_kept_in_utc_and_need_an_offset() -> None:
    karachi = timezone(timedelta(hours=5))
    assert ProgrammeClock(datetime(2030, 3, 4, 2, tzinfo=karachi)).today().isoformat() == "2030-03-03"
    with pytest.raises(NaiveTime):
        ProgrammeClock(datetime.fromisoformat("2026-01-02"))
