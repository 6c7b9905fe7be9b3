"""What people in tests read personal data for."""

from shared.auth.purposes import purposes_of
from shared.auth.roles import Role
from shared.web.purpose import HEADER


def usual_purpose(*roles: Role) -> dict[str, str]:
    """The header with what these roles mostly read personal data for."""
    return {HEADER: purposes_of(roles)[0]} if purposes_of(roles) else {}
