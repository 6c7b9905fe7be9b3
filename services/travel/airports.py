"""IATA's codes of airports, carriers and flights, as far as they can be checked."""

import re
from datetime import datetime
from functools import lru_cache
from typing import Any, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import airportsdata

from shared.errors import Invalid

#: Two letters or digits, not both digits.
CARRIER = re.compile(r"(?!\d\d)[A-Z0-9]{2}")


@lru_cache(maxsize=1)
def _airports() -> dict[str, dict[str, Any]]:
    return cast(dict[str, dict[str, Any]], airportsdata.load("IATA"))


def country_of(code: str) -> str:
    """The country of an airport. Raises Invalid when IATA knows no such airport."""
    airport = _airports().get(code)
    if airport is None:
        raise Invalid(f"{code} is not an airport's IATA code: check its three letters.")
    return str(airport["country"])


def local(moment: datetime, code: str) -> datetime:
    """The moment in the airport's time: papers are valid by the date there."""
    try:
        return moment.astimezone(ZoneInfo(str(_airports()[code]["tz"])))
    except ZoneInfoNotFoundError:
        return moment
