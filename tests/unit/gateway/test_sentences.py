"""Every event has its sentence."""

from datetime import UTC, datetime
from uuid import UUID

import orjson
import pytest
from hypothesis import given, settings

from services.gateway.handlers import HANDLERS
from services.gateway.sentences import _SENTENCES, sentence
from shared.contracts.envelope import REGISTRY, Contract, encode_data
from shared.contracts.reintegration import PlanApproved
from shared.contracts.screening import FitnessRecorded
from tests.unit.gateway.events import any_of


def test_no_event_is_without_a_sentence() -> None:
    assert set(HANDLERS) == set(_SENTENCES)


@pytest.mark.parametrize("type", sorted(HANDLERS))
def test_the_sentence_can_be_told_from_the_data_as_it_is_stored(type: str) -> None:
    @settings(max_examples=5, deadline=None)
    @given(any_of(REGISTRY[type]))
    def tell(data: Contract) -> None:
        told = sentence(type, orjson.loads(encode_data(data)))
        assert told.endswith(".")
        assert told[0].isupper()

    tell()


def test_amounts_and_times_are_told_as_people_write_them() -> None:
    plan = PlanApproved(fund_id=UUID(int=1), amount=123_450, currency="EUR")
    assert sentence(plan.type, plan.model_dump(mode="json")) == "The plan of EUR 1,234.50 was approved."
    until = datetime(2026, 3, 27, 9, 30, tzinfo=UTC)
    fit = FitnessRecorded(fit=True, valid_from=until, valid_until=until, assistance=[], escort_required=False)
    told = sentence(fit.type, fit.model_dump(mode="json"))
    assert told == "Examined: fit to travel until 2026-03-27 09:30 UTC."


def test_a_type_of_a_newer_build_is_told_by_its_name() -> None:
    assert sentence("org.homeward.travel.luggage-lost.v1", {}) == "Luggage lost."
