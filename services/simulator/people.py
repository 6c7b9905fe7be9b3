"""The people of a registration list, as the caseworkers who wrote it know them."""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from openpyxl import load_workbook


@dataclass
class Traveller:
    """One row of the list, and what became of it."""

    row: int
    reference: str
    place: str
    place_kind: str
    household: str
    role: str
    date_of_birth: date
    sex: str
    unaccompanied: bool
    case_id: str = ""
    #: The case has ended: merged or withdrawn.
    ended: bool = False
    on_board: bool = False
    arrived: bool = False

    def age(self, on: date) -> int:
        """Years completed."""
        born = self.date_of_birth
        return on.year - born.year - ((on.month, on.day) < (born.month, born.day))

    def is_child(self, on: date) -> bool:
        """Whether somebody else declares for this person."""
        return self.age(on) < 18


@dataclass
class People:
    """Everybody on the list, in its order."""

    travellers: list[Traveller]

    def __iter__(self) -> Iterator[Traveller]:
        return iter(self.travellers)

    def __getitem__(self, reference: str) -> Traveller:
        return next(each for each in self.travellers if each.reference == reference)

    def named(self, references: Iterable[str]) -> list[Traveller]:
        """Those with these references."""
        return [self[reference] for reference in references]

    @property
    def going(self) -> list[Traveller]:
        """Those whose case goes on."""
        return [each for each in self.travellers if not each.ended]

    @property
    def flown(self) -> list[Traveller]:
        """Those who have left."""
        return [each for each in self.travellers if each.on_board]

    @property
    def received(self) -> list[Traveller]:
        """Those who were met on arrival."""
        return [each for each in self.travellers if each.arrived]

    def family(self, member: Traveller) -> list[Traveller]:
        """The member's travel unit."""
        if not member.household:
            return [member]
        return [each for each in self.travellers if each.household == member.household]


def read_list(path: Path) -> People:
    """The people of a CSV or XLSX list."""
    rows = _sheet(path) if path.suffix == ".xlsx" else _csv(path)
    return People([_traveller(number, row) for number, row in enumerate(rows, start=2)])


def _csv(path: Path) -> list[dict[str, Any]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


def _sheet(path: Path) -> list[dict[str, Any]]:
    book = load_workbook(path, read_only=True, data_only=True)
    names, *rows = book.worksheets[0].iter_rows(values_only=True)
    book.close()
    return [dict(zip(map(str, names), row, strict=True)) for row in rows]


def _traveller(number: int, row: dict[str, Any]) -> Traveller:
    born = row["date_of_birth"]
    return Traveller(
        row=number,
        reference=row["list_reference"],
        place=row["place"],
        place_kind=row["place_kind"],
        household=row["household"] or "",
        role=row["role"] or "",
        date_of_birth=born.date() if isinstance(born, datetime) else date.fromisoformat(born),
        sex=row["sex"],
        unaccompanied=row["unaccompanied"] == "yes",
    )
