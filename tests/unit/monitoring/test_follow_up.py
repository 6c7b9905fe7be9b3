"""The rules of follow-up, each by its name."""

from datetime import date, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.monitoring.domain.case import Case
from services.monitoring.domain.events import (
    AttemptRecorded,
    CaseClosed,
    ContactLost,
    ContactRegained,
    FollowUpCompleted,
    FollowUpOverdue,
    FollowUpsCancelled,
    FollowUpsScheduled,
)
from services.monitoring.domain.lifecycle import (
    TRANSITIONS,
    VISIT_TRANSITIONS,
    Action,
    Status,
    VisitAction,
    VisitStatus,
)
from services.monitoring.domain.rules import (
    ContactNotLost,
    FollowUpUnfinished,
    NoSuchVisit,
    NotAllowedNow,
    NoteMissing,
    RuleBroken,
    TooFewAttempts,
    WeakerMethod,
)
from services.monitoring.domain.visit import Planned
from services.monitoring.domain.vocabulary import FAILED, Method, Outcome, Reason, Reintegration

CASE = UUID(int=7)
INCEPTION = date(2026, 3, 28)
PHONE = Planned("month_1", Method.PHONE, after_months=1, grace_days=14, weakest=Method.PHONE)
SITE = Planned("month_4", Method.SITE, after_months=4, grace_days=14, weakest=Method.SITE)


def following(*plan: Planned) -> Case:
    case, _ = Case.schedule(CASE, INCEPTION, plan or (PHONE, SITE))
    return case


def lost() -> Case:
    case = following()
    case.attempt("month_1", Outcome.NO_ANSWER, note=None, by="officer", on=INCEPTION)
    case.lose_contact(attempts_needed=1, note="moved away", on=INCEPTION)
    return case


def visited() -> Case:
    case = following()
    case.complete("month_1", Method.PHONE, satisfied=True, on=date(2026, 4, 28))
    case.complete("month_4", Method.SITE, satisfied=True, on=date(2026, 7, 28))
    return case


def test_both_follow_ups_are_scheduled_in_calendar_months_from_the_inception() -> None:
    _, scheduled = Case.schedule(CASE, INCEPTION, (PHONE, SITE))
    assert scheduled == FollowUpsScheduled(
        CASE,
        INCEPTION,
        (("month_1", Method.PHONE, date(2026, 4, 28)), ("month_4", Method.SITE, date(2026, 7, 28))),
    )


@pytest.mark.parametrize(
    ("inception", "due"),
    [
        (date(2026, 1, 31), date(2026, 2, 28)),
        (date(2028, 1, 31), date(2028, 2, 29)),
        (date(2026, 12, 15), date(2027, 1, 15)),
        (date(2026, 5, 31), date(2026, 6, 30)),
    ],
)
def test_a_due_day_is_clipped_to_the_end_of_its_month(inception: date, due: date) -> None:
    assert PHONE.due(inception) == due


@given(st.dates(date(2000, 1, 1), date(2090, 1, 1)), st.integers(0, 60))
def test_a_due_day_lies_in_the_named_month_and_never_after_the_inceptions_day(inception: date, months: int) -> None:
    due = Planned("any", Method.PHONE, months, 0, Method.PHONE).due(inception)
    assert (due.year * 12 + due.month) - (inception.year * 12 + inception.month) == months
    assert due.day == inception.day or (due.day < inception.day and (due + timedelta(days=1)).day == 1)


def test_a_failed_attempt_is_recorded_and_counted() -> None:
    case = following()
    events = case.attempt("month_1", Outcome.NO_ANSWER, note="rang twice", by="officer", on=INCEPTION)
    assert events == [AttemptRecorded(CASE, "month_1", Outcome.NO_ANSWER)]
    assert case.failed_attempts == 1
    assert case.visit("month_1").attempts[0].note == "rang twice"


@pytest.mark.parametrize("outcome", [Outcome.REACHED, Outcome.REFUSED, Outcome.POSTPONED])
def test_a_person_who_was_spoken_to_has_no_failed_attempts(outcome: Outcome) -> None:
    case = following()
    case.attempt("month_1", Outcome.WRONG_NUMBER, note=None, by="officer", on=INCEPTION)
    case.attempt("month_1", outcome, note=None, by="officer", on=INCEPTION)
    assert case.failed_attempts == 0


def test_no_such_visit() -> None:
    with pytest.raises(NoSuchVisit) as broken:
        following().attempt("month_9", Outcome.REACHED, note=None, by="officer", on=INCEPTION)
    assert broken.value.fields == {"visits": ["month_1", "month_4"]}


def test_weaker_method_a_site_visit_is_not_made_by_phone() -> None:
    case = following()
    with pytest.raises(WeakerMethod):
        case.complete("month_4", Method.PHONE, satisfied=None, on=date(2026, 7, 28))
    assert case.visit("month_4").status is VisitStatus.SCHEDULED


def test_a_site_visit_is_made_by_phone_where_the_programme_allows_it() -> None:
    case = following(Planned("month_4", Method.SITE, 4, 14, weakest=Method.PHONE))
    case.complete("month_4", Method.PHONE, satisfied=None, on=date(2026, 7, 28))
    assert case.visit("month_4").completed_by is Method.PHONE


def test_a_phone_visit_may_be_made_on_site() -> None:
    case = following()
    case.complete("month_1", Method.SITE, satisfied=None, on=date(2026, 4, 28))
    assert case.visit("month_1").status is VisitStatus.COMPLETED


def test_a_visit_is_made_once() -> None:
    case = visited()
    with pytest.raises(NotAllowedNow):
        case.complete("month_1", Method.PHONE, satisfied=None, on=date(2026, 5, 1))
    with pytest.raises(NotAllowedNow):
        case.attempt("month_1", Outcome.REACHED, note=None, by="officer", on=date(2026, 5, 1))


def test_a_visit_is_late_after_its_grace_period_only() -> None:
    in_time, too_late = following(), following()
    grace_until = date(2026, 4, 28) + timedelta(days=14)
    assert in_time.complete("month_1", Method.PHONE, satisfied=None, on=grace_until) == [
        FollowUpCompleted(CASE, "month_1", grace_until, late=False)
    ]
    after = grace_until + timedelta(days=1)
    assert too_late.complete("month_1", Method.PHONE, satisfied=None, on=after) == [
        FollowUpCompleted(CASE, "month_1", after, late=True)
    ]


def test_a_visit_falls_overdue_once_when_its_grace_period_has_ended() -> None:
    case = following()
    assert case.fall_overdue(date(2026, 5, 12)) == []
    assert case.overdue_after() == date(2026, 5, 12)
    assert case.fall_overdue(date(2026, 5, 13)) == [FollowUpOverdue(CASE, "month_1", date(2026, 4, 28))]
    assert case.fall_overdue(date(2026, 5, 14)) == []
    assert case.overdue_after() == date(2026, 8, 11)


def test_an_overdue_visit_is_still_made() -> None:
    case = following()
    case.fall_overdue(date(2026, 5, 13))
    assert case.next_due() == date(2026, 4, 28)
    case.complete("month_1", Method.PHONE, satisfied=None, on=date(2026, 5, 20))
    assert case.next_due() == date(2026, 7, 28)


def test_too_few_attempts_contact_is_not_lost_before_the_programmes_number_has_failed() -> None:
    case = following()
    for _ in range(2):
        case.attempt("month_1", Outcome.NO_ANSWER, note=None, by="officer", on=INCEPTION)
    with pytest.raises(TooFewAttempts) as broken:
        case.lose_contact(attempts_needed=3, note="nobody answers", on=INCEPTION)
    assert broken.value.fields == {"failed": 2, "needed": 3}
    case.attempt("month_1", Outcome.WRONG_NUMBER, note=None, by="officer", on=INCEPTION)
    assert case.lose_contact(attempts_needed=3, note="nobody answers", on=INCEPTION) == ContactLost(CASE, INCEPTION)
    assert case.status is Status.LOST


def test_an_attempt_that_reaches_a_lost_person_regains_contact() -> None:
    case = lost()
    events = case.attempt("month_1", Outcome.REACHED, note=None, by="officer", on=INCEPTION)
    assert events[1:] == [ContactRegained(CASE, INCEPTION)]
    assert (case.status, case.lost_on) == (Status.FOLLOWING, None)


def test_a_visit_to_a_lost_person_regains_contact() -> None:
    case = lost()
    events = case.complete("month_1", Method.SITE, satisfied=None, on=INCEPTION)
    assert events[1:] == [ContactRegained(CASE, INCEPTION)]
    assert case.status is Status.FOLLOWING


def test_a_failed_attempt_leaves_a_lost_person_lost() -> None:
    case = lost()
    case.attempt("month_4", Outcome.NO_ANSWER, note=None, by="officer", on=INCEPTION)
    assert case.status is Status.LOST


def test_follow_up_unfinished_a_visit_is_missing() -> None:
    case = following()
    case.reintegration_completed()
    with pytest.raises(FollowUpUnfinished) as broken:
        case.close(Reason.FOLLOWED_UP, note=None, on=INCEPTION)
    assert broken.value.fields["visits"] == ["month_1", "month_4"]


def test_follow_up_unfinished_reintegration_goes_on() -> None:
    with pytest.raises(FollowUpUnfinished):
        visited().close(Reason.FOLLOWED_UP, note=None, on=INCEPTION)


def test_follow_up_unfinished_when_a_delivery_was_corrected() -> None:
    case = visited()
    case.reintegration_completed()
    case.reintegration_resumed()
    with pytest.raises(FollowUpUnfinished):
        case.close(Reason.FOLLOWED_UP, note=None, on=INCEPTION)


def test_a_case_is_closed_as_followed_up() -> None:
    case = visited()
    case.reintegration_completed()
    closed_on = date(2026, 8, 1)
    assert case.close(Reason.FOLLOWED_UP, note=None, on=closed_on) == CaseClosed(CASE, Reason.FOLLOWED_UP, closed_on)
    assert case.status is Status.CLOSED


def test_a_visited_case_is_closed_as_followed_up_when_reintegration_was_cancelled() -> None:
    case = visited()
    assert case.reintegration_cancelled(INCEPTION) is None
    assert case.close(Reason.FOLLOWED_UP, note=None, on=INCEPTION).reason is Reason.FOLLOWED_UP


def test_contact_not_lost() -> None:
    with pytest.raises(ContactNotLost):
        following().close(Reason.LOST_CONTACT, note=None, on=INCEPTION)


def test_a_case_whose_contact_is_lost_is_closed_for_it() -> None:
    case = lost()
    assert case.close(Reason.LOST_CONTACT, note=None, on=INCEPTION) == CaseClosed(CASE, Reason.LOST_CONTACT, INCEPTION)
    assert {visit.status for visit in case.visits} == {VisitStatus.CANCELLED}


@pytest.mark.parametrize("reason", [Reason.DROPPED_OUT, Reason.DECEASED, Reason.RE_MIGRATED, Reason.OTHER])
def test_note_missing(reason: Reason) -> None:
    with pytest.raises(NoteMissing):
        following().close(reason, note="  ", on=INCEPTION)
    assert following().close(reason, note="told by the family", on=INCEPTION).reason is reason


def test_a_cancelled_reintegration_cancels_the_visits_that_were_not_made() -> None:
    case = following()
    case.complete("month_1", Method.PHONE, satisfied=True, on=date(2026, 4, 28))
    assert case.reintegration_cancelled(date(2026, 5, 1)) == FollowUpsCancelled(CASE, date(2026, 5, 1))
    assert [visit.status for visit in case.visits] == [VisitStatus.COMPLETED, VisitStatus.CANCELLED]
    assert case.status is Status.CANCELLED
    assert case.fall_overdue(date(2027, 1, 1)) == []


def test_reintegration_that_opens_again_reschedules_from_the_new_inception() -> None:
    case = following()
    case.complete("month_1", Method.PHONE, satisfied=True, on=date(2026, 4, 28))
    case.reintegration_cancelled(date(2026, 5, 1))
    again = date(2026, 5, 10)
    assert case.reintegration_reopened(again) == FollowUpsScheduled(
        CASE, again, (("month_4", Method.SITE, date(2026, 9, 10)),)
    )
    assert (case.status, case.reintegration) == (Status.FOLLOWING, Reintegration.OPEN)


def test_a_closed_case_hears_of_a_cancelled_reintegration_and_stays_closed() -> None:
    case = lost()
    case.close(Reason.LOST_CONTACT, note=None, on=INCEPTION)
    assert case.reintegration_cancelled(INCEPTION) is None
    assert case.status is Status.CLOSED


def test_a_closed_case_takes_no_attempt() -> None:
    case = lost()
    case.close(Reason.LOST_CONTACT, note=None, on=INCEPTION)
    with pytest.raises(NotAllowedNow) as broken:
        case.attempt("month_1", Outcome.REACHED, note=None, by="officer", on=INCEPTION)
    assert broken.value.fields["state"] is Status.CLOSED


def test_every_state_has_its_row_in_the_tables() -> None:
    assert set(TRANSITIONS) == set(Status)
    assert set(VISIT_TRANSITIONS) == set(VisitStatus)
    assert {action for row in TRANSITIONS.values() for action in row} == set(Action)
    assert {action for row in VISIT_TRANSITIONS.values() for action in row} == set(VisitAction)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["attempt", "complete", "overdue", "lose", "cancel", "reopen", "finish", "close"]),
            st.sampled_from(["month_1", "month_4"]),
            st.sampled_from(list(Outcome)),
            st.integers(0, 400),
        ),
        max_size=30,
    )
)
def test_under_any_sequence_a_visit_that_was_made_stays_made(steps: list[tuple[str, str, Outcome, int]]) -> None:
    case, made = following(), set()
    for step, code, outcome, days in steps:
        on = INCEPTION + timedelta(days=days)
        try:
            match step:
                case "attempt":
                    case.attempt(code, outcome, note=None, by="officer", on=on)
                case "complete":
                    case.complete(code, Method.SITE, satisfied=None, on=on)
                    made.add(code)
                case "overdue":
                    case.fall_overdue(on)
                case "lose":
                    case.lose_contact(attempts_needed=1, note="gone", on=on)
                case "cancel":
                    case.reintegration_cancelled(on)
                case "reopen":
                    case.reintegration_reopened(on)
                case "finish":
                    case.reintegration_completed()
                case "close":
                    case.close(Reason.OTHER, note="told", on=on)
        except RuleBroken:
            pass
        assert {visit.code for visit in case.visits if visit.status is VisitStatus.COMPLETED} == made
        assert case.lost_on is None or case.status is not Status.FOLLOWING
        if case.status in (Status.CANCELLED, Status.CLOSED):
            assert not any(visit.to_make for visit in case.visits)


def test_only_silence_counts_as_a_failed_attempt() -> None:
    assert set(FAILED) == {Outcome.NO_ANSWER, Outcome.WRONG_NUMBER}
