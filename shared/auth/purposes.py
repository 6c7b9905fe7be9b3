"""What personal data may be read for, and who reads them for that."""

from collections.abc import Iterable, Mapping
from enum import StrEnum

from shared.auth.roles import Role


class Purpose(StrEnum):
    """Whoever reads personal data names one; it is kept with the read."""

    #: Registering, counselling and following people until they are cleared.
    CASE_WORK = "case-work"
    #: Holds, best interests of children, who may be in danger.
    PROTECTION = "protection"
    #: Fitness to travel and what the journey must provide.
    MEDICAL_CARE = "medical-care"
    #: Embassies and authorities, who issue papers to persons.
    TRAVEL_DOCUMENTS = "travel-documents"
    #: Flights, seats and manifests.
    TRAVEL_ARRANGEMENT = "travel-arrangement"
    #: The desk on departure day.
    BOARDING = "boarding"
    #: Meeting people where they land.
    ARRIVAL = "arrival"
    #: Plans, funds and what was delivered.
    REINTEGRATION = "reintegration"
    #: Follow-up visits.
    MONITORING = "monitoring"
    #: A person's own request: to see, to correct or to erase what is kept of them.
    DATA_SUBJECT_REQUEST = "data-subject-request"
    #: Looking after a programme, an office or its people.
    SUPERVISION = "supervision"
    #: Looking through the audit, which holds no personal data but ids.
    AUDIT = "audit"
    #: Handing over to a partner agency what an agreement says.
    TRANSFER = "transfer"
    #: An emergency: no role has it, it is granted for a time.
    BREAK_GLASS = "break-glass"


#: The first is what a role mostly reads for. Who isn't here reads no personal data.
PURPOSES: Mapping[Role, tuple[Purpose, ...]] = {
    Role.CASEWORKER: (Purpose.CASE_WORK, Purpose.PROTECTION, Purpose.TRAVEL_DOCUMENTS, Purpose.DATA_SUBJECT_REQUEST),
    Role.PROTECTION: (Purpose.PROTECTION, Purpose.CASE_WORK, Purpose.DATA_SUBJECT_REQUEST),
    Role.MEDICAL: (Purpose.MEDICAL_CARE,),
    Role.MOVEMENTS: (Purpose.TRAVEL_ARRANGEMENT, Purpose.TRAVEL_DOCUMENTS, Purpose.BOARDING, Purpose.ARRIVAL),
    Role.AIRPORT: (Purpose.BOARDING, Purpose.ARRIVAL),
    Role.REINTEGRATION: (Purpose.REINTEGRATION, Purpose.ARRIVAL),
    Role.FINANCE: (Purpose.REINTEGRATION,),
    Role.MONITORING: (Purpose.MONITORING,),
    Role.MANAGER: (Purpose.SUPERVISION, Purpose.CASE_WORK, Purpose.TRAVEL_ARRANGEMENT, Purpose.DATA_SUBJECT_REQUEST),
    Role.DATA_PROTECTION: (Purpose.SUPERVISION,),
    Role.PARTNER_LIAISON: (Purpose.TRANSFER,),
    Role.AUDITOR: (Purpose.AUDIT,),
}
#: The same of services that read personal data of one another.
SERVICE_PURPOSES: Mapping[str, tuple[Purpose, ...]] = {
    "travel": (Purpose.TRAVEL_ARRANGEMENT, Purpose.TRAVEL_DOCUMENTS, Purpose.BOARDING),
    "partners": (Purpose.TRANSFER,),
}


def purposes_of(roles: Iterable[Role]) -> tuple[Purpose, ...]:
    """What somebody with these roles may read personal data for, what each mostly reads for first."""
    each_roles = [PURPOSES.get(role, ()) for role in sorted(roles)]
    first = [purposes[0] for purposes in each_roles if purposes]
    return tuple(dict.fromkeys([*first, *(purpose for purposes in each_roles for purpose in purposes)]))
