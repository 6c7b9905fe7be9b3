"""Makes the registration lists beside this file, always the same: ``python -m examples.make``.

The people are invented. Ages are told from a fixed day, so that the lists never change by themselves.
"""

import csv
import io
import random
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path

from openpyxl import Workbook

from examples.names import IVORY_COAST, PAKISTAN, Names

HERE = Path(__file__).parent
COLUMNS = (
    "list_reference",
    "place",
    "place_kind",
    "household",
    "role",
    "given_name",
    "family_name",
    "date_of_birth",
    "sex",
    "nationality",
    "phone",
    "unaccompanied",
)
#: Ages count from here.
AS_OF = date(2026, 1, 1)
#: Ages in months: babies still fly on a lap a year later.
_MONTHS = {"f": (372, 528), "m": (348, 456), "i": (0, 6)}
_TIMES = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ<")
#: Where the lists come from: the beginning of their references, the place, its kind, how many are met there.
PLACES = (
    ("TSK", "Triq al Sikka", "detention_centre", 7),
    ("ABS", "Abu Salim", "detention_centre", 4),
    ("JNZ", "Janzour", "urban", 6),
    ("GRJ", "Gurji", "urban", 4),
)


@dataclass(frozen=True)
class Person:
    """One row, but for where it was written."""

    given_name: str
    family_name: str
    age_months: int
    sex: str
    household: str = ""
    role: str = ""
    unaccompanied: bool = False
    born_on: date = field(default=AS_OF)


@dataclass(frozen=True)
class Shape:
    """Whom a list is made of. Families are told by who is in them: f(ather), m(other), s(on), d(aughter), i(nfant)."""

    nationality: str
    names: Names
    seed: int
    families: tuple[str, ...]
    men: int
    women: int
    #: Children without parents, by sex.
    alone: tuple[str, ...]

    @property
    def people(self) -> int:
        """How many they are."""
        return sum(map(len, self.families)) + self.men + self.women + len(self.alone)


PAKISTANI = Shape("PK", PAKISTAN, 133, ("fmsd", "fmi", "msd", "fmssd", "fmdi", "fm", "fmsdi", "md"), 96, 8, ("male",))
IVORIAN = Shape(
    "CI",
    IVORY_COAST,
    160,
    ("fmsd", "mi", "msd", "mi", "fmssi", "md", "fmd", "mssd", "mi", "fmi", "mdi", "fm", "msi", "md"),
    59,
    59,
    ("female", "male"),
)


class Maker:
    """Makes people, never two of the same name and day of birth."""

    def __init__(self, shape: Shape) -> None:
        self._shape, self._random = shape, random.Random(shape.seed)
        self._names: set[tuple[str, str]] = set()

    def people(self) -> Iterator[Person]:
        """Families first, then children alone, then the others."""
        for number, members in enumerate(self._shape.families, start=1):
            yield from self._family(f"F{number:02}", members)
        for sex in self._shape.alone:
            yield replace(self._person(sex, 14 * 12, 16 * 12), unaccompanied=True)
        others = ["male"] * self._shape.men + ["female"] * self._shape.women
        self._random.shuffle(others)
        for sex in others:
            yield self._person(sex, 19 * 12, 47 * 12)

    def _family(self, code: str, members: str) -> Iterator[Person]:
        family = self._random.choice(self._shape.names.families)
        for position, member in enumerate(members):
            sex = {"f": "male", "s": "male", "m": "female", "d": "female"}.get(member)
            sex = sex or self._random.choice(("male", "female"))
            if member in "sd":
                # Brothers and sisters are a year and a half apart at least.
                youngest = 110 - 18 * position + self._random.randint(0, 10)
                person = self._person(sex, youngest, youngest, family)
            else:
                person = self._person(sex, *_MONTHS[member], family)
            role = "head" if position == 0 else "spouse" if member == "m" else "child"
            yield replace(person, household=code, role=role)

    def _person(self, sex: str, youngest: int, oldest: int, family: str | None = None) -> Person:
        names = self._shape.names
        while True:
            given = self._random.choice(names.men if sex == "male" else names.women)
            called = given, family or self._random.choice(names.families)
            if called not in self._names:
                break
        self._names.add(called)
        months = self._random.randint(youngest, oldest)
        born = AS_OF - timedelta(days=round(months * 30.44) + self._random.randint(1, 28))
        return Person(*called, months, sex, born_on=born)

    def place(self) -> tuple[str, str, str]:
        """Where a list is written, with the beginning of its references."""
        *place, _ = self._random.choices(PLACES, [each[-1] for each in PLACES])[0]
        return place[0], place[1], place[2]


def rows(shape: Shape, *, listed_twice: str | None = None) -> list[dict[str, str]]:
    """The registration list; ``listed_twice`` is the reference of who is also on Abu Salim's list."""
    maker = Maker(shape)
    people = list(maker.people())
    counts: dict[str, int] = {}
    found: list[dict[str, str]] = []
    homes: dict[str, tuple[str, str, str]] = {}
    for number, person in enumerate(people, start=1):
        # A family is met together, and outside.
        home = homes.setdefault(person.household or str(number), PLACES[2][:3] if person.household else maker.place())
        found.append(_row(shape, person, home, counts, number))
    if listed_twice is not None:
        single = people[next(at for at, row in enumerate(found) if row["list_reference"] == listed_twice)]
        again = _row(shape, single, PLACES[1][:3], counts, 0)
        # The other centre's clerk wrote the names in capitals and the wrong way round.
        again |= {"given_name": single.family_name.upper(), "family_name": single.given_name.upper()}
        found.append(again)
    return found


def _row(
    shape: Shape, person: Person, home: tuple[str, str, str], counts: dict[str, int], number: int
) -> dict[str, str]:
    prefix, place, kind = home
    counts[prefix] = counts.get(prefix, 0) + 1
    # 0000: numbers of this kind are not given to anybody.
    phone = f"+21891000{number:04}" if kind == "urban" and person.age_months >= 18 * 12 else ""
    values = (
        f"{prefix}-{counts[prefix]:03}",
        place,
        kind,
        person.household,
        person.role,
        person.given_name,
        person.family_name,
        person.born_on.isoformat(),
        person.sex,
        shape.nationality,
        phone,
        "yes" if person.unaccompanied else "",
    )
    return dict(zip(COLUMNS, values, strict=True))


def write_csv(path: Path, list_of: list[dict[str, str]]) -> None:
    """As a spreadsheet program saves it: UTF-8, commas."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(list_of)


def write_xlsx(path: Path, list_of: list[dict[str, str]]) -> None:
    """One sheet, its first row the column names, dates as dates."""
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "Registration"
    sheet.append(list(COLUMNS))
    for row in list_of:
        sheet.append([date.fromisoformat(value) if name == "date_of_birth" else value for name, value in row.items()])
    sheet.freeze_panes = "A2"
    written = io.BytesIO()
    book.save(written)
    with zipfile.ZipFile(written) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for entry in source.infolist():
            # Without the times of writing, the same list gives the same bytes.
            content = _TIMES.sub(b"2026-01-01T00:00:00Z<", source.read(entry))
            target.writestr(zipfile.ZipInfo(entry.filename), content, zipfile.ZIP_DEFLATED)


def main() -> None:
    """Write both lists."""
    write_csv(HERE / "tripoli-islamabad-133.csv", rows(PAKISTANI, listed_twice="TSK-011"))
    write_xlsx(HERE / "tripoli-abidjan-160.xlsx", rows(IVORIAN))


if __name__ == "__main__":
    main()
