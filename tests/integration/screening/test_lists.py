"""Registration by list, over HTTP on a real database."""

import asyncio
from uuid import UUID

import pytest

from shared.contracts import screening as told
from tests.integration.screening.programme import EXAMPLES, HEADER, Programme, person, row

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_the_charters_list_is_taken_whole_and_the_second_time_changes_nothing(programme: Programme) -> None:
    content = (EXAMPLES / "tripoli-islamabad-133.csv").read_bytes()
    first = await programme.imported(content)
    assert first["rejected"] == []
    assert first["registered"] == first["rows"]
    assert first["ignored_columns"] == []
    suspected = [each for each in first["cases"] if each["suspected_duplicates"]]
    assert suspected
    second = await programme.imported(content)
    assert (second["registered"], second["unchanged"]) == (0, first["rows"])
    assert second["cases"] == first["cases"]
    for each in suspected:
        for other in each["suspected_duplicates"]:
            assert "identity" in (await programme.officer.reads(f"/cases/{other}/gates"))["missing"]
    assert len(await programme.events(first["cases"][0]["case_id"])) == 1


async def test_a_workbook_is_taken_too(programme: Programme) -> None:
    content = (EXAMPLES / "tripoli-abidjan-160.xlsx").read_bytes()
    first = await programme.imported(content, "list.xlsx", "abidjan")
    assert first["rejected"] == []
    second = await programme.imported(content, "list.xlsx", "abidjan")
    assert second["unchanged"] == first["rows"] == first["registered"]


async def test_bad_rows_are_named_and_join_their_family_once_they_are_mended(programme: Programme) -> None:
    good = [row("BAD-2", "Qasim", "2018-01-01", "F1"), row("BAD-3", "Ijaz", "1992-02-03")]
    broken = row("BAD-1", "Adeel", "1890-01-01", "F1")
    first = await programme.imported("\n".join([HEADER, broken, *good, row("BAD-3", "Other"), ""]))
    assert (first["rows"], first["registered"]) == (4, 2)
    assert first["rejected"] == [
        {"row": 2, "reasons": ["date_of_birth is more than 120 years ago"]},
        {"row": 5, "reasons": ["list_reference is that of row 4"]},
    ]
    child = first["cases"][0]
    assert (await programme.officer.reads(f"/cases/{child['case_id']}"))["care_required"]
    mended = await programme.imported("\n".join([HEADER, row("BAD-1", "Adeel", "1990-01-01", "F1"), *good]))
    assert (mended["registered"], mended["unchanged"], mended["rejected"]) == (1, 2, [])
    father = mended["cases"][0]
    assert father["household_id"] == child["household_id"]
    assert not (await programme.officer.reads(f"/cases/{child['case_id']}"))["care_required"]
    [*_, changed] = await programme.log(UUID(child["household_id"]))
    assert changed == told.HouseholdChanged(case_ids=[child["case_id"], father["case_id"]])


async def test_a_list_without_references_is_known_by_its_people(programme: Programme) -> None:
    rows = [row("", "Ahmád", "1980-01-01"), row("", "Ahmad", "1980-01-01"), row("", "Ahmad", "1981-01-01")]
    first = await programme.imported("\n".join([HEADER, *rows]))
    assert first["registered"] == 2
    [rejected] = first["rejected"]
    assert rejected["row"] == 3
    assert rejected["reasons"][0].startswith("says the same as row 2")
    second = await programme.imported("\n".join([HEADER, *rows]))
    assert (second["registered"], second["unchanged"]) == (0, 2)


async def test_a_reference_is_never_given_to_another_person(programme: Programme) -> None:
    await programme.imported("\n".join([HEADER, row("REF-1", "Adeel")]))
    second = await programme.imported("\n".join([HEADER, row("REF-1", "Bilal")]))
    assert second["rejected"][0]["reasons"][0].startswith("list_reference is that of another person")
    refused = await programme.officer.refused("/cases", person(list_reference="REF-1"))
    assert refused["type"] == "/problems/reference-taken"


async def test_two_imports_of_one_list_at_once_register_everybody_once(programme: Programme) -> None:
    content = "\n".join([HEADER, *(row(f"TWO-{number}", f"Name{number:c}") for number in range(65, 85))])
    first, second = await asyncio.gather(programme.imported(content), programme.imported(content))
    assert sorted([first["registered"], second["registered"]]) == [0, 20]


@pytest.mark.parametrize(
    ("content", "name", "office", "told_why"),
    [
        (b"", "list.csv", "tripoli", "empty"),
        (b"\xff\xd8\xff", "photo.jpg", "tripoli", "UTF-8"),
        (b"a,b\n1,2", "list.csv", "tripoli", "missing"),
        (HEADER.encode() + b"\n" + row("X-1", "Adeel").encode(), "list.csv", "atlantis", "no such office"),
    ],
)
async def test_what_is_no_list_is_refused(
    programme: Programme, content: bytes, name: str, office: str, told_why: str
) -> None:
    answer = await programme.send_list(content, name, office)
    assert answer.status_code == 422
    assert told_why in answer.json()["detail"]
