"""The schemas that agencies have, as files, and what would break those who read them or send by them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from services.partners.contracts import answers
from services.partners.contracts.deprecations import (
    CALENDAR,
    Deprecation,
    announced,
    brought_forward,
    faults,
    of_member,
    whole_type,
)
from services.partners.contracts.narrowing import refusals
from services.partners.contracts.schemas import Schema, schema_of, types
from shared.contracts import registry

FOLDER = Path(__file__).parent / "published"
#: What the calendar said when it was published last.
CALENDARS = Path(__file__).parent / "announced"
_CALENDAR = "calendar"


def build(folder: Path = FOLDER, calendars: Path = CALENDARS, *, on: date) -> list[str]:
    """Write the schemas that are not current; their types. Raises BreakingChange and then writes none."""
    published, told, current = registry.read_folder(folder), registry.read_folder(calendars), _current()
    if breaks := [*breaking(published, current, CALENDAR, on), *_wrong_days(published, told, told, on)]:
        raise registry.BreakingChange("\n".join(breaks))
    stale = [type for type, schema in current.items() if published.get(type) != schema]
    for type in stale:
        _write(folder / f"{type}.json", current[type])
    for type in published.keys() - current.keys():
        (folder / f"{type}.json").unlink()
    _write(calendars / f"{_CALENDAR}.json", announced(CALENDAR))
    return stale


def check(
    published: Mapping[str, Any] | None = None, calendars: Mapping[str, Any] | None = None, *, on: date
) -> list[str]:
    """What is wrong, as sentences. ``published`` and ``calendars``: what agencies have, if not the committed ones."""
    written, told, current = registry.read_folder(FOLDER), registry.read_folder(CALENDARS), _current()
    found = [
        f"agencies: {type}: its schema is not current; run: homeward contracts build"
        for type in sorted(written.keys() | current.keys())
        if written.get(type) != current.get(type)
    ]
    if told.get(_CALENDAR) != announced(CALENDAR):
        found.append("agencies: the calendar of what goes away is not current; run: homeward contracts build")
    had = written if published is None else published
    found += breaking(had, current, CALENDAR, on)
    return [*found, *_wrong_days(had, told, told if calendars is None else calendars, on)]


def breaking(
    old: Mapping[str, Schema], new: Mapping[str, Schema], calendar: Sequence[Deprecation], on: date
) -> Iterator[str]:
    """What would break what agencies have built and was not announced, as sentences."""
    for type, schema in sorted(old.items()):
        if type not in new:
            if not _due(whole_type(type, calendar), on):
                yield f"agencies: {type}: the type is gone, but no deprecation's day for it has come"
        elif type in answers.TYPES:
            yield from _sent(type, schema, new[type], calendar, on)
        else:
            yield from _members(type, schema["properties"], new[type]["properties"], calendar, on)


def _members(type: str, old: Schema, new: Schema, calendar: Sequence[Deprecation], on: date) -> Iterator[str]:
    for member, schema in old.items():
        if not _due(of_member(type, member, calendar), on):
            after = {member: new[member]} if member in new else {}
            for problem in registry.compare({"properties": {member: schema}}, {"properties": after}):
                yield f"agencies: {type}: {problem}, but no deprecation's day for it has come"


def _sent(type: str, old: Schema, new: Schema, calendar: Sequence[Deprecation], on: date) -> Iterator[str]:
    """Of what agencies send: whatever was understood still is."""
    if not _due(whole_type(type, calendar), on):
        for member, problem in refusals(registry.plain(old), registry.plain(new)):
            if not _due(of_member(type, member, calendar), on):
                yield f"agencies: {type}: {problem}, but no deprecation's day for it has come"


def _due(deprecation: Deprecation | None, on: date) -> bool:
    return deprecation is not None and deprecation.removed_on <= on


def _wrong_days(
    published: Mapping[str, Schema], told: Mapping[str, Any], earlier: Mapping[str, Any], on: date
) -> Iterator[str]:
    for each in faults(CALENDAR, told.get(_CALENDAR, ()), published, on):
        yield f"agencies: {each}"
    for each in brought_forward(CALENDAR, earlier.get(_CALENDAR, ())):
        yield f"agencies: {each}"


def _current() -> dict[str, Schema]:
    return {type: schema_of(type) for type in types()} | {type: answers.schema_of(type) for type in answers.TYPES}


def _write(path: Path, content: Any) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
