"""The registration lists: reproducible, of invented people, and fit for the parts that the scenarios give them."""

import csv
from dataclasses import fields
from datetime import date
from pathlib import Path

import pytest

from examples import make
from services.screening.usecases.listing import read_listing
from services.simulator.people import People, read_list
from services.simulator.scenarios import ABIDJAN, ISLAMABAD, SCENARIOS, Scenario

EXAMPLES = Path(make.__file__).parent
FLIGHT_DAY = date(2027, 1, 1)

charters = pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS)


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(make, "HERE", tmp_path)
    make.main()
    return tmp_path


def parts(scenario: Scenario) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for field in fields(scenario.parts):
        for each in getattr(scenario.parts, field.name):
            found.setdefault(field.name, []).extend(each if isinstance(each, tuple) else [each])
    return found


def test_the_lists_are_made_again_byte_for_byte(made: Path) -> None:
    for path in made.iterdir():
        assert path.read_bytes() == (EXAMPLES / path.name).read_bytes(), path.name


@charters
def test_screening_takes_every_row(scenario: Scenario) -> None:
    listing = read_listing(scenario.list.name, scenario.list.read_bytes())
    assert [row for row in listing.rows if row.reasons] == []
    assert listing.ignored_columns == []


def test_133_people_are_on_134_rows_and_160_on_160() -> None:
    assert len(read_list(ISLAMABAD.list).travellers) == 134
    assert len(read_list(ABIDJAN.list).travellers) == 160


def test_the_person_on_two_lists_was_met_in_two_detention_centres() -> None:
    with ISLAMABAD.list.open(encoding="utf-8", newline="") as file:
        rows = {row["list_reference"]: row for row in csv.DictReader(file)}
    [(first, second)] = ISLAMABAD.parts.same_person
    assert rows[first]["place"] != rows[second]["place"]
    assert {rows[first]["place_kind"], rows[second]["place_kind"]} == {"detention_centre"}
    assert rows[first]["date_of_birth"] == rows[second]["date_of_birth"]


@charters
def test_every_part_is_played_by_one_person_of_the_list(scenario: Scenario) -> None:
    people = read_list(scenario.list)
    cast = [reference for each in parts(scenario).values() for reference in each]
    assert len(cast) == len(set(cast))
    assert {people[reference].reference for reference in cast} == set(cast)


@charters
def test_whoever_changes_the_course_of_a_family_is_its_head_and_others_travel_alone(scenario: Scenario) -> None:
    people = read_list(scenario.list)
    for name, references in parts(scenario).items():
        for traveller in people.named(references):
            assert not traveller.unaccompanied
            assert not traveller.is_child(FLIGHT_DAY)
            assert traveller.role == ("head" if name.startswith("withdraws") else "")


@charters
def test_there_are_families_medical_cases_and_children_alone(scenario: Scenario) -> None:
    people = read_list(scenario.list)
    assert len({each.household for each in people if each.household}) >= 8
    assert len(scenario.parts.medical) == 2
    alone = [each for each in people if each.unaccompanied]
    assert alone
    assert all(each.is_child(FLIGHT_DAY) for each in alone)


@charters
def test_no_mother_is_younger_than_eighteen_at_a_birth(scenario: Scenario) -> None:
    people = read_list(scenario.list)
    for household in {each.household for each in people if each.household}:
        family = People([each for each in people if each.household == household])
        adults = [each for each in family if each.role in ("head", "spouse") and each.sex == "female"]
        for child in (each for each in family if each.role == "child"):
            assert all(mother.age(child.date_of_birth) >= 18 for mother in adults)


@charters
def test_everybody_and_the_escorts_find_a_seat(scenario: Scenario) -> None:
    people = read_list(scenario.list)
    seats = sum(each.age(FLIGHT_DAY) >= 2 for each in people)
    escorts = len(scenario.parts.medical) + sum(each.unaccompanied for each in people)
    assert seats + escorts <= scenario.capacity
