"""From the booking on the country of origin's offices have to do with a case: what follows travel sees it alike."""

from datetime import UTC, datetime
from typing import cast

import pytest

from shared.clock import ProgrammeClock
from shared.contracts import travel
from shared.contracts.envelope import Contract
from shared.contracts.vocabulary import SeatReleaseReason
from shared.ids import new_id
from shared.persistence.unit_of_work import Surroundings
from shared.programme import load_programme
from tests.unit.travel.followers import Followers

NOW = datetime(2026, 3, 20, 9, tzinfo=UTC)
FLIGHT = new_id()
BOOKED = travel.SeatBooked(flight_id=FLIGHT, provisional=False, escorted=False)
RELEASED = travel.SeatReleased(flight_id=FLIGHT, reason=cast(SeatReleaseReason, "manual"))
BOARDED = travel.Boarded(flight_id=FLIGHT, boarded_at=NOW, kit=True)
LEFT = travel.Departed(flight_id=FLIGHT, departed_at=NOW)
MISSED = travel.NoShow(flight_id=FLIGHT)


def corrected(boarded: bool) -> travel.BoardingCorrected:
    return travel.BoardingCorrected(flight_id=FLIGHT, boarded=boarded)


@pytest.mark.parametrize(
    ("told", "concerned"),
    [
        ([], False),
        ([BOOKED], True),
        ([BOOKED, RELEASED], False),
        ([BOOKED, BOARDED, corrected(False)], True),
        ([BOOKED, RELEASED, MISSED], False),
        ([BOOKED, RELEASED, MISSED, corrected(True), LEFT], True),
        ([BOOKED, BOARDED, LEFT, corrected(False), RELEASED], False),
    ],
)
def test_whoever_follows_travel_sees_alike_whether_the_country_of_origin_is_concerned(
    told: list[Contract], concerned: bool
) -> None:
    person = new_id()
    followers = Followers([person], Surroundings(None, lambda _: None, ProgrammeClock(NOW), load_programme()))
    for each in told:
        followers.hear(person, each, NOW)
    seen = {person} if concerned else set()
    assert followers.travelling == dict.fromkeys(("screening", "reintegration", "gateway"), seen)
