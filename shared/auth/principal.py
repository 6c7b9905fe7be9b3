"""Who makes a request."""

from collections.abc import Iterable
from dataclasses import dataclass

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

    def may(self, roles: Iterable[Role]) -> bool:
        """Whether it has one of the roles."""
        return not self.roles.isdisjoint(roles)

    def sees(self, office: str) -> bool:
        """Whether the office is one of its own."""
        return EVERY_OFFICE in self.offices or office in self.offices


def service_principal(name: str) -> Principal:
    """The principal under which a service calls another."""
    return Principal(f"service:{name}", name, frozenset({Role.SERVICE}), frozenset({EVERY_OFFICE}))
