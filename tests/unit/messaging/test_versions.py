"""A handler is written for the newest type alone and gets the older ones as that tells them."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Self

import pytest

from services.partners import offers
from shared.contracts import versions
from shared.contracts.envelope import GENESIS, REGISTRY, Contract, Event, encode_data
from shared.contracts.screening import DeclarationSigned
from shared.ids import new_id
from shared.messaging.handlers import BadData, handlers, on, receive
from tests.support.builds import BagHeld, BagHeld1, BagHeld2, Cause, registered


@pytest.fixture(autouse=True)
def known() -> Iterator[None]:
    with registered():
        yield


def _event(data: Contract) -> Event:
    return Event(
        id=new_id(),
        source="/homeward/screening",
        type=data.type,
        subject=str(new_id()),
        sequence=1,
        time=datetime.now(UTC),
        prevhash=GENESIS,
        data=encode_data(data),
    )


def _ignore(received: Any, unit: Any) -> None:
    """Nothing is to be done."""


def test_a_handler_of_the_newest_type_handles_all_that_it_has_replaced() -> None:
    table = handlers(on(BagHeld, _ignore))
    assert list(table) == [BagHeld.type, BagHeld2.type, BagHeld1.type]
    assert {handler.contract for handler in table.values()} == {BagHeld}


@pytest.mark.parametrize("recorded", [BagHeld1(kilograms=2), BagHeld2(grams=2000, cause="weight")])
def test_an_older_event_reaches_the_handler_as_the_newest_type_tells_it_and_stays_as_it_was(recorded: Contract) -> None:
    event = _event(recorded)
    before = event.hash
    received = receive(event, BagHeld)
    assert received.data == BagHeld(grams=2000, cause=Cause.WEIGHT)
    assert received.event.contract == recorded
    assert replace(event).hash == before


def test_older_data_that_do_not_fit_are_bad_data_of_the_older_type() -> None:
    event = replace(_event(BagHeld1(kilograms=2)), data=b'{"kilograms":"many"}')
    with pytest.raises(BadData, match=r"bag-held\.v1: kilograms: int_parsing"):
        receive(event, BagHeld)


def test_an_older_event_that_cannot_be_told_as_the_newest_says_so_and_where_and_quotes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(BagHeld, "upcast", lambda older: Cause(f"Amina {older.cause}"))
    with pytest.raises(BadData) as told:
        receive(_event(BagHeld2(grams=2000, cause="weight")), BagHeld)
    said = r"[\w.-]+bag-held\.v2 can't be told as [\w.-]+bag-held\.v3: ValueError in test_versions\.py:\d+"
    assert re.fullmatch(said, str(told.value)), str(told.value)


def test_what_an_older_event_becomes_must_fit_the_newest_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BagHeld, "upcast", lambda older: BagHeld(grams="Amina", cause=older.cause))  # type: ignore[arg-type]
    with pytest.raises(BadData, match=r"^what became of \S+v2 does not fit \S+v3: grams: int_parsing$"):
        receive(_event(BagHeld2(grams=2000, cause="weight")), BagHeld)


def test_an_event_whose_subject_is_none_of_ours_is_bad_data() -> None:
    with pytest.raises(BadData, match=r"^subject is not a UUID$"):
        receive(replace(_event(BagHeld1(kilograms=2)), subject="a bag"), BagHeld)


def test_a_service_that_handles_a_replaced_type_does_not_start() -> None:
    with pytest.raises(TypeError, match=r"bag-held\.v2 is what must be handled now"):
        handlers(on(BagHeld1, _ignore))
    with pytest.raises(TypeError, match="two handlers"):
        handlers(on(BagHeld, _ignore), on(BagHeld1, _ignore))


def test_a_newer_event_does_not_become_an_older_one_for_a_handler() -> None:
    with pytest.raises(TypeError, match=r"bag-held\.v3 never becomes"):
        versions.upcast(BagHeld(grams=1, cause=Cause.CONTENT), BagHeld1)


def test_a_type_that_replaces_another_says_how_and_does_it_alone() -> None:
    with pytest.raises(TypeError, match="does not say how"):

        class Silent(Contract, type="org.homeward.screening.silent.v1", replaces=BagHeld):
            pass

    with pytest.raises(TypeError, match="is replaced twice"):

        class Second(Contract, type="org.homeward.screening.second.v1", replaces=BagHeld1):
            @classmethod
            def upcast(cls, older: BagHeld1) -> Self:
                return cls()

    assert versions.newest(BagHeld1) is BagHeld
    assert not {"org.homeward.screening.silent.v1", "org.homeward.screening.second.v1"} & REGISTRY.keys()


def test_an_agency_is_told_by_the_first_type() -> None:
    assert versions.downcast(BagHeld(grams=2000, cause=Cause.CONTENT)) == BagHeld1(kilograms=2)
    assert offers._of(BagHeld, "kilograms") == (BagHeld1.type, frozenset({"kilograms"}))
    with pytest.raises(TypeError, match=r"bag-held\.v1 has no grams"):
        offers._of(BagHeld, "grams")
    with pytest.raises(TypeError, match="what agencies are told"):
        offers._of(Mute, "signed_on")


class Mute(Contract, type="org.homeward.screening.declaration-signed.v2", replaces=DeclarationSigned):
    """It doesn't say what agencies are told."""

    @classmethod
    def upcast(cls, older: DeclarationSigned) -> Self:
        return cls()


del REGISTRY[Mute.type]
DeclarationSigned.replaced_by = None
