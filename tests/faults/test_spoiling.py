"""Spoilt events fail in the consumer that is named, for as long as they are spoilt."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from shared.contracts.screening import DeclarationSigned
from shared.messaging.consumer import Consumer
from shared.messaging.handlers import handlers, on
from shared.telemetry import Telemetry
from tests.faults import spoiling
from tests.faults.spoiling import ATTEMPTS, Spoiling, Spoilt


def take(received: Any, unit: Any) -> None:
    unit.append(received.subject)


@pytest.fixture
def consumer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Consumer:
    """Travel's, in a process under fault."""
    monkeypatch.setattr(Consumer, "__init__", Consumer.__init__)
    spoiling.install(tmp_path, "travel-1")
    own = handlers(on(DeclarationSigned, take))
    return Consumer("queue", cast(Any, None), cast(Any, None), own, Telemetry("travel"))


def handled(consumer: Consumer, subject: str) -> list[str]:
    taken: list[str] = []
    consumer.handlers[DeclarationSigned.type].function(cast(Any, SimpleNamespace(subject=subject)), cast(Any, taken))
    return taken


def test_only_the_named_case_fails_in_the_named_consumer_until_it_is_mended(consumer: Consumer, tmp_path: Path) -> None:
    spoilt = Spoiling(tmp_path)
    spoilt.spoil("travel", "omar")
    spoilt.spoil("gateway", "amina")
    assert not spoilt.felt("travel", "omar")
    with pytest.raises(Spoilt):
        handled(consumer, "omar")
    assert spoilt.felt("travel", "omar") and handled(consumer, "amina") == ["amina"]
    spoilt.mend()
    assert handled(consumer, "omar") == ["omar"]


def test_what_nobody_has_felt_can_be_given_up_and_the_rest_stays(consumer: Consumer, tmp_path: Path) -> None:
    spoilt = Spoiling(tmp_path)
    spoilt.spoil("travel", "omar")
    assert spoilt.give_up("travel", "omar")
    assert spoilt.spoilt == [] and handled(consumer, "omar") == ["omar"]
    spoilt.spoil("travel", "omar")
    with pytest.raises(Spoilt):
        handled(consumer, "omar")
    assert not spoilt.give_up("travel", "omar")
    assert spoilt.spoilt == [("travel", "omar")]
    with pytest.raises(Spoilt):
        handled(consumer, "omar")


def test_a_spoilt_event_is_a_dead_letter_within_some_seconds(consumer: Consumer) -> None:
    assert consumer.policy.attempts == ATTEMPTS
