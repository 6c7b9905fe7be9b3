"""The calendar of what goes away: nothing that agencies get, or may send, is removed or changed unless it stood here
before.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any

#: Agencies need months for a change: half a year at least between the notice and the end.
NOTICE = timedelta(days=183)


@dataclass(frozen=True, slots=True)
class Deprecation:
    """One type, or one member of a type's data."""

    type: str
    #: None for the whole type.
    member: str | None
    deprecated_on: date
    #: From this day on it may be missing, or be another kind of value; of what agencies send, be refused.
    removed_on: date
    use_instead: str

    @property
    def what(self) -> str:
        """The type, and the member if it is one."""
        return self.type if self.member is None else f"{self.type}: {self.member}"

    @property
    def sentence(self) -> str:
        """What a developer reads."""
        return f"Deprecated on {self.deprecated_on}, removed on {self.removed_on}: use {self.use_instead}."


#: What agencies read of it is kept in ``announced``: a day that they were told is never brought forward.
CALENDAR: Sequence[Deprecation] = ()


def whole_type(type: str, calendar: Iterable[Deprecation]) -> Deprecation | None:
    """What the calendar says of the type itself."""
    return next((each for each in calendar if (each.type, each.member) == (type, None)), None)


def of_member(type: str, member: str, calendar: Iterable[Deprecation]) -> Deprecation | None:
    """What the calendar says of the member, or else of its type."""
    own = next((each for each in calendar if (each.type, each.member) == (type, member)), None)
    return own or whole_type(type, calendar)


def marked(type: str, member: str, schema: dict[str, Any], calendar: Iterable[Deprecation]) -> dict[str, Any]:
    """The member's schema as developers read it."""
    found = of_member(type, member, calendar)
    return {**schema, "deprecated": True, "description": found.sentence} if found else schema


def announced(calendar: Iterable[Deprecation]) -> list[dict[str, Any]]:
    """As it is kept and published."""
    return [
        {name: str(value) if isinstance(value, date) else value for name, value in asdict(each).items()}
        for each in calendar
    ]


def faults(
    calendar: Sequence[Deprecation],
    told: Iterable[Mapping[str, Any]],
    published: Mapping[str, Mapping[str, Any]],
    on: date,
) -> Iterator[str]:
    """What is wrong with its days, as sentences. ``told``: the calendar as it was published last."""
    known = {(each["type"], each["member"]) for each in told}
    for each in calendar:
        if each.removed_on - each.deprecated_on < NOTICE:
            yield f"{each.what}: less than half a year lies between its notice and its end"
        if (each.type, each.member) not in known and each.deprecated_on < on:
            yield f"{each.what}: nobody was told of it on {each.deprecated_on}; its notice is given today or later"
        if on < each.removed_on and not _there(each, published):
            yield f"{each.what}: there is no such type or member that could go"


def brought_forward(calendar: Sequence[Deprecation], told: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """What would go before the day that agencies were told, as sentences. ``told``: a calendar that they have read."""
    ends = {(each["type"], each["member"]): date.fromisoformat(each["removed_on"]) for each in told}
    for each in calendar:
        end = ends.get((each.type, each.member), each.removed_on)
        if each.removed_on < end:
            yield f"{each.what}: agencies were told that it stays until {end}"


def _there(deprecation: Deprecation, published: Mapping[str, Mapping[str, Any]]) -> bool:
    schema = published.get(deprecation.type)
    return schema is not None and (deprecation.member is None or deprecation.member in schema["properties"])
