"""What a person may be in the programme."""

from enum import StrEnum


class Role(StrEnum):
    """What roles may do stands in ``permissions.GRANTED``; nobody has one by default."""

    #: Registers, counsels and follows people until they are cleared.
    CASEWORKER = "caseworker"
    #: Decides on holds and on the best interests of children.
    PROTECTION = "protection"
    #: Decides on fitness to travel.
    MEDICAL = "medical"
    #: Gets papers, flights and seats.
    MOVEMENTS = "movements"
    #: Works at the desk on departure day and at arrival.
    AIRPORT = "airport"
    #: Makes plans and delivers them.
    REINTEGRATION = "reintegration"
    #: Opens funds and approves plans.
    FINANCE = "finance"
    #: Makes the follow-up visits.
    MONITORING = "monitoring"
    #: Runs a programme or an office.
    MANAGER = "manager"
    #: Reads everything that is not personal, changes nothing.
    AUDITOR = "auditor"
    #: A partner agency itself: its keys have this role, and no person has.
    AGENCY = "agency"
    #: Looks after partner agencies.
    PARTNER_LIAISON = "partner_liaison"
    #: Looks after people's data: hears of every emergency access.
    DATA_PROTECTION = "data_protection"
    #: Runs the suite: dead letters, the programme's clock, accounts.
    ADMIN = "admin"


#: What a person may be: an agency's role is its keys' alone.
PEOPLE = frozenset(Role) - {Role.AGENCY}
