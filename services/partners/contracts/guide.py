"""The page of all events and answers, for people."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from services.partners.contracts import answers
from services.partners.contracts.deprecations import CALENDAR, Deprecation, of_member, whole_type
from services.partners.contracts.schemas import OWN, Schema, example_of, meaning, schema_of, types

_HERE = Path(__file__).parent
_PARTS = {
    "screening": "Registration and clearance",
    "travel": "Documents, flights and arrival",
    "reintegration": "Reintegration",
    "monitoring": "Follow-up",
    "partners": "About what was told",
}
_ANSWERS = "What you may answer"


@dataclass(frozen=True)
class Row:
    """One member of the data."""

    name: str
    kind: str
    remark: str


@dataclass(frozen=True)
class Entry:
    """One type."""

    type: str
    #: What it is called in the page.
    name: str
    meaning: str
    #: Of what the rows are members.
    within: str
    rows: Sequence[Row]
    example: str
    deprecated: str | None


def page(base: str, calendar: Sequence[Deprecation] = CALENDAR) -> str:
    """The whole page."""
    parts = [
        (title, [_event(type, base, calendar) for type in types() if type.split(".")[2] == part])
        for part, title in _PARTS.items()
    ]
    parts.append((_ANSWERS, [_answer(type, calendar) for type in answers.TYPES]))
    template = _environment().get_template("guide.html")
    return template.render(parts=parts, calendar=calendar, obeyed=list(OWN))


@cache
def style() -> bytes:
    """The page's style sheet."""
    return (_HERE / "guide.css").read_bytes()


@cache
def _environment() -> Environment:
    loader = FileSystemLoader(_HERE)
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)


def _event(type: str, base: str, calendar: Sequence[Deprecation]) -> Entry:
    schema, example = schema_of(type, calendar), example_of(type, base)
    return _entry(type, _name(type), meaning(type), "data", schema, example, calendar)


def _answer(type: str, calendar: Sequence[Deprecation]) -> Entry:
    whole = type == answers.ENVELOPE
    name = "Any answer" if whole else f"Answer: {_name(type).lower()}"
    schema, example = answers.schema_of(type, calendar), answers.example_of(type)
    return _entry(type, name, answers.meaning(type), "an answer" if whole else "data", schema, example, calendar)


def _entry(
    type: str,
    name: str,
    meaning: str,
    within: str,
    schema: Schema,
    example: Mapping[str, Any],
    calendar: Sequence[Deprecation],
) -> Entry:
    goes = whole_type(type, calendar)
    shown = json.dumps(example, indent=2, ensure_ascii=False)
    return Entry(
        type, name, meaning, within, list(_rows(type, schema, calendar)), shown, goes.sentence if goes else None
    )


def _name(type: str) -> str:
    return type.split(".", 3)[-1].removesuffix(".v1").replace("-", " ").capitalize()


def _rows(type: str, schema: Schema, calendar: Sequence[Deprecation]) -> Iterator[Row]:
    for name, each in schema["properties"].items():
        goes = of_member(type, name, calendar)
        needed = "Needed." if name in schema.get("required", ()) else ""
        yield Row(name, _kind(each), goes.sentence if goes else needed)
        for inner, more in ({} if "title" in each else each.get("properties", {})).items():
            yield Row(f"{name}.{inner}", _kind(more), more.get("description", ""))


def _kind(schema: Schema) -> str:
    """What a value may be, in words: what has a title is called so."""
    if "title" in schema:
        return str(schema["title"])
    if "enum" in schema:
        return " or ".join(map(str, schema["enum"]))
    if "anyOf" in schema:
        return " or ".join(_kind(each) for each in schema["anyOf"])
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return " or ".join(_word(kind, schema) for kind in kinds)


def _word(kind: str, schema: Schema) -> str:
    words = {
        "string": "text",
        "boolean": "true or false",
        "date-time": "time",
        "uuid": "id",
        "object": "members of its own",
    }
    if kind == "array":
        return f"list of {_kind(schema['items'])}"
    named = schema.get("format", kind) if kind == "string" else kind
    return words.get(named, named)
