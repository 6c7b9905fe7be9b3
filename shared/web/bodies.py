"""What requests' bodies and queries have in common: a value is what it is written as, and nothing is guessed."""

import re
from datetime import UTC, date, datetime
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, GetCoreSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError

#: The largest number that PostgreSQL's bigint holds.
LARGEST = 2**63 - 1
_WRITTEN = {"date": re.compile(r"\d{4}-\d\d-\d\d"), "datetime": re.compile(r"\d{4}-\d\d-\d\d[T ].+")}
_EXAMPLES = {"date": "a date such as 2001-12-31", "datetime": "a time such as 2001-12-31T08:30:00Z"}
_EXACT = frozenset({"int", "float", "bool"})


def _exact(schema: Any) -> Any:
    """The schema with every number and truth value strict, and every date and time read from its text alone."""
    match schema:
        case {"type": str(kind)} if kind in _EXACT:
            return schema | {"strict": True}
        case {"type": "date" | "datetime" as kind}:
            return {"type": "function-before", "schema": schema, "function": _from_text(kind)}
        case dict():
            return {name: each if name == "metadata" else _exact(each) for name, each in schema.items()}
        case list():
            return [_exact(each) for each in schema]
        case tuple():
            return tuple(_exact(each) for each in schema)
        case _:
            return schema


def _from_text(kind: str) -> Any:
    return {"type": "no-info", "function": lambda value: written(kind, value)}


def written(kind: str, value: Any) -> Any:
    """The value, unless it is no text of this kind: pydantic would take a number for seconds since 1970."""
    if isinstance(value, date) or (isinstance(value, str) and _WRITTEN[kind].fullmatch(value.strip())):
        return value
    raise PydanticCustomError("not_a_" + kind, "Input should be " + _EXAMPLES[kind])


#: Beyond it no programme plans, and the calendar ends not far beyond what is added to a date.
_LATEST = datetime(2200, 1, 1, tzinfo=UTC)
#: The programme's time.
Moment = Annotated[AwareDatetime, Field(ge=datetime(2000, 1, 1, tzinfo=UTC), le=_LATEST)]
#: A day in a query or a path.
Day = Annotated[date, BeforeValidator(lambda value: written("date", value))]
#: A time in a query.
Instant = Annotated[AwareDatetime, BeforeValidator(lambda value: written("datetime", value))]
#: Where to go on in a log or a list: a position, a sequence, an id.
Position = Annotated[int, Field(ge=0, le=LARGEST)]
#: A subject, a source, a type or a cursor.
Name = Annotated[str, Field(max_length=500)]


class Body(BaseModel):
    """A request's body. An unknown member is an error: a misspelt one must not be lost. Blanks around texts go.

    A number is no date, no text is a number, and ``true`` is not 1.
    """

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        exact: CoreSchema = _exact(handler(source))
        return exact
