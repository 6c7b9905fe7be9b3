"""The decision at the heart, ``inbox.plan``, among replicas that stand still or die between any two of their
transactions. The tables are kept in memory, so that thousands of interleavings are tried and a failure shrinks.
"""

import re
from collections.abc import Generator, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from shared.contracts.envelope import GENESIS, Event
from shared.ids import new_id
from shared.messaging import inbox
from shared.messaging.inbox import Key, Parked, Plan, State, Subject, key_of, may_run
from tests.support.mutations import forgetful, losing_what_is_ahead

SOURCE, ATTEMPTS = "/homeward/screening", 2
SUBJECTS = ("one", "other")
MANY = st.integers(0, 99)
KIND = st.sampled_from(["ordinary", "ordinary", "ordinary", "poison", "early", "newer"])

#: A replica at work: it stands still before each of its transactions.
Work = Generator[None, None, None]


@dataclass
class Tables:
    """What one consumer's database holds; each method is one transaction."""

    positions: dict[Key, Subject] = field(default_factory=dict)
    parked: dict[tuple[Key, int], Parked] = field(default_factory=dict)
    effects: dict[str, list[int]] = field(default_factory=lambda: {subject: [] for subject in SUBJECTS})
    newest_build: bool = False
    poisoned: bool = True
    early: bool = True

    def knows(self, type: str) -> bool:
        return self.newest_build or type != "newer"

    def lock(self, keys: Iterable[Key]) -> dict[Key, Subject]:
        found = {}
        for key in set(keys):
            at = self.positions.setdefault(key, Subject(0, GENESIS, None))
            above = {n: row for (where, n), row in self.parked.items() if where == key and n > at.sequence}
            found[key] = Subject(at.sequence, at.hash, at.diverged, above)
        return found

    def batch(self, events: list[Event], held: set[tuple[Key, int]]) -> list[Event]:
        """Handle what is next; the events that failed, for which nothing was changed."""
        result = inbox.plan(self.lock(map(key_of, events)), events, self.knows, held=held)
        if failed := [event for event in result.runnable if self._fails(event)]:
            return failed[:1] if failed[0].type == "poison" else [each for each in failed if each.type == "early"]
        for event in result.runnable:
            if event.type != "newer":
                self.effects[event.subject].append(event.sequence)
        self._save(result)
        return []

    def _fails(self, event: Event) -> bool:
        return (event.type == "poison" and self.poisoned) or (event.type == "early" and self.early)

    def _save(self, result: Plan) -> None:
        for key, subject in result.positions.items():
            if key in result.advanced or subject.diverged:
                self.positions[key] = replace(subject, parked={})
                done = [place for place in self.parked if place[0] == key and place[1] <= subject.sequence]
                for place in done:
                    if self.parked[place].state is not State.SKIPPED:
                        del self.parked[place]
        for each in result.park:
            place = key_of(each.event), each.event.sequence
            there = self.parked.get(place)
            if there is None or there.state is State.WAITING:
                self.parked[place] = replace(each, event=there.event if there else each.event)

    def set_aside(self, failed: list[Event]) -> None:
        for event in failed:
            key, place = key_of(event), (key_of(event), event.sequence)
            row = self.parked.get(place)
            if event.sequence > self.lock([key])[key].sequence and (row is None or may_run(row, self.knows)):
                attempts = (row.attempts if row else 0) + (event.type == "poison")
                state = State.NOT_YET if event.type == "early" else State.RETRY
                self.parked[place] = Parked(event, State.DEAD if attempts >= ATTEMPTS else state, attempts)

    def decide(self, place: tuple[Key, int], state: State) -> None:
        self.parked[place] = replace(self.parked[place], state=state, attempts=0, due=True)

    def ready(self) -> list[Event]:
        found = []
        for (key, sequence), row in self.parked.items():
            if self.positions[key].sequence + 1 == sequence and may_run(row, self.knows):
                found.append(row.event)
        return found


class Interleavings(RuleBasedStateMachine):
    """A producer's logs, a wire that doubles, loses and reorders, and replicas."""

    def __init__(self) -> None:
        super().__init__()
        self.tables = Tables()
        self.logs: dict[str, list[Event]] = {subject: [] for subject in SUBJECTS}
        self.wire: list[Event] = []
        self.running: list[tuple[Work, list[Event]]] = []
        self.skipped: set[tuple[str, int]] = set()

    def handle(self, events: list[Event]) -> Work:
        held: set[tuple[Key, int]] = set()
        while events:
            yield
            if not (failed := self.tables.batch(events, held)):
                return
            yield
            self.tables.set_aside(failed)
            held |= {(key_of(each), each.sequence) for each in failed}

    def retry_parked(self) -> Work:
        yield
        yield from self.handle(self.tables.ready())

    def repair(self) -> Work:
        """Compare positions with the log, then fetch and handle what is missing."""
        yield
        at = {subject: self._position(subject) for subject in SUBJECTS}
        yield
        yield from self.handle([event for subject in SUBJECTS for event in self.logs[subject][at[subject] :]])

    def _position(self, subject: str) -> int:
        return self.tables.lock([(SOURCE, subject)])[SOURCE, subject].sequence

    @rule(subject=st.sampled_from(SUBJECTS), kinds=st.lists(KIND, min_size=1, max_size=4))
    def record(self, subject: str, kinds: list[str]) -> None:
        log = self.logs[subject]
        for kind in kinds:
            previous = log[-1].hash if log else GENESIS
            log.append(_event(subject, len(log) + 1, kind, previous))
            self.wire.append(log[-1])

    @precondition(lambda self: self.wire)
    @rule(numbers=st.lists(MANY, min_size=1, max_size=5), twice=st.booleans())
    def receive(self, numbers: list[int], twice: bool) -> None:
        batch = [self.wire[number % len(self.wire)] for number in numbers]
        if not twice:
            self.wire = [event for event in self.wire if event not in batch]
        self.running.append((self.handle(batch), [] if twice else batch))

    @precondition(lambda self: self.wire)
    @rule(number=MANY)
    def lose(self, number: int) -> None:
        self.wire.pop(number % len(self.wire))

    @rule()
    def retry(self) -> None:
        self.running.append((self.retry_parked(), []))

    @rule()
    def reconcile(self) -> None:
        self.running.append((self.repair(), []))

    @precondition(lambda self: self.running)
    @rule(number=MANY, steps=st.integers(1, 6))
    def step(self, number: int, steps: int) -> None:
        work = self.running[number % len(self.running)]
        for _ in range(steps):
            if next(work[0], self) is self:
                self.running.remove(work)
                break

    @precondition(lambda self: self.running)
    @rule(number=MANY)
    def kill(self, number: int) -> None:
        _, messages = self.running.pop(number % len(self.running))
        self.wire += messages

    @rule()
    def time_passes(self) -> None:
        self.tables.parked = {place: replace(row, due=True) for place, row in self.tables.parked.items()}

    @rule(poisoned=st.booleans(), early=st.booleans(), newest=st.booleans())
    def other_build(self, poisoned: bool, early: bool, newest: bool) -> None:
        self.tables.poisoned, self.tables.early, self.tables.newest_build = poisoned, early, newest

    @rule(number=MANY, skip=st.booleans())
    def decide(self, number: int, skip: bool) -> None:
        if dead := self._dead():
            key, sequence = dead[number % len(dead)]
            self.tables.decide((key, sequence), State.SKIPPED if skip else State.RETRY)
            if skip:
                self.skipped.add((key[1], sequence))

    def _dead(self) -> list[tuple[Key, int]]:
        return [place for place, row in self.tables.parked.items() if row.state is State.DEAD]

    @invariant()
    def effects_are_in_order_and_once(self) -> None:
        for subject, seen in self.tables.effects.items():
            assert seen == self._expected(subject)[: len(seen)], f"{subject} took effect as {seen}"

    @invariant()
    def no_subject_of_a_whole_log_is_stopped(self) -> None:
        assert all(subject.diverged is None for subject in self.tables.positions.values())

    def teardown(self) -> None:
        """Nothing runs any more and the wire is empty; then everything is mended, and comes to rest."""
        self.tables.early, self.tables.newest_build = False, True
        self._rest()
        assert {row.event.type for row in self.tables.parked.values() if row.state is State.DEAD} <= {"poison"}
        self.tables.poisoned = False
        for place in self._dead():
            self.tables.decide(place, State.RETRY)
        self._rest()
        assert self.tables.effects == {each: self._expected(each) for each in SUBJECTS}, "something is lost"
        assert {row.state for row in self.tables.parked.values()} <= {State.SKIPPED}

    def _rest(self) -> None:
        for _ in range(ATTEMPTS + 1):
            self.time_passes()
            for work in (*self.repairs(), self.retry_parked()):
                list(work)

    def repairs(self) -> list[Work]:
        """What brings lost events back."""
        return [self.repair()]

    def _expected(self, subject: str) -> list[int]:
        log = self.logs[subject]
        return [each.sequence for each in log if each.type != "newer" and (subject, each.sequence) not in self.skipped]


class WithoutRepair(Interleavings):
    """The wire alone, which loses nothing here: what is kept of it must be enough."""

    @rule()
    def reconcile(self) -> None:
        """Nobody asks the log."""

    @precondition(lambda self: False)
    @rule(number=MANY)
    def lose(self, number: int) -> None:
        """Nothing is lost."""

    def repairs(self) -> list[Work]:
        for _, messages in self.running:
            self.wire += messages
        self.running.clear()
        return [self.handle(self.wire)]


def _event(subject: str, sequence: int, kind: str, previous: bytes) -> Event:
    noon = datetime(2026, 3, 27, 12, tzinfo=UTC)
    return Event(
        id=new_id(), source=SOURCE, type=kind, subject=subject, sequence=sequence, time=noon, prevhash=previous,
        data=b"{}",
    )  # fmt: skip


def explore(machine: type[Interleavings], examples: int, **more: Any) -> None:
    calm = list(HealthCheck)
    chosen: dict[str, Any] = {"stateful_step_count": 30, "deadline": None, "suppress_health_check": calm} | more
    run_state_machine_as_test(machine, settings=settings(max_examples=examples, **chosen))


def test_in_thousands_of_interleavings_everything_takes_effect_once_and_in_order() -> None:
    explore(Interleavings, 2500)


def test_without_repair_what_the_wire_brings_in_any_order_is_enough() -> None:
    explore(WithoutRepair, 500)


@pytest.mark.parametrize(("mutation", "machine"), [(forgetful, Interleavings), (losing_what_is_ahead, WithoutRepair)])
def test_a_planted_fault_is_found_and_shrinks_to_a_few_steps(
    mutation: Any, machine: type[Interleavings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "plan", mutation(inbox.plan))
    # The same examples each time: how far they shrink is left to chance otherwise.
    chosen = {"derandomize": True, "database": None, "report_multiple_bugs": False}
    with pytest.raises(AssertionError) as found:
        explore(machine, 1000, phases=[Phase.generate, Phase.shrink], **chosen)
    told = "\n".join(found.value.__notes__)
    assert 2 <= len(re.findall(r"^ *state\.(?:record|receive|step|retry|kill|decide)\(", told, re.MULTILINE)) <= 6, told
