"""The operators' word for where a case is: the first rule that holds."""

from collections.abc import Callable
from enum import StrEnum

from services.gateway.projection import CaseView
from services.gateway.vocabulary import Arrival, Boarding


class Stage(StrEnum):
    """Where a case is."""

    #: The person has asked to return.
    REGISTERED = "registered"
    #: Screening has begun.
    SCREENING = "screening"
    #: All gates of screening are met.
    CLEARED = "cleared"
    #: Papers are being got.
    PREPARING = "preparing"
    #: Everything but a seat is there.
    READY = "ready"
    #: A seat is booked.
    BOOKED = "booked"
    #: The person is on the way.
    DEPARTED = "departed"
    #: The receiving side has met the person.
    ARRIVED = "arrived"
    #: Reintegration has begun.
    REINTEGRATING = "reintegrating"
    #: Reintegration is complete and every follow-up was made.
    FOLLOWED_UP = "followed_up"
    #: The case is closed.
    CLOSED = "closed"
    #: The case must not move until a hold is lifted.
    ON_HOLD = "on_hold"
    #: The programme can't return this person.
    DECLINED = "declined"
    #: The person no longer wants to return.
    WITHDRAWN = "withdrawn"
    #: The person did not come to the flight.
    NO_SHOW = "no_show"
    #: The receiving side did not meet the person.
    MISSING_AT_ARRIVAL = "missing_at_arrival"
    #: The person can't be found any more.
    LOST_CONTACT = "lost_contact"
    #: The case was a duplicate and goes on as another.
    MERGED = "merged"


Rule = Callable[[CaseView], bool]


def _has_withdrawn(case: CaseView) -> bool:
    # Travel decides whether a withdrawal came too late; one made at the gate reaches screening afterwards.
    return case.travel.withdrawn or (case.screening.withdrawn and not case.travel.too_late)


def _in_screening(case: CaseView) -> bool:
    known = case.screening
    return known.declared or known.band is not None or known.fit is not None or known.care_arranged


#: What lies furthest in the journey comes first; beside it, what ends or stops a case before the person is on board.
RULES: tuple[tuple[Stage, Rule], ...] = (
    (Stage.MERGED, lambda case: case.screening.merged_into is not None),
    (Stage.CLOSED, lambda case: case.monitoring.closed is not None),
    (Stage.LOST_CONTACT, lambda case: case.monitoring.lost),
    (Stage.FOLLOWED_UP, lambda case: bool(case.reintegration.completed_on) and case.monitoring.all_visited),
    (Stage.REINTEGRATING, lambda case: case.reintegration.running),
    (Stage.ARRIVED, lambda case: case.travel.departed and case.travel.arrival is Arrival.CONFIRMED),
    (Stage.MISSING_AT_ARRIVAL, lambda case: case.travel.departed and case.travel.arrival is Arrival.MISSING),
    (Stage.DEPARTED, lambda case: case.travel.departed),
    (Stage.BOOKED, lambda case: case.travel.boarding is Boarding.BOARDED),
    (Stage.DECLINED, lambda case: case.screening.declined),
    (Stage.WITHDRAWN, _has_withdrawn),
    (Stage.ON_HOLD, lambda case: bool(case.screening.holds)),
    (Stage.NO_SHOW, lambda case: case.travel.boarding is Boarding.NO_SHOW),
    (Stage.BOOKED, lambda case: case.travel.seated),
    (Stage.READY, lambda case: case.travel.ready),
    (Stage.PREPARING, lambda case: case.screening.cleared and case.travel.begun),
    (Stage.CLEARED, lambda case: case.screening.cleared),
    (Stage.SCREENING, _in_screening),
)


def stage(case: CaseView) -> Stage:
    """Where the case is."""
    return next((stage for stage, holds in RULES if holds(case)), Stage.REGISTERED)
