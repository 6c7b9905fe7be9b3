"""What is a dead letter or skipped, beside what was planted, is told; and so is what is missing of it."""

from dataclasses import replace

import pytest

from shared.contracts import screening
from shared.contracts.envelope import GENESIS, Event
from shared.ids import new_id
from tests.faults.checker import Effect
from tests.faults.inspection import Findings
from tests.faults.planted import Letter, Planted
from tests.faults.suite import START

PLANTED = Planted(poisoned=["rotten"], undecodable=[b"noise"])
STRANGE: Letter = ("travel", screening.SOURCE, "omar", 3)


def event(sequence: int) -> Event:
    return Event(
        id=new_id(),
        source=screening.SOURCE,
        type=screening.HoldPlaced.type,
        subject="omar",
        sequence=sequence,
        time=START,
        prevhash=GENESIS,
        data=b"{}",
    )


def behind(letters: set[Letter]) -> set[Letter]:
    return {(name, source, subject, sequence + 1) for name, source, subject, sequence in letters}


def findings(state: str, letters: set[Letter], skips: set[Letter] | None = None) -> Findings:
    """Two events of omar's, of which travel has handled the first; behind each dead letter one event waits."""
    parked: dict[str, list[tuple[str, str, int, str]]] = {}
    states = {state: letters, "waiting": behind(PLANTED.poisons) if state == "dead" else set()}
    for own, those in states.items():
        for consumer, source, subject, sequence in those:
            parked.setdefault(consumer, []).append((source, subject, sequence, own))
    log = [event(sequence) for sequence in (1, 2, 3)]
    handled = [Effect(1, screening.SOURCE, "omar", 1, log[0].id)]
    return Findings(
        events={screening.SOURCE: [(each, b"") for each in log]},
        effects={"travel": handled, "gateway": []},
        parked=parked,
        skips=letters if skips is None else skips,
        unreadable={"travel": [b"noise"]},
        diverged={},
        executed={},
        states={},
    )


def test_dead_letters_that_were_all_planted_are_right() -> None:
    assert list(PLANTED.letters(findings("dead", PLANTED.poisons))) == []


def test_a_strange_dead_letter_a_missing_one_and_strange_bytes_are_told() -> None:
    [strange] = PLANTED.letters(findings("dead", PLANTED.poisons | {STRANGE}))
    [missing] = PLANTED.letters(findings("dead", PLANTED.poisons - {min(PLANTED.poisons)}))
    unread = replace(findings("dead", PLANTED.poisons), unreadable={"travel": [b"an innocent event"]})
    [bytes_] = PLANTED.letters(unread)
    assert "nobody planted" in strange and "not there" in missing and "never sent" in bytes_


SPOILT = Planted(spoilt=[("travel", "omar")])
HELD_UP: Letter = ("travel", screening.SOURCE, "omar", 2)


def held_up(*parked: tuple[str, str, int, str]) -> Findings:
    return replace(findings("dead", set()), parked={"travel": list(parked)}, unreadable={})


def test_of_a_spoilt_case_the_first_event_without_effect_is_dead_and_the_next_waits() -> None:
    dead, waits = (screening.SOURCE, "omar", 2, "dead"), (screening.SOURCE, "omar", 3, "waiting")
    assert SPOILT.held_up(held_up()) == {HELD_UP}
    assert list(SPOILT.letters(held_up(dead, waits))) == []
    [not_dead] = SPOILT.letters(held_up(waits))
    [not_waiting] = SPOILT.letters(held_up(dead))
    assert "planted dead letter that is not there" in not_dead and "waiting event that is not there" in not_waiting


def test_a_spoilt_case_of_which_everything_took_effect_was_not_held_up() -> None:
    seen = held_up()
    effects = [
        Effect(n, screening.SOURCE, "omar", n, event.id)
        for n, (event, _) in enumerate(seen.events[screening.SOURCE], 1)
    ]
    [told] = SPOILT.letters(replace(seen, effects={"travel": effects}))
    assert "nothing was held up" in told


def test_what_was_skipped_on_purpose_is_right() -> None:
    assert list(PLANTED.repaired(findings("skipped", PLANTED.poisons))) == []


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (findings("skipped", PLANTED.poisons | {STRANGE}), ["skipped event that nobody", "to skip that nobody"]),
        (findings("skipped", PLANTED.poisons | {STRANGE}, PLANTED.poisons), ["skipped event that nobody"]),
        (findings("skipped", PLANTED.poisons, set()), ["decision to skip that is not there"] * len(PLANTED.poisons)),
        (
            findings("dead", {STRANGE}, PLANTED.poisons),
            ["dead letter", *["skipped event that is not there"] * len(PLANTED.poisons)],
        ),
    ],
)
def test_what_was_skipped_otherwise_or_without_a_decision_is_told(found: Findings, words: list[str]) -> None:
    told = list(PLANTED.repaired(found))
    assert len(told) == len(words)
    assert all(word in each for word, each in zip(words, told, strict=True))


def test_only_planted_places_are_taken_out_of_what_is_lost() -> None:
    places = {("rotten", 2)}
    assert PLANTED.skipped() == {name: {screening.SOURCE: places} for name in PLANTED.consumers}
