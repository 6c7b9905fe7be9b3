"""What an identity provider's claims make of a person here: roles and offices by the table in the settings."""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

from shared.auth.principal import EVERY_OFFICE, Principal
from shared.settings import IdentityProvider

_LONGEST_NAME = 200


def principal_of(claims: Mapping[str, Any], settings: IdentityProvider) -> Principal:
    """The principal of a checked token; what the table doesn't know gives nothing."""
    id = principal_id(claims["iss"], claims["sub"])
    return Principal(
        id,
        _name(claims) or id,
        frozenset(settings.roles[each] for each in _values(claims, settings.role_claims) if each in settings.roles),
        frozenset(_offices(claims, settings)),
    )


def principal_id(issuer: str, subject: str) -> str:
    """The same for the same person always, and telling nobody who that is; in the shape of a local account's id."""
    return str(UUID(bytes=hashlib.sha256(f"{issuer}\0{subject}".encode()).digest()[:16]))


def _name(claims: Mapping[str, Any]) -> str:
    given = (claims.get(each) for each in ("name", "preferred_username"))
    return next((each[:_LONGEST_NAME] for each in given if isinstance(each, str) and each.strip()), "")


def _offices(claims: Mapping[str, Any], settings: IdentityProvider) -> Iterator[str]:
    for each in _values(claims, settings.office_claims):
        # Every office is given by the table only, never by a claim that happens to read like it.
        found = settings.offices.get(each) if settings.offices else each if each != EVERY_OFFICE else None
        if found is not None:
            yield found


def _values(claims: Mapping[str, Any], names: tuple[str, ...]) -> Iterator[str]:
    """The texts that these claims hold, one or several each."""
    for name in names:
        held = _claim(claims, name)
        for each in held if isinstance(held, list) else [held]:
            if isinstance(each, str):
                yield each


def _claim(claims: Mapping[str, Any], name: str) -> Any:
    """The claim of that name, which may be an address with dots in it; else what the dots lead to."""
    if name in claims:
        return claims[name]
    found: Any = claims
    for step in name.split("."):
        found = found.get(step) if isinstance(found, Mapping) else None
    return found
