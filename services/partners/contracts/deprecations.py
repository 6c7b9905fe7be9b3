"""The calendar of what goes away: nothing that agencies get is removed or changed unless it stood here before."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Deprecation:
    """One type, or one member of a type's data."""

    type: str
    #: None for the whole type.
    member: str | None
    deprecated_on: date
    #: From this day on it may be missing, or be another kind of value.
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


#: Agencies need months for a change: an entry stands for half a year at least before its ``removed_on``.
CALENDAR: Sequence[Deprecation] = ()


def whole_type(type: str, calendar: Iterable[Deprecation]) -> Deprecation | None:
    """What the calendar says of the type itself."""
    return next((each for each in calendar if (each.type, each.member) == (type, None)), None)


def of_member(type: str, member: str, calendar: Iterable[Deprecation]) -> Deprecation | None:
    """What the calendar says of the member, or else of its type."""
    own = next((each for each in calendar if (each.type, each.member) == (type, member)), None)
    return own or whole_type(type, calendar)
