"""The purpose that a request names: a header with one word of a closed list, checked against the caller's roles."""

from typing import Annotated

from fastapi import Header

from shared.auth.principal import Principal
from shared.auth.purposes import SERVICE_PURPOSES, Purpose, purposes_of
from shared.errors import Forbidden, Invalid

HEADER = "Purpose"

PurposeHeader = Annotated[
    str | None,
    Header(
        alias=HEADER,
        description="What personal data are read for; kept in the audit. It must be one of the caller's roles' own.",
        json_schema_extra={"enum": [each.value for each in Purpose]},
    ),
]


class PurposeNeeded(Invalid):
    """Say what these personal data are needed for: name one of your purposes in the header Purpose."""


class PurposeNotYours(Forbidden):
    """Your roles read no personal data for this purpose; name one of those listed here if it is yours."""


def purposes_for(principal: Principal) -> tuple[Purpose, ...]:
    """What a person or a service may read personal data for."""
    if principal.break_glass:
        return (Purpose.BREAK_GLASS,)
    return SERVICE_PURPOSES.get(principal.name, ()) if principal.granted else purposes_of(principal.roles)


def claim(principal: Principal, purpose: str | None) -> Purpose:
    """The purpose that was named. Raises PurposeNeeded and PurposeNotYours, with those that fit the caller."""
    fitting = purposes_for(principal)
    try:
        claimed = Purpose(purpose or "")
    except ValueError:
        raise PurposeNeeded(purposes=fitting) from None
    if claimed not in fitting:
        raise PurposeNotYours(purposes=fitting)
    return claimed
