"""To whom a person agrees that data are transferred, and what for."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Recipient(StrEnum):
    """A category of recipients outside the programme."""

    #: Issues travel documents.
    EMBASSY = "embassy"
    #: Issues exit visas.
    EXIT_AUTHORITY = "exit_authority"
    #: Flies the person.
    CARRIER = "carrier"
    #: Meets the person at home.
    RECEIVING_OFFICE = "receiving_office"
    #: Examines and treats.
    HEALTH_PARTNER = "health_partner"
    #: Delivers what the plan of reintegration says.
    REINTEGRATION_PARTNER = "reintegration_partner"
    #: Protects refugees.
    UNHCR = "unhcr"


#: What each may use the data for, and nothing else.
USE: Mapping[Recipient, str] = {
    Recipient.EMBASSY: "travel document",
    Recipient.EXIT_AUTHORITY: "exit visa",
    Recipient.CARRIER: "transport",
    Recipient.RECEIVING_OFFICE: "reception",
    Recipient.HEALTH_PARTNER: "health care",
    Recipient.REINTEGRATION_PARTNER: "reintegration",
    Recipient.UNHCR: "international protection",
}
#: Without these nobody can travel.
NEEDED = (Recipient.EMBASSY, Recipient.EXIT_AUTHORITY, Recipient.CARRIER, Recipient.RECEIVING_OFFICE)


@dataclass(frozen=True)
class ConsentChange:
    """Consent to one recipient, given or taken back after the declaration."""

    recipient: Recipient
    given: bool
    reason: str
    #: Of which declaration, from 1: another one starts anew.
    declaration: int
    at: datetime
    by: str
