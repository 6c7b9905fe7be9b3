"""Access in an emergency: one person's, to one case's file, for a time."""

from dataclasses import dataclass
from uuid import UUID

from shared.auth.permissions import Permission

#: What a case's file is. Each of these is refused for any other case: ``shared.web.emergency``.
FILE = frozenset(
    {
        *(Permission.FILES_READ, Permission.ASSESSMENTS_READ, Permission.HOLDS_READ, Permission.FITNESS_READ),
        *(Permission.IDENTITIES_READ, Permission.PHONES_READ),
        *(Permission.TRAVEL_READ, Permission.PLANS_READ, Permission.VISITS_READ),
    }
)


@dataclass(frozen=True, slots=True)
class Opening:
    """What was opened."""

    case: UUID
    #: Whose case it is: its audit tells of the access.
    office: str
    #: When it ends, in seconds of the system's clock.
    until: int
    #: The notice that says why.
    reason_id: UUID
