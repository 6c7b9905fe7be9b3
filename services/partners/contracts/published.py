"""The schemas that agencies have, as files, and what would break those who read them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from services.partners.contracts.deprecations import CALENDAR, Deprecation, of_member, whole_type
from services.partners.contracts.schemas import Schema, schema_of, types
from shared.contracts import registry

FOLDER = Path(__file__).parent / "published"


def build(folder: Path = FOLDER, *, on: date) -> list[str]:
    """Write the schemas that are not current; their types. Raises BreakingChange and then writes none."""
    published, current = registry.read_folder(folder), _current()
    if breaks := list(breaking(published, current, CALENDAR, on)):
        raise registry.BreakingChange("\n".join(breaks))
    stale = [type for type, schema in current.items() if published.get(type) != schema]
    for type in stale:
        text = json.dumps(current[type], indent=2, ensure_ascii=False)
        (folder / f"{type}.json").write_text(text + "\n", encoding="utf-8")
    for type in published.keys() - current.keys():
        (folder / f"{type}.json").unlink()
    return stale


def check(published: Mapping[str, Any] | None = None, *, on: date) -> list[str]:
    """What is wrong, as sentences. ``published`` are the schemas that agencies have, if not the committed ones."""
    written, current = registry.read_folder(FOLDER), _current()
    found = [
        f"agencies: {type}: its schema is not current; run: homeward contracts build"
        for type in sorted(written.keys() | current.keys())
        if written.get(type) != current.get(type)
    ]
    return [*found, *breaking(written if published is None else published, current, CALENDAR, on)]


def breaking(
    old: Mapping[str, Schema], new: Mapping[str, Schema], calendar: Sequence[Deprecation], on: date
) -> Iterator[str]:
    """What would break agencies' receivers and was not announced, as sentences."""
    for type, schema in sorted(old.items()):
        if type in new:
            yield from _members(type, schema["properties"], new[type]["properties"], calendar, on)
        elif not _due(whole_type(type, calendar), on):
            yield f"agencies: {type}: the type is gone, but no deprecation's day for it has come"


def _members(type: str, old: Schema, new: Schema, calendar: Sequence[Deprecation], on: date) -> Iterator[str]:
    for member, schema in old.items():
        if not _due(of_member(type, member, calendar), on):
            after = {member: new[member]} if member in new else {}
            for problem in registry.compare({"properties": {member: schema}}, {"properties": after}):
                yield f"agencies: {type}: {problem}, but no deprecation's day for it has come"


def _due(deprecation: Deprecation | None, on: date) -> bool:
    return deprecation is not None and deprecation.removed_on <= on


def _current() -> dict[str, Schema]:
    return {type: schema_of(type) for type in types()}
