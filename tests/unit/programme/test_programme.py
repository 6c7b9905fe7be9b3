"""The programme's policy: the file in the repository is sound, and a wrong one is told by file, key and fault."""

from pathlib import Path

import airportsdata
import pytest

from shared.programme import VARIABLE, ProgrammeError, load_programme

REPOSITORY_FILE = Path(__file__).parents[3] / "programme.toml"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    copy = tmp_path / "programme.toml"
    copy.write_text(REPOSITORY_FILE.read_text(encoding="utf-8"), encoding="utf-8")
    return copy


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_the_repositorys_programme_is_the_default() -> None:
    programme = load_programme()
    assert programme.host_country == "LY"
    assert programme.reintegration.ceiling == 500_00
    assert [(each.code, each.after_months, each.method) for each in programme.monitoring.follow_ups] == [
        ("one-month", 1, "phone"),
        ("four-months", 4, "site"),
    ]


def test_every_office_has_airports_of_its_own_country() -> None:
    airports = airportsdata.load("IATA")
    for office in load_programme().offices.values():
        assert {airports[code]["country"] for code in office.airports} == {office.country}


def test_a_documents_validity_is_its_authoritys_or_the_default() -> None:
    windows = load_programme().windows
    assert windows.document_days("embassy-ci") == 14
    assert windows.document_days("an-embassy-of-which-nothing-is-known") == 90


def test_offices_are_found_by_country() -> None:
    assert load_programme().offices_in("PK") == ["islamabad"]
    assert load_programme().offices_in("NO") == []


def test_the_environment_names_another_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    change(file, "fitness_hours = 72", "fitness_hours = 48")
    monkeypatch.setenv(VARIABLE, str(file))
    assert load_programme().windows.fitness_hours == 48


def test_a_named_file_comes_before_the_environments(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "/nowhere/programme.toml")
    assert load_programme(file).windows.fitness_hours == 72


@pytest.mark.parametrize(
    ("old", "new", "at", "message"),
    [
        ("hours = 72", 'hours = "many"', "fitness_hours", "windows.fitness_hours: Input should be a valid integer"),
        ("hours = 72", "hours = 0", "fitness_hours", "windows.fitness_hours: Input should be greater than 0"),
        ("fitness_hours =", "fitnes_hours =", "fitnes_", "windows.fitnes_hours: Extra inputs are not permitted"),
        ("exit_visa_days = 30\n", "", "[windows]", "windows.exit_visa_days: Field required"),
        (
            '"site"',
            '"letter"',
            'method = "letter"',
            "monitoring.follow_ups.1.method: Input should be 'phone' or 'site'",
        ),
        ('"four-months"', '"one-month"', "[monitoring]", "monitoring: two follow-ups have the same code"),
        ('"abidjan"', '"dakar"', "[corridors.LY-CI]", "corridors.LY-CI: there is no office 'dakar'"),
        ("[corridors.LY-CI]", "[corridors.LY-SN]", "[corridors.LY-SN]", "corridors.LY-SN: its offices are in LY-CI"),
        ('["ISB"]', "[]", "airports = []", "offices.islamabad.airports: Tuple should have at least 1 item"),
        ('"PK"', '"Pk"', 'country = "Pk"', "offices.islamabad.country: String should match pattern"),
    ],
)
def test_what_is_wrong_is_told_by_file_line_and_key(file: Path, old: str, new: str, at: str, message: str) -> None:
    change(file, old, new)
    with pytest.raises(ProgrammeError) as raised:
        load_programme(file)
    [line] = [number for number, text in enumerate(file.read_text("utf-8").splitlines(), 1) if text.startswith(at)]
    assert f"{file}:{line}: {message}" in str(raised.value)


def test_the_line_is_found_below_long_values_and_signs_of_equality(file: Path) -> None:
    long = """host_country = "LY"
# a = 1
[offices.sabha]
name = '''
x = 1
'''
country = "LY"
airports = [
  "x=1",
]
"""
    change(file, 'host_country = "LY"\n', long)
    with pytest.raises(ProgrammeError) as raised:
        load_programme(file)
    assert str(raised.value).startswith(f"{file}:12: offices.sabha.airports.0: ")


def test_every_fault_is_told_at_once(file: Path) -> None:
    change(file, "fitness_hours = 72", "fitness_hours = 0")
    change(file, "attempts_before_lost = 3", "attempts_before_lost = 0")
    with pytest.raises(ProgrammeError) as raised:
        load_programme(file)
    assert len(str(raised.value).splitlines()) == 2


def test_a_file_that_is_not_there_or_not_toml_is_told(file: Path) -> None:
    with pytest.raises(ProgrammeError, match=r"No such file or directory; set HOMEWARD_PROGRAMME"):
        load_programme(file.with_name("other.toml"))
    file.write_text("name = \n")
    with pytest.raises(ProgrammeError, match=r"not a TOML file: .*line 1"):
        load_programme(file)
