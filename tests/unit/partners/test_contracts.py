"""What agencies' receivers read stays as it is, or goes on a day that they were told."""

import copy
import re
from datetime import date
from html import unescape
from pathlib import Path
from typing import Any

import jsonschema_rs
import orjson
import pytest

from services.partners import offers
from services.partners.contracts import answers, asyncapi, guide, published
from services.partners.contracts.deprecations import Deprecation, announced, brought_forward, faults
from services.partners.contracts.schemas import example_of, schema_of, types
from services.partners.domain.answer import AnswerType

ISSUED = "org.homeward.travel.document-issued.v1"
BASE = "https://partners.example"
TODAY, LATER = date(2026, 6, 1), date(2026, 12, 1)
GOING = Deprecation(ISSUED, "authority", date(2026, 1, 1), LATER, "issued_by")


def schemas() -> dict[str, Any]:
    return {ISSUED: copy.deepcopy(schema_of(ISSUED))}


def without_authority() -> dict[str, Any]:
    changed = schemas()
    del changed[ISSUED]["properties"]["authority"]
    return changed


@pytest.mark.parametrize("type", types())
def test_an_example_fits_its_schema_and_has_everything_that_is_offered(type: str) -> None:
    example = example_of(type, BASE)
    schema = schema_of(type)
    jsonschema_rs.validator_for(schema, validate_formats=True).validate(example["data"])
    assert example["data"].keys() == schema["properties"].keys()
    assert example["dataschema"] == BASE + schema["$id"]


@pytest.mark.parametrize("message", [*types(), "page"])
def test_an_example_of_a_message_fits_its_payload(message: str) -> None:
    document = asyncapi.document(BASE)
    [example] = document["components"]["messages"][message]["examples"]
    schema = {"$ref": f"#/components/messages/{message}/payload", "components": document["components"]}
    jsonschema_rs.validator_for(schema, validate_formats=True).validate(example["payload"])


@pytest.mark.parametrize("type", types())
def test_a_schema_has_what_is_offered_and_wants_none_of_it(type: str) -> None:
    schema = schema_of(type)
    assert "required" not in schema
    if type in offers.OFFERED:
        person = {"person"} if type in offers.CASES else set()
        assert schema["properties"].keys() == offers.OFFERED[type] | person


def test_a_member_that_goes_unannounced_is_told_by_its_name() -> None:
    [problem] = published.breaking(schemas(), without_authority(), [], TODAY)
    assert problem == f"agencies: {ISSUED}: authority was removed or renamed, but no deprecation's day for it has come"


def test_a_member_of_another_kind_breaks_receivers() -> None:
    changed = schemas()
    changed[ISSUED]["properties"]["issued_on"] = {"type": "integer"}
    [problem] = published.breaking(schemas(), changed, [], TODAY)
    assert "issued_on is another kind of value" in problem


def test_a_type_that_goes_breaks_receivers() -> None:
    [problem] = published.breaking(schemas(), {}, [GOING], LATER)
    assert problem.startswith(f"agencies: {ISSUED}: the type is gone")


def test_a_member_may_go_on_the_day_that_was_announced_and_not_before() -> None:
    assert list(published.breaking(schemas(), without_authority(), [GOING], TODAY))
    assert not list(published.breaking(schemas(), without_authority(), [GOING], LATER))


def test_a_member_that_is_new_breaks_nobody() -> None:
    assert not list(published.breaking(without_authority(), schemas(), [], TODAY))


def test_what_goes_is_marked_wherever_a_developer_looks() -> None:
    whole = Deprecation(ISSUED, None, date(2026, 1, 1), LATER, "document-issued.v2")
    document = asyncapi.document(BASE, [whole])
    assert document["components"]["messages"][ISSUED]["x-deprecated"] == whole.sentence
    assert document["components"]["schemas"][ISSUED]["properties"]["authority"]["deprecated"] is True
    assert document["info"]["x-deprecations"][0]["removed_on"] == "2026-12-01"
    page = guide.page(BASE, [whole])
    assert whole.sentence in page and "document-issued.v2" in page


def changed(type: str, change: Any) -> list[str]:
    """What is told of an answer's schema that is changed so."""
    old = {type: copy.deepcopy(answers.schema_of(type))}
    new = copy.deepcopy(old)
    change(new[type])
    return list(published.breaking(old, new, [], TODAY))


GRANTED, REJECTED = AnswerType.VISA_GRANTED, AnswerType.REFERRAL_REJECTED


@pytest.mark.parametrize(
    ("type", "change", "problem"),
    [
        (GRANTED, lambda s: s["properties"].pop("expires_on"), "expires_on was understood and would be refused"),
        (GRANTED, lambda s: s["required"].append("expires_on"), "expires_on may be missing now and would be needed"),
        (GRANTED, lambda s: s["properties"]["reference"].update(maxLength=20), "reference would be refused for its le"),
        (GRANTED, lambda s: s["properties"]["reference"].update(pattern="^EV"), "reference would need another pattern"),
        (GRANTED, lambda s: s["properties"]["expires_on"]["anyOf"].pop(), "expires_on would be refused where it is nu"),
        (REJECTED, lambda s: s["properties"]["reason"]["enum"].remove("no_capacity"), "reason would be refused as no_"),
        (
            answers.ENVELOPE,
            lambda s: s["properties"]["person"]["required"].append("family_name"),
            "person.family_name may be missing now and would be needed",
        ),
    ],
)
def test_an_answer_that_was_understood_and_would_be_refused_is_found(type: str, change: Any, problem: str) -> None:
    [found] = changed(type, change)
    assert found.startswith(f"agencies: {type}: {problem}")


@pytest.mark.parametrize(
    ("type", "change"),
    [
        (GRANTED, lambda s: s["properties"].update(remark={"type": "string"})),
        (GRANTED, lambda s: s["required"].remove("issued_on")),
        (GRANTED, lambda s: s["properties"]["reference"].update(maxLength=80, minLength=1)),
        (GRANTED, lambda s: s["properties"]["issued_on"].update(anyOf=[{"type": "string", "format": "date"}, {}])),
        (REJECTED, lambda s: s["properties"]["reason"]["enum"].append("moved_away")),
    ],
)
def test_an_answer_may_say_more_than_before(type: str, change: Any) -> None:
    assert not changed(type, change)


def test_what_of_an_answer_goes_is_announced_too() -> None:
    old: dict[str, Any] = {GRANTED: answers.schema_of(GRANTED)}
    new = copy.deepcopy(old)
    del new[GRANTED]["properties"]["expires_on"]
    going = Deprecation(GRANTED, "expires_on", date(2026, 1, 1), LATER, "valid_until")
    assert list(published.breaking(old, new, [going], TODAY)) and list(published.breaking(old, {}, [going], LATER))
    assert not list(published.breaking(old, new, [going], LATER))
    assert answers.schema_of(GRANTED, [going])["properties"]["expires_on"]["deprecated"] is True
    assert going.sentence in guide.page(BASE, [going])


def test_half_a_year_lies_between_a_notice_and_the_end() -> None:
    short = Deprecation(ISSUED, "authority", date(2026, 6, 2), LATER, "issued_by")
    [problem] = faults([short], [], schemas(), TODAY)
    assert problem == f"{ISSUED}: authority: less than half a year lies between its notice and its end"
    assert not list(faults([Deprecation(ISSUED, "authority", TODAY, LATER, "issued_by")], [], schemas(), TODAY))


def test_no_notice_is_dated_back() -> None:
    [problem] = faults([GOING], [], schemas(), TODAY)
    assert "nobody was told of it on 2026-01-01" in problem
    assert not list(faults([GOING], announced([GOING]), schemas(), TODAY))


def test_a_day_that_agencies_were_told_is_not_brought_forward() -> None:
    later = Deprecation(ISSUED, "authority", GOING.deprecated_on, date(2027, 1, 1), "issued_by")
    [problem] = brought_forward([GOING], announced([later]))
    assert problem.endswith("agencies were told that it stays until 2027-01-01")
    assert not list(brought_forward([later], announced([GOING])))


@pytest.mark.parametrize("member", ["autority", None])
def test_what_goes_is_something_that_agencies_have(member: str | None) -> None:
    type = ISSUED if member else "org.homeward.travel.none.v1"
    typo = Deprecation(type, member, TODAY, LATER, "issued_by")
    [problem] = faults([typo], [], schemas(), TODAY)
    assert problem.endswith("there is no such type or member that could go")
    assert not list(faults([typo], announced([typo]), schemas(), LATER))


def test_the_command_checks_the_calendar(monkeypatch: pytest.MonkeyPatch) -> None:
    short = Deprecation(ISSUED, "authority", TODAY, date(2026, 7, 1), "issued_by")
    monkeypatch.setattr(published, "CALENDAR", [short])
    found = published.check(on=TODAY)
    assert any("not current" in each for each in found) and any("less than half a year" in each for each in found)
    assert any("stays until" in each for each in published.check({}, {"calendar": announced([GOING])}, on=TODAY))


@pytest.mark.parametrize("type", answers.TYPES)
def test_the_page_of_events_has_each_answer_with_an_example(type: str) -> None:
    page = guide.page(BASE)
    article = page[page.index(f'<article id="{type}">') :]
    shown = re.search(r"<pre[^>]*>(.*?)</pre>", article, re.DOTALL)
    assert shown and orjson.loads(unescape(shown[1])) == answers.example_of(type)
    jsonschema_rs.validator_for(answers.schema_of(answers.ENVELOPE), validate_formats=True).validate(
        answers.example_of(type)
    )


@pytest.mark.parametrize("type", AnswerType)
def test_an_example_of_an_answer_fits_its_schema_and_is_understood(type: AnswerType) -> None:
    example = answers.example_of(type)
    jsonschema_rs.validator_for(answers.envelope_of(type), validate_formats=True).validate(example)
    jsonschema_rs.validator_for(answers.schema_of(type), validate_formats=True).validate(example["data"])
    said = answers.read(orjson.dumps(example))
    assert isinstance(said, answers.Said) and said.type is type
    payload = asyncapi.document(BASE)["components"]["messages"][type]["payload"]
    jsonschema_rs.validator_for(payload, validate_formats=True).validate(example)


def test_the_answers_in_the_page_for_agencies_are_understood() -> None:
    page = (Path(__file__).parents[3] / "docs" / "partners.md").read_text()
    said = [answers.read(each.encode()) for each in re.findall(r"```json\n(.*?)```", page, re.DOTALL)]
    assert [each.type for each in said if isinstance(each, answers.Said)] == list(AnswerType)


def test_the_same_content_is_the_same_answer_however_it_is_written() -> None:
    example = answers.example_of(AnswerType.VISA_GRANTED)
    turned = dict(reversed(example.items()))
    one, other = (
        answers.read(each) for each in (orjson.dumps(example), orjson.dumps(turned, option=orjson.OPT_INDENT_2))
    )
    assert isinstance(one, answers.Said) and isinstance(other, answers.Said)
    assert one.canonical == other.canonical
