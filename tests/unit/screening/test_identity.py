"""Finding the same person again."""

from datetime import date

import pytest

from services.screening.domain.identity import name_tokens
from services.screening.domain.vocabulary import AgeGroup, Likeness
from tests.unit.screening.people import identity

KEITA = (("Mohamed", "Keita"), ("محمد", "كيتا"))


@pytest.mark.parametrize(
    ("given", "family"),
    [("ADEEL", "gill"), ("Gill", "Adeel"), ("Adéel", "Gïll"), ("Adeel-Gill", ""), (" adeel ", "Gill.")],
)
def test_case_accents_order_and_punctuation_of_a_name_do_not_matter(given: str, family: str) -> None:
    assert identity(given_name=given, family_name=family).likeness_keys() == identity().likeness_keys()


def test_names_in_arabic_script_are_compared_without_vowel_signs() -> None:
    assert name_tokens("مُحَمَّد") == name_tokens("محمد")


def test_one_name_in_two_scripts_is_alike_and_not_the_same_row() -> None:
    latin, arabic = (identity(given_name=given, family_name=family) for given, family in KEITA)
    assert latin.likeness_keys() == arabic.likeness_keys()
    assert latin.search_keys() == arabic.search_keys()
    assert latin.fingerprint() != arabic.fingerprint()


@pytest.mark.parametrize(
    ("mine", "other", "likeness"),
    [
        ({}, {"nationality": "CI"}, {Likeness.NAME_AND_BIRTH}),
        (
            {"document_numbers": ["AB 12-345"]},
            {"document_numbers": ["ab12345"], "date_of_birth": date(1991, 1, 1)},
            {Likeness.NAME_AND_DOCUMENT},
        ),
        (
            {"phone": "+218 91 0000001"},
            {"phone": "+218910000001", "date_of_birth": date(1991, 1, 1)},
            {Likeness.NAME_AND_PHONE},
        ),
        (
            {"document_numbers": ["AB12345"]},
            {"document_numbers": ["AB12345"], "given_name": "Rabia"},
            {Likeness.DOCUMENT_AND_BIRTH},
        ),
        ({}, {"date_of_birth": date(1991, 1, 1)}, set()),
        ({"document_numbers": ["n/a"]}, {"document_numbers": ["N/A"], "date_of_birth": date(1991, 1, 1)}, set()),
        ({"phone": "+218910000001"}, {"phone": "+218910000001", "given_name": "Rabia"}, set()),
    ],
)
def test_two_are_alike_by_name_with_birth_document_or_phone_or_by_document_with_birth(
    mine: dict[str, object], other: dict[str, object], likeness: set[Likeness]
) -> None:
    first, second = identity(**mine).likeness_keys(), identity(**other).likeness_keys()
    assert {first[key] for key in first.keys() & second.keys()} == likeness


def test_keys_tell_nothing_by_themselves() -> None:
    keys = identity(document_numbers=["AB12345"], phone="+218910000001").likeness_keys()
    assert all("gill" not in key and "12345" not in key for key in keys)


@pytest.mark.parametrize(
    ("born", "group"),
    [
        (date(2024, 3, 21), AgeGroup.INFANT),
        (date(2024, 3, 20), AgeGroup.CHILD),
        (date(2014, 3, 21), AgeGroup.CHILD),
        (date(2014, 3, 20), AgeGroup.ADULT),
    ],
)
def test_age_groups_change_on_the_birthday(born: date, group: AgeGroup) -> None:
    assert identity(date_of_birth=born).age_group(date(2026, 3, 20)) is group


def test_all_that_can_not_be_right_is_named() -> None:
    wrong = identity(given_name="-", date_of_birth=date(2027, 1, 1))
    assert wrong.faults(date(2026, 3, 20)) == ["given_name is missing", "date_of_birth is in the future"]
    assert identity(date_of_birth=date(1890, 1, 1)).faults(date(2026, 3, 20)) == [
        "date_of_birth is more than 120 years ago"
    ]
