"""Registration lists as CSV or XLSX, read into people or into reasons why a row can't be one.

The first row that isn't empty names the columns, in any order and case (``Given name`` is ``given_name``):

==================  =========  =====================================================================================
given_name          required   the only name of people who have one
family_name         required   the cell may be empty
date_of_birth       required   2001-12-31, 31/12/2001, 31.12.2001 or a date cell
sex                 required   female, male, other; F, M
nationality         required   ISO 3166 code (PK, PAK) or English name
place               required   where the person was met
place_kind          required   office, detention_centre, shelter, embassy, urban, other
list_reference                 the list's own number of the person; the same reference is the same person
household                      the same value for members of one family
role                           head, spouse, child, other; empty: the first adult is the head, under 18 is a child
unaccompanied                  yes or no
phone
document_numbers               several separated by ``;``
==================  =========  =====================================================================================
"""

import csv
import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any, TypeVar

import openpyxl
import pycountry

from services.screening.domain.identity import Identity
from services.screening.domain.vocabulary import HouseholdRole, PlaceKind, Sex
from services.screening.usecases.registration import Newcomer
from shared.errors import Invalid

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)

#: A list of 5,000 people has about 1 MB; what is larger is no list, and would be held in memory.
MAX_BYTES, MAX_ROWS = 5_000_000, 5_000
#: A workbook is a zip archive: this bounds what it unfolds to.
_MAX_UNPACKED = 60_000_000
_LONGEST_CELL = 500
_LONGEST_TYPES = 1_000_000
#: What reading a zip archive with wrong bytes in it raises; a wrong byte can claim any version, method or password.
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, OSError, OverflowError, RuntimeError, struct.error)

REQUIRED = ("given_name", "family_name", "date_of_birth", "sex", "nationality", "place", "place_kind")
OPTIONAL = ("list_reference", "household", "role", "unaccompanied", "phone", "document_numbers")
_MAY_BE_EMPTY = frozenset({"family_name"})
_DATES = ("%Y-%m-%d", "%d/%m/%Y", "%d.%m.%Y")
_SEXES = {"f": Sex.FEMALE, "m": Sex.MALE}
_ANSWERS = {"": False, "no": False, "false": False, "0": False, "yes": True, "true": True, "1": True}


class NotAList(Invalid):
    """This file can't be read as a registration list."""


@dataclass
class Row:
    """One row: a person, or why it isn't one."""

    number: int
    newcomer: Newcomer | None = None
    household: str | None = None
    reasons: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Listing:
    """A whole list."""

    rows: list[Row]
    ignored_columns: list[str]


def read_listing(filename: str, content: bytes) -> Listing:
    """The list in a file. Raises NotAList when it isn't one, and says what to do."""
    if len(content) > MAX_BYTES:
        raise NotAList(f"The file has more than {MAX_BYTES // 1_000_000} MB: split the list.")
    if not content.strip():
        raise NotAList("The file is empty.")
    lines = _lines(filename, content)
    number, header = next(lines, (0, []))
    if not header:
        raise NotAList("The file is empty.")
    columns = [_column(cell) for cell in header]
    if missing := [name for name in REQUIRED if name not in columns]:
        raise NotAList(f"Row {number} names the columns; these are missing: {', '.join(missing)}.", missing=missing)
    if twice := sorted({name for name in columns if name and columns.count(name) > 1}):
        raise NotAList(f"These columns are there twice: {', '.join(twice)}.", twice=twice)
    rows = [_row(number, columns, cells) for number, cells in lines]
    if not rows:
        raise NotAList("The list has a header and no people.")
    known = {*REQUIRED, *OPTIONAL}
    return Listing(rows, [name for name in columns if name and name not in known])


def _lines(filename: str, content: bytes) -> Iterator[tuple[int, list[Any]]]:
    """Numbered rows that have anything in them."""
    found = 0
    for number, cells in enumerate(_cells(filename, content), 1):
        if any(cell not in (None, "") and str(cell).strip() for cell in cells):
            found += 1
            if found > MAX_ROWS + 1:
                raise NotAList(f"The list has more than {MAX_ROWS} people: split it.")
            yield number, list(cells)


def _cells(filename: str, content: bytes) -> Iterable[Iterable[Any]]:
    if content.startswith(b"PK\x03\x04"):
        return _workbook(filename, content)
    if content.startswith(b"\xd0\xcf\x11\xe0"):
        raise NotAList(
            "This is an old Excel file or one with a password: save it as .xlsx without password, or as CSV."
        )
    return _csv(content)


def _workbook(filename: str, content: bytes) -> Iterator[Iterable[Any]]:
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
        parts = archive.infolist()
        types = _content_types(archive)
    except _DAMAGED:
        raise NotAList("This workbook is damaged: save it again.") from None
    names = {part.filename.casefold() for part in parts}
    # By its content: a file's name, and those of its parts, are whatever somebody chose.
    if filename.casefold().endswith(".xlsm") or b"macroenabled" in types or any("vbaproject" in name for name in names):
        raise NotAList("This workbook has macros: save it as .xlsx without them, or as CSV.")
    if "xl/workbook.xml" not in names:
        raise NotAList("This is neither a CSV file nor an Excel workbook (.xlsx).")
    if sum(part.file_size for part in parts) > _MAX_UNPACKED:
        raise NotAList("This workbook unfolds to more than a list can need: save the list alone as .xlsx or CSV.")
    try:
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
        sheet = book.worksheets[0]
        sheet.reset_dimensions()
        yield from sheet.iter_rows(values_only=True)
    except _DAMAGED:
        raise NotAList("This workbook is damaged: save it again.") from None
    except (KeyError, ValueError, IndexError, TypeError, AttributeError, SyntaxError):
        # ElementTree's ParseError is a SyntaxError; what openpyxl raises for a damaged part is not documented.
        raise NotAList("This workbook can't be read: save the list alone as .xlsx or CSV.") from None


def _content_types(archive: zipfile.ZipFile) -> bytes:
    """What the archive says that its parts are, if it is a workbook."""
    part = next((each for each in archive.infolist() if each.filename == "[Content_Types].xml"), None)
    # It names each part in a line: what is longer is none, and isn't unfolded.
    return archive.read(part).lower() if part and part.file_size < _LONGEST_TYPES else b""


def _csv(content: bytes) -> Iterator[list[str]]:
    try:
        text = content.decode("utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError:
        raise NotAList("This is no workbook and no text in UTF-8: save it as .xlsx or as CSV in UTF-8.") from None
    if "\x00" in text:
        raise NotAList("This is neither a CSV file nor an Excel workbook (.xlsx).")
    first = next((line for line in text.splitlines() if line.strip()), "")
    separator = max(",;\t", key=first.count)
    try:
        yield from csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    except csv.Error:
        raise NotAList("This CSV file can't be read: look for a quotation mark that isn't closed.") from None


def _column(cell: Any) -> str:
    return "_".join(str(cell or "").strip().casefold().replace("-", " ").replace("_", " ").split())


def _row(number: int, columns: list[str], cells: list[Any]) -> Row:
    row = Row(number)
    if any(_text(cell) for cell in cells[len(columns) :]):
        row.reasons.append("has more cells than the header")
    values = dict(zip(columns, [*cells, *[None] * len(columns)], strict=False))
    if any(len(_text(value)) > _LONGEST_CELL for value in values.values()):
        row.reasons.append(f"has a cell of more than {_LONGEST_CELL} characters")
        return row
    row.household = _text(values.get("household")) or None
    newcomer = _Reader(values, row.reasons).newcomer()
    row.newcomer = None if row.reasons else newcomer
    return row


class _Reader:
    """Reads a row's cells and collects all that is wrong with them."""

    def __init__(self, values: Mapping[str, Any], reasons: list[str]) -> None:
        self.values, self.reasons = values, reasons
        for name in REQUIRED:
            if name not in _MAY_BE_EMPTY and not _text(values.get(name)):
                reasons.append(f"{name} is missing")

    def newcomer(self) -> Newcomer | None:
        """The person, if nothing that makes one is missing."""
        born = self.read("date_of_birth", _date, "is no date such as 2001-12-31")
        sex = self.read("sex", _sex, "is none of female, male, other")
        nationality = self.read("nationality", _country, "is no country's ISO code or English name")
        kind = self.choice("place_kind", PlaceKind)
        role = self.choice("role", HouseholdRole)
        unaccompanied = self.read("unaccompanied", lambda value: _ANSWERS[_text(value).casefold()], "is not yes or no")
        if born is None or sex is None or nationality is None or kind is None:
            return None
        identity = Identity(
            given_name=self.text("given_name"),
            family_name=self.text("family_name"),
            date_of_birth=born,
            sex=sex,
            nationality=nationality,
            phone=self.text("phone") or None,
            document_numbers=[each.strip() for each in self.text("document_numbers").split(";") if each.strip()],
        )
        reference = self.text("list_reference") or None
        return Newcomer(identity, self.text("place"), kind, role, reference, bool(unaccompanied))

    def text(self, name: str) -> str:
        """A cell's text."""
        return _text(self.values.get(name))

    def read(self, name: str, parse: Callable[[Any], T], otherwise: str) -> T | None:
        """A cell's value; None when it is empty, or can't be read, which is a reason."""
        value = self.values.get(name)
        if not _text(value):
            return None
        try:
            return parse(value)
        except (ValueError, LookupError):
            self.reasons.append(f"{name} {otherwise}")
            return None

    def choice(self, name: str, words: type[E]) -> E | None:
        """One of the words."""
        return self.read(name, lambda value: words(_column(value)), f"is none of {', '.join(words)}")


def _text(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        # A number in a text column: 218911234567.0 is what Excel keeps of a phone number.
        value = int(value)
    return " ".join(str(value).split()) if value is not None else ""


def _date(value: Any) -> date:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    for known in _DATES:
        try:
            # A date of birth has no time zone.
            return datetime.strptime(_text(value), known).date()
        except ValueError:
            continue
    raise ValueError


def _sex(value: Any) -> Sex:
    word = _text(value).casefold()
    return _SEXES.get(word) or Sex(word)


def _country(value: Any) -> str:
    return country_code(_text(value).casefold())


@lru_cache(maxsize=512)
def country_code(code_or_name: str) -> str:
    """ISO 3166 alpha-2. Raises LookupError."""
    return str(pycountry.countries.lookup(code_or_name).alpha_2)
