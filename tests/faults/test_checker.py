"""The checker is seen red for each of its words."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

from services.cli import accounting
from shared.contracts.envelope import GENESIS, Event
from shared.ids import new_id
from tests.faults.checker import FOLLOWS, Delivery, Effect, account, broken_links, deliver, total

SOURCE = "/homeward/screening"
LOG = {subject: [(sequence, new_id()) for sequence in (1, 2, 3)] for subject in ("anna", "omar")}
EFFECTS = [
    Effect(serial, SOURCE, subject, sequence, id)
    for serial, (subject, (sequence, id)) in enumerate(
        ((subject, event) for subject, events in LOG.items() for event in events), start=1
    )
]


def test_everything_once_and_in_order_has_no_fault() -> None:
    found = deliver(LOG, EFFECTS)
    assert found == Delivery(published=6, handled=6)
    assert found.exactly_once


def test_an_event_without_effect_is_lost() -> None:
    found = deliver(LOG, EFFECTS[:-1])
    assert found.faults() == {"lost": 1}
    assert found.examples["lost"] == [("omar", 3)]


def test_a_second_effect_is_a_duplicate_and_no_disorder() -> None:
    again = replace(EFFECTS[0], serial=99)
    assert deliver(LOG, [*EFFECTS, again]).faults() == {"duplicated": 1}


def test_an_effect_whose_event_no_log_holds_is_unexpected() -> None:
    ghost = Effect(99, SOURCE, "nobody", 1, new_id())
    impostor = replace(EFFECTS[0], serial=100, event_id=new_id())
    assert deliver(LOG, [*EFFECTS, ghost, impostor]).faults() == {"unexpected": 2}


def test_an_effect_after_that_of_a_later_event_is_disordered() -> None:
    late = replace(EFFECTS[0], serial=99)
    assert deliver(LOG, [*EFFECTS[1:], late]).faults() == {"disordered": 1}


def test_what_came_from_the_log_is_recovered_and_no_fault() -> None:
    found = deliver(LOG, [replace(EFFECTS[0], via="log"), *EFFECTS[1:]])
    assert found.recovered == 1
    assert found.exactly_once


def test_what_a_person_has_skipped_is_not_lost() -> None:
    found = deliver(LOG, EFFECTS[:-1], skipped=[("omar", 3)])
    assert (found.lost, found.skipped) == (0, 1)


def test_a_consumer_that_took_nothing_of_a_source_it_follows_has_lost_all_of_it() -> None:
    found = account({SOURCE: LOG}, {"travel": EFFECTS, "gateway": []}, {"travel": [SOURCE], "gateway": [SOURCE]})
    assert found["travel", SOURCE].exactly_once
    assert found["gateway", SOURCE].lost == 6
    assert total(found.values()).lost == 6


def test_a_consumer_of_a_source_that_it_does_not_follow_is_unexpected_when_the_source_has_no_log() -> None:
    found = account({}, {"travel": EFFECTS[:1]}, {})
    assert found["travel", SOURCE].unexpected == 1


def chain(length: int) -> list[tuple[Event, bytes]]:
    events: list[tuple[Event, bytes]] = []
    for sequence in range(1, length + 1):
        event = Event(
            id=UUID(int=sequence),
            source=SOURCE,
            type="some.type.v1",
            subject="anna",
            sequence=sequence,
            time=datetime(2026, 1, 5, tzinfo=UTC),
            prevhash=events[-1][1] if events else GENESIS,
            data=b"{}",
        )
        events.append((event, event.hash))
    return events


def test_a_whole_chain_has_no_broken_link() -> None:
    assert broken_links(chain(4)) == []


def test_a_changed_body_a_missing_event_and_another_hash_break_the_chain() -> None:
    whole = chain(4)
    changed = [*whole[:1], (replace(whole[1][0], data=b'{"a":1}'), whole[1][1]), *whole[2:]]
    assert broken_links(changed) == [("anna", 2)]
    assert broken_links([whole[0], *whole[2:]]) == [("anna", 3)]
    assert broken_links([*whole[:3], (whole[3][0], bytes(32))]) == [("anna", 4)]


def test_who_follows_whom_is_what_the_product_takes_for_whole() -> None:
    """A consumer that had no effect at all would else have lost nothing."""
    short = {name: tuple(each.rsplit("/", 1)[-1] for each in sources) for name, sources in FOLLOWS.items()}
    assert short == accounting.FOLLOWS
    assert account({SOURCE: LOG}, dict.fromkeys(FOLLOWS, ()), FOLLOWS)["gateway", SOURCE].lost == 6
