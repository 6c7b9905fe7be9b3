"""Lanes: what belongs together is never handled in two transactions side by side."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.envelope import GENESIS, Event
from shared.ids import new_id
from shared.messaging.lanes import LANES, split

SUBJECTS = [f"subject-{number}" for number in range(12)]
HOUSEHOLDS = [f"household-{number}" for number in range(4)]
FLIGHTS = ["flight-1", "flight-2"]

events_of = st.lists(st.sampled_from(SUBJECTS), max_size=60)
households_of = st.dictionaries(st.sampled_from(SUBJECTS), st.sampled_from(HOUSEHOLDS))
joints_of = st.lists(st.lists(st.sampled_from(SUBJECTS + HOUSEHOLDS + FLIGHTS), max_size=3), max_size=12)


def _event(subject: str, sequence: int) -> Event:
    return Event(
        id=new_id(),
        source="/homeward/screening",
        type="org.homeward.screening.case-cleared.v1",
        subject=subject,
        sequence=sequence,
        time=datetime(2026, 1, 5, tzinfo=UTC),
        prevhash=GENESIS,
        data=b"{}",
    )


@given(events_of, households_of, joints_of)
def test_every_event_is_in_one_lane_and_keeps_its_place(
    subjects: list[str], households: dict[str, str], joints: list[list[str]]
) -> None:
    events = [_event(subject, number) for number, subject in enumerate(subjects, 1)]
    groups = [[subject, *filter(None, [households.get(subject)])] for subject in subjects]
    lanes = split(events, groups, joints)
    assert len(lanes) <= LANES
    assert all(lanes)
    assert sorted(event.sequence for lane in lanes for event in lane) == list(range(1, len(events) + 1))
    assert all([event.sequence for event in lane] == sorted(event.sequence for event in lane) for lane in lanes)


@given(events_of, households_of, joints_of)
def test_what_belongs_together_is_in_one_lane(
    subjects: list[str], households: dict[str, str], joints: list[list[str]]
) -> None:
    events = [_event(subject, number) for number, subject in enumerate(subjects, 1)]
    groups = [[subject, *filter(None, [households.get(subject)])] for subject in subjects]
    reached = [{name for event in lane for name in _with_all(event.subject, groups, joints)}
               for lane in split(events, groups, joints)]  # fmt: skip
    assert sum(map(len, reached)) == len(set().union(*reached))


def _with_all(start: str, groups: list[list[str]], joints: list[list[str]]) -> set[str]:
    """Whatever hangs together with it, found by walking from one to the next."""
    found, edge = {start}, [start]
    while edge:
        here = edge.pop()
        near = {name for group in (*groups, *joints) if here in group for name in group} - found
        found |= near
        edge += near
    return found


def test_strangers_share_the_work() -> None:
    events = [_event(f"{number % 10}", number) for number in range(1, 101)]
    lanes = split(events, [[event.subject] for event in events], [])
    assert [len(lane) for lane in lanes] == [100 // LANES] * LANES
