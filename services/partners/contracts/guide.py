"""The page of all events, for people."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

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
    rows: Sequence[Row]
    example: str
    deprecated: str | None


def page(base: str, calendar: Sequence[Deprecation] = CALENDAR) -> str:
    """The whole page."""
    parts = [
        (title, [_entry(type, base, calendar) for type in types() if type.split(".")[2] == part])
        for part, title in _PARTS.items()
    ]
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


def _entry(type: str, base: str, calendar: Sequence[Deprecation]) -> Entry:
    goes = whole_type(type, calendar)
    return Entry(
        type,
        type.split(".", 3)[-1].removesuffix(".v1").replace("-", " ").capitalize(),
        meaning(type),
        list(_rows(type, schema_of(type, calendar)["properties"], calendar)),
        json.dumps(example_of(type, base), indent=2, ensure_ascii=False),
        goes.sentence if goes else None,
    )


def _rows(type: str, properties: Schema, calendar: Sequence[Deprecation]) -> Iterator[Row]:
    for name, schema in properties.items():
        goes = of_member(type, name, calendar)
        yield Row(name, _kind(schema), goes.sentence if goes else "")
        for inner, each in ({} if "title" in schema else schema.get("properties", {})).items():
            yield Row(f"{name}.{inner}", _kind(each), each.get("description", ""))


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
