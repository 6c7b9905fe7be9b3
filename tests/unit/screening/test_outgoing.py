"""What leaves screening."""

from typing import get_args

import pytest

from services.screening import outgoing
from services.screening.domain import events
from services.screening.domain.vocabulary import AgeGroup, Band, Gate
from shared.contracts.envelope import encode_data
from shared.ids import new_id
from tests.unit.screening.people import NOW

CASE, OTHER = new_id(), new_id()
EVENTS: list[events.ScreeningEvent] = [
    events.CaseRegistered(CASE, OTHER, None, "TRI-000001", "tripoli", "PK", AgeGroup.ADULT, NOW.date()),
    events.DuplicateSuspected(CASE, OTHER),
    events.DuplicateDecided(CASE, OTHER, True, OTHER),
    events.CaseMerged(CASE, OTHER),
    events.CaseAssessed(CASE, Band.HIGH, ("WCHR",), True, False),
    events.CareArranged(CASE, True),
    events.DeclarationSigned(CASE, NOW.date(), ("embassy",)),
    events.RecipientsChanged(CASE, ("embassy", "carrier")),
    events.ConsentWithdrawn(CASE, NOW.date()),
    events.HoldPlaced(CASE, OTHER),
    events.HoldLifted(CASE, OTHER),
    events.FitnessRecorded(CASE, True, NOW, NOW, ("MEDA",), True),
    events.CaseCleared(CASE, NOW.date()),
    events.ClearanceRevoked(CASE, (Gate.HOLD,)),
    events.CaseDeclined(CASE, NOW.date()),
    events.IdentityCorrected(CASE, "CI", AgeGroup.CHILD),
    events.PersonErased(CASE, NOW.date()),
    events.HouseholdChanged(CASE, (OTHER,)),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_each_event_leaves_under_its_own_subject_and_name(event: events.ScreeningEvent) -> None:
    published = outgoing.publish(event)
    assert published.subject == CASE
    assert type(published.data).__name__ == type(event).__name__
    assert encode_data(published.data)


def test_no_event_is_left_out_here() -> None:
    assert {type(event) for event in EVENTS} == set(get_args(events.ScreeningEvent))
