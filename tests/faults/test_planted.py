"""What is a dead letter or skipped, beside what was planted, is told; and so is what is missing of it."""

from dataclasses import replace

import pytest

from shared.contracts import screening
from tests.faults.inspection import Findings
from tests.faults.planted import Letter, Planted

PLANTED = Planted(poisoned=["spoiled"], undecodable=[b"noise"])
STRANGE: Letter = ("travel", screening.SOURCE, "omar", 3)


def findings(state: str, letters: set[Letter], skips: set[Letter] | None = None) -> Findings:
    parked: dict[str, list[tuple[str, str, int, str]]] = {}
    for consumer, source, subject, sequence in letters:
        parked.setdefault(consumer, []).append((source, subject, sequence, state))
    return Findings(
        events={},
        effects={},
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


def test_what_was_skipped_on_purpose_is_right() -> None:
    assert list(PLANTED.repaired(findings("skipped", PLANTED.poisons))) == []


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (findings("skipped", PLANTED.poisons | {STRANGE}), ["skipped event that nobody", "to skip that nobody"]),
        (findings("skipped", PLANTED.poisons | {STRANGE}, PLANTED.poisons), ["skipped event that nobody"]),
        (findings("skipped", PLANTED.poisons, set()), ["decision to skip that is not there"] * 3),
        (findings("dead", {STRANGE}, PLANTED.poisons), ["dead letter", *["skipped event that is not there"] * 3]),
    ],
)
def test_what_was_skipped_otherwise_or_without_a_decision_is_told(found: Findings, words: list[str]) -> None:
    told = list(PLANTED.repaired(found))
    assert len(told) == len(words)
    assert all(word in each for word, each in zip(words, told, strict=True))


def test_only_planted_places_are_taken_out_of_what_is_lost() -> None:
    places = {("spoiled", 2)}
    assert PLANTED.skipped() == {name: {screening.SOURCE: places} for name in PLANTED.consumers}
