"""Who makes a request."""

from collections.abc import Iterable
from dataclasses import dataclass

from shared.auth.break_glass import FILE, Opening
from shared.auth.permissions import GRANTED, Permission
from shared.auth.roles import Role

#: Stands for every office in ``Principal.offices``.
EVERY_OFFICE = "*"


@dataclass(frozen=True, slots=True)
class Principal:
    """A person or service, as its verified token tells."""

    #: Stable and neutral: it is what logs and records keep.
    id: str
    name: str
    roles: frozenset[Role] = frozenset()
    offices: frozenset[str] = frozenset()
    #: What a service was granted here; a person has roles instead.
    granted: frozenset[Permission] = frozenset()
    #: A person in an emergency, who may read one case's file and nothing else.
    break_glass: Opening | None = None

    def may(self, permission: Permission) -> bool:
        """Whether one of its roles has the permission, or it was granted."""
        return permission in self.granted or not self.roles.isdisjoint(GRANTED.get(permission, frozenset()))

    def sees(self, office: str) -> bool:
        """Whether the office is one of its own."""
        return EVERY_OFFICE in self.offices or office in self.offices


def service_principal(name: str, granted: Iterable[Permission]) -> Principal:
    """The principal under which a service calls another: it acts for every office."""
    return Principal(f"service:{name}", name, frozenset(), frozenset({EVERY_OFFICE}), frozenset(granted))


def emergency_principal(id: str, name: str, opening: Opening) -> Principal:
    """A person who reads one case's file in an emergency, whatever their roles and offices are."""
    return Principal(id, name, frozenset(), frozenset({EVERY_OFFICE}), FILE, opening)
