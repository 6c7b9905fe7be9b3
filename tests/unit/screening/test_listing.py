"""Registration lists: what is read, what is refused and how it is said."""

import io
import random
import zipfile
from datetime import UTC, date, datetime
from typing import Any

import pytest
from openpyxl import Workbook

from services.screening.domain.vocabulary import HouseholdRole, PlaceKind, Sex
from services.screening.usecases import listing
from services.screening.usecases.listing import NotAList, read_listing

HEADER = "list_reference,given_name,family_name,date_of_birth,sex,nationality,place,place_kind,household,role,phone"
GOOD = "ABS-1,Adeel,Gill,1986-12-14,male,PK,Abu Salim,detention_centre,F01,head,+218910000001"


def csv(*rows: str, header: str = HEADER) -> bytes:
    return "\r\n".join([header, *rows]).encode()


def workbook(*rows: list[Any]) -> bytes:
    book = Workbook()
    for row in rows:
        book.active.append(row)  # type: ignore[union-attr]
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def reasons(row: str) -> list[str]:
    [read] = read_listing("list.csv", csv(row)).rows
    assert read.newcomer is None
    return read.reasons


def test_a_good_row_is_a_person() -> None:
    [row] = read_listing("list.csv", csv(GOOD)).rows
    assert row.newcomer is not None
    assert row.number == 2
    assert row.household == "F01"
    assert row.newcomer.identity.date_of_birth == date(1986, 12, 14)
    assert row.newcomer.place_kind is PlaceKind.DETENTION_CENTRE
    assert row.newcomer.role is HouseholdRole.HEAD


def test_a_workbook_says_the_same_as_a_csv_file() -> None:
    cells: list[Any] = [*GOOD.split(",")]
    cells[3], cells[10] = datetime(1986, 12, 14, tzinfo=UTC).replace(tzinfo=None), 218910000001.0
    read = read_listing("list.xlsx", workbook(HEADER.split(","), [None], cells))
    expected = read_listing("list.csv", csv(GOOD.replace("+", ""))).rows[0]
    assert read.rows[0].number == 3
    assert read.rows[0].newcomer == expected.newcomer


@pytest.mark.parametrize("separator", [";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_separators_encodings_and_spelling_of_headers_do_not_matter(separator: str, encoding: str) -> None:
    text = csv(GOOD, header=HEADER.replace("given_name", "Given-Name ")).decode().replace(",", separator)
    assert read_listing("list.csv", text.encode(encoding)).rows[0].newcomer is not None


@pytest.mark.parametrize("written", ["1986-12-14", "14/12/1986", "14.12.1986"])
def test_dates_are_read_as_they_are_written(written: str) -> None:
    [row] = read_listing("list.csv", csv(GOOD.replace("1986-12-14", written))).rows
    assert row.newcomer is not None
    assert row.newcomer.identity.date_of_birth == date(1986, 12, 14)


def test_countries_and_sexes_are_read_by_code_and_by_name() -> None:
    [row] = read_listing("list.csv", csv(GOOD.replace("PK", "Pakistan").replace(",male,", ",F,"))).rows
    assert row.newcomer is not None
    assert row.newcomer.identity.nationality == "PK"
    assert row.newcomer.identity.sex is Sex.FEMALE


def test_a_bad_row_is_told_all_its_reasons() -> None:
    assert reasons("ABS-1,,Gill,14th of May,man,Atlantis,,prison,,uncle,") == [
        "given_name is missing",
        "place is missing",
        "date_of_birth is no date such as 2001-12-31",
        "sex is none of female, male, other",
        "nationality is no country's ISO code or English name",
        "place_kind is none of office, detention_centre, shelter, embassy, urban, other",
        "role is none of head, spouse, child, other",
    ]


def test_a_row_with_more_cells_than_the_header_is_not_guessed_at() -> None:
    assert reasons(GOOD + ",surplus") == ["has more cells than the header"]


def test_a_good_row_below_a_bad_one_keeps_its_number() -> None:
    read = read_listing("list.csv", csv("x", "", GOOD))
    assert [(row.number, row.newcomer is not None) for row in read.rows] == [(2, False), (4, True)]


def test_a_column_that_is_not_known_is_named_and_not_dropped_silently() -> None:
    assert read_listing("list.csv", csv(GOOD + ",x", header=HEADER + ",shoe_size")).ignored_columns == ["shoe_size"]


def archive(*names: str, types: str = "") -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as parts:
        if types:
            parts.writestr("[Content_Types].xml", f"<Types><Override ContentType='{types}'/></Types>")
        for name in names:
            parts.writestr(name, "<x/>")
    return file.getvalue()


@pytest.mark.parametrize(
    ("filename", "content", "told"),
    [
        ("list.csv", b"", "empty"),
        ("list.csv", b" \r\n ", "empty"),
        ("list.csv", csv(), "no people"),
        ("list.csv", csv(GOOD, header=HEADER.replace("sex", "gender")), "missing: sex"),
        ("list.csv", csv(GOOD, header=HEADER.replace("phone", "Given name")), "twice: given_name"),
        ("list.csv", "Nadège".encode("latin-1"), "UTF-8"),
        ("photo.jpg", b"\xff\xd8\xff\xe0", "UTF-8"),
        ("list.csv", b"given_name\x00", "neither"),
        ("list.xls", b"\xd0\xcf\x11\xe0\xa1\xb1", "old Excel file"),
        ("list.docx", archive("word/document.xml"), "neither"),
        ("list.xlsm", archive("xl/workbook.xml"), "macros"),
        ("list.xlsx", archive("xl/workbook.xml", "xl/vbaProject.bin"), "macros"),
        (
            "list.xlsx",
            archive("xl/workbook.xml", types="application/vnd.ms-excel.sheet.macroEnabled.main+xml"),
            "macros",
        ),
        ("list.xlsx", archive("xl/workbook.xml"), "can't be read"),
        ("list.xlsx", b"PK\x03\x04broken", "damaged"),
        ("list.xlsx", workbook([]), "empty"),
    ],
)
def test_what_is_no_list_is_refused_with_what_to_do(filename: str, content: bytes, told: str) -> None:
    with pytest.raises(NotAList, match=told):
        read_listing(filename, content)


def test_a_workbook_with_a_wrong_byte_is_read_or_refused_and_never_an_error_of_ours() -> None:
    whole, chance, refused = workbook(HEADER.split(","), GOOD.split(",")), random.Random(7), 0
    for _ in range(40):
        damaged = bytearray(whole)
        for _ in range(3):
            damaged[chance.randrange(4, len(damaged))] ^= chance.randrange(1, 256)
        try:
            read_listing("list.xlsx", bytes(damaged))
        except NotAList:
            refused += 1
    assert refused


def test_a_quotation_mark_that_is_not_closed_swallows_nobody() -> None:
    for opened in ('"Adeel', '"Adeel"x'):
        with pytest.raises(NotAList, match="quotation mark"):
            read_listing("list.csv", csv(GOOD.replace("Adeel", opened), GOOD, GOOD))


def test_what_is_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotAList, match="MB"):
        read_listing("list.csv", b"x" * (listing.MAX_BYTES + 1))
    with pytest.raises(NotAList, match="more than 5000 people"):
        read_listing("list.csv", csv(*["x"] * 5001))
    monkeypatch.setattr(listing, "_MAX_UNPACKED", 100)
    with pytest.raises(NotAList, match="unfolds"):
        read_listing("list.xlsx", workbook(HEADER.split(",")))
