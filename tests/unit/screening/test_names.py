"""Names that meet across spellings, and names that don't."""

import unicodedata
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples.names import IVORY_COAST, PAKISTAN, Names
from services.screening.domain.names import sound, words
from tests.unit.screening.spellings import APART, MEET, MISTAKEN, ONE_NAME, REGION

#: What a keyboard, a scanner or another program may turn a text into.
FORMS: dict[str, Callable[[str], str]] = {
    "composed": partial(unicodedata.normalize, "NFC"),
    "taken apart": partial(unicodedata.normalize, "NFD"),
    "compatible": partial(unicodedata.normalize, "NFKC"),
    "compatible, taken apart": partial(unicodedata.normalize, "NFKD"),
    "capitals": str.upper,
    "small": str.lower,
    "tatweel": lambda text: text.replace("م", "مـ"),
    "vowel signs": lambda text: text.replace("م", "مُ").replace("س", "سَّ"),
    "presentation": lambda text: text.replace("لا", "ﻻ").replace("م", "ﻣ").replace("ي", "ﻲ"),
    "accents": lambda text: text.replace("e", "é").replace("i", "ï"),
}
KNOWN = [name for line in MEET.split("\n") for name in line.split(" · ") if name]
WRITTEN = st.characters(categories=["Lu", "Ll", "Lt", "Lo", "Lm", "Mn", "Mc", "Nd", "Pd", "Po", "Zs", "Cf"])
LATIN = st.text(st.characters(min_codepoint=0x41, max_codepoint=0x17F, categories=["Lu", "Ll"]), min_size=1)
ARABIC = st.text(st.characters(min_codepoint=0x621, max_codepoint=0x6D3, categories=["Lo"]), min_size=1)


@pytest.mark.parametrize("line", MEET.strip().split("\n"))
def test_spellings_of_one_name_meet(line: str) -> None:
    first, *others = line.split(" · ")
    assert {other: words(other) for other in others} == dict.fromkeys(others, words(first))


@pytest.mark.parametrize("line", APART.strip().split("\n"))
def test_different_names_do_not_meet_in_any_spelling(line: str) -> None:
    names = [_spellings(name) for name in line.split(" · ")]
    assert all(len(name) == 1 for name in names)
    assert len(set.union(*names)) == len(names)


def _spellings(name: str) -> set[tuple[str, ...]]:
    latin, _, arabic = name.partition(" ")
    return {tuple(words(each)) for each in (latin, arabic) if each}


def test_of_six_hundred_names_few_meet_that_are_not_one() -> None:
    names = {*REGION.split(), *_names(PAKISTAN), *_names(IVORY_COAST)}
    alike = defaultdict(list)
    for name in sorted(names):
        alike[tuple(words(name))].append(name)
    met = {pair for group in alike.values() for pair in combinations(group, 2)}
    expected = {tuple(sorted(line.split())) for line in (ONE_NAME + MISTAKEN).strip().split("\n") if line}
    assert len(names) > 590
    assert met == expected


def _names(country: Names) -> set[str]:
    return {*country.men, *country.women, *country.families}


@pytest.mark.parametrize(
    ("name", "same"),
    [
        ("Mohamed Ould Ahmed", "محمد ولد أحمد"),
        ("Ali Ben Salem", "علي بن سالم"),
        ("Fatima bint Ali", "Fatima Ali"),
        ("Abdel Rahman el-Sayed", "عبدالرحمن السيد"),
        ("Abd ar-Rahman", "Abderrahmane"),
        ("ABDOUL AZIZ", "abdelaziz"),
        ("Abu'l Hassan", "أبو الحسن"),
        ("N’Guessan", "Nguessan"),
    ],
)
def test_articles_and_descent_do_not_matter(name: str, same: str) -> None:
    assert words(name) == words(same)


def test_a_part_of_a_compound_finds_it() -> None:
    assert set(words("Rahman")) < set(words("Abderrahmane"))


def test_a_name_that_is_a_particle_is_a_name() -> None:
    assert words("Ben") == [sound("Ben")] != []


@pytest.mark.parametrize("word", ["ተስፋይ", "কামাল", "李", "7a3f", "олег"])
def test_words_of_other_scripts_and_with_digits_are_compared_as_they_are(word: str) -> None:
    assert words(f"{word} Keita") == [word, sound("Keita")]


@pytest.mark.parametrize("form", FORMS)
def test_the_form_of_a_text_does_not_matter(form: str) -> None:
    assert {name: words(FORMS[form](name)) for name in KNOWN} == {name: words(name) for name in KNOWN}


@given(st.text(WRITTEN))
def test_every_name_with_a_letter_has_a_key(name: str) -> None:
    keys = words(name)
    assert all(keys)
    letters = {unicodedata.category(each) for each in unicodedata.normalize("NFKD", name)} & {"Lu", "Ll", "Lt", "Lo"}
    assert keys or not letters


@given(st.text())
def test_normal_forms_of_any_text_are_alike(name: str) -> None:
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        assert words(unicodedata.normalize(form, name)) == words(name) == words(name)


@given(st.one_of(LATIN, ARABIC))
def test_case_and_signs_on_letters_never_matter(name: str) -> None:
    signed = "".join(letter + "\u0301" for letter in name)
    assert words(name.upper()) == words(name.lower()) == words(name) == words(signed)
