"""When a queue counts as consumed, how much it is given, and what is whose at the broker."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.partners.amqp import passwords
from services.partners.amqp.management import Figure
from services.partners.amqp.naming import Naming
from services.partners.amqp.room import UNACKNOWLEDGED, Room
from services.partners.amqp.taken import Taken
from services.partners.amqp.wanted import WAITING, Queue, arguments
from services.partners.settings import Settings

ID = UUID(int=7)


def looks(taken: Taken, queue: Queue, *figures: Figure | None) -> list[int | None]:
    """What each look says."""
    found: list[int | None] = []
    for figure in figures:
        mark = taken.seen(queue, figure) if taken.undecided(queue) else None
        found.append(mark.published if mark else None)
    return found


def test_a_figure_that_stands_still_says_nothing() -> None:
    queue = Queue(ID, 5, 0, 0)
    assert looks(Taken(), queue, *[Figure(0, 1)] * 20) == [None] * 20


def test_a_queue_is_consumed_when_the_third_figure_after_it_was_looked_at_is_empty() -> None:
    queue = Queue(ID, 5, 0, 0)
    figures = [Figure(0, work) for work in (1, 1, 2, 3, 3, 4)]
    assert looks(Taken(), queue, *figures) == [None, None, None, None, None, 5]


def test_what_is_published_later_does_not_put_off_what_was_published_before() -> None:
    taken = Taken()
    looks(taken, Queue(ID, 5, 0, 0), Figure(9, 1), Figure(9, 2), Figure(9, 3))
    assert looks(taken, Queue(ID, 50, 0, 0), Figure(3, 4), Figure(0, 5)) == [None, 5]


def test_of_a_queue_that_was_made_anew_or_tells_nothing_nothing_is_known() -> None:
    taken = Taken()
    looks(taken, Queue(ID, 5, 0, 0), Figure(0, 1), Figure(0, 2), Figure(0, 3))
    assert looks(taken, Queue(ID, 5, 1, 0), Figure(0, 4), Figure(0, 5), Figure(0, 6), Figure(0, 7))[:3] == [None] * 3
    taken = Taken()
    told = looks(taken, Queue(ID, 5, 0, 0), Figure(0, 1), Figure(0, 2), Figure(0, 3), None, Figure(None, None))
    assert told == [None] * 5
    assert looks(taken, Queue(ID, 5, 0, 0), Figure(0, 9), Figure(0, 10), Figure(0, 11)) == [None] * 3


def test_tombstones_given_during_a_pause_are_taken_when_the_queue_was_empty_and_nothing_else_is() -> None:
    taken, queue = Taken(), Queue(ID, 5, 0, 5, buried=9)
    for work in (1, 2, 3):
        assert taken.undecided(queue) and taken.seen(queue, Figure(0, work)) is None
    mark = taken.seen(queue, Figure(0, 4))
    assert mark is not None and (mark.published, mark.buried) == (5, 9)
    assert not taken.undecided(Queue(ID, 5, 0, 5))


@given(
    looked=st.lists(
        st.tuples(st.integers(0, 2 * WAITING), st.integers(0, 2 * UNACKNOWLEDGED), st.floats(0, 5)), max_size=60
    )
)
def test_a_queue_is_never_given_more_than_there_is_room_for(looked: list[tuple[int, int, float]]) -> None:
    room, now = Room(), 1000.0
    lately: list[tuple[float, int]] = []
    for waiting, held, later in looked:
        now += later
        left = room.left(ID, waiting, (held, now), now)
        lately = [each for each in lately if each[0] >= now - 15]
        assert 0 <= left <= max(0, WAITING - waiting)
        assert left == 0 or left + held + sum(count for _, count in lately) <= UNACKNOWLEDGED
        room.gave(ID, left, now)
        lately.append((now, left))


def test_what_is_named_otherwise_is_somebody_else_s() -> None:
    naming = Naming("homeward")
    assert naming.is_agency(naming.agency(ID)) and naming.is_queue(naming.queue(ID))
    others = ("/", "homeward", "homeward.agency.", f"xhomeward.agency.{ID}", f"homeward.agency.{ID}x")
    assert not any(naming.is_agency(each) or naming.is_queue(each) for each in others)
    assert not naming.is_agency(Naming("homeward-test").agency(ID))


def test_the_broker_s_hash_tells_whether_it_has_the_password() -> None:
    kept = passwords.first()
    other = passwords.rotated(kept)
    hashed = passwords.hashed(kept["password"])
    assert passwords.fits(kept["password"], hashed)
    assert not any(passwords.fits(other["password"], each) for each in (hashed, "", "no base64"))
    # Of RabbitMQ's own documentation.
    assert passwords.fits("test12", "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR")


def test_redeliveries_are_not_counted_where_the_broker_would() -> None:
    assert arguments(4)["x-delivery-limit"] == -1
    assert "x-delivery-limit" not in arguments(3)


def test_the_three_settings_go_together() -> None:
    with pytest.raises(ValidationError, match="go together"):
        Settings(agencies_amqp_public_url="amqps://broker.example:5671")
