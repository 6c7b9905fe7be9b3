"""Words that more than one contract uses: neutral codes, never the reason behind them."""

from enum import IntEnum, StrEnum


class Gate(StrEnum):
    """What must hold before a person may fly."""

    # Members are looked up in tables many times per event, and an enumeration's own hash is ten times as slow.
    __hash__ = str.__hash__

    #: The voluntary declaration is signed and consent not withdrawn.
    CONSENT = "consent"
    #: The vulnerability screening has a result.
    ASSESSMENT = "assessment"
    #: Every suspected duplicate is decided.
    IDENTITY = "identity"
    #: No hold is open.
    HOLD = "hold"
    #: Arrangements for the person's care at home are in place, where they are required.
    CARE = "care"
    #: A fit-to-travel result that is valid.
    FITNESS = "fitness"
    #: Screening has cleared the case.
    CLEARANCE = "clearance"
    #: A valid travel document.
    DOCUMENT = "document"
    #: A valid exit visa.
    EXIT_VISA = "exit_visa"
    #: An escort has a seat, where one is required.
    ESCORT = "escort"
    #: Every member of the travel unit can go.
    FAMILY = "family"
    #: A seat on a flight.
    SEAT = "seat"


class VulnerabilityBand(IntEnum):
    """Priority for a seat: the lower number goes first."""

    CRITICAL = 1
    HIGH = 2
    MEDIUM = 3
    LOW = 4


class AgeGroup(StrEnum):
    """The airlines' passenger types."""

    #: Twelve years or older.
    ADULT = "ADT"
    #: Two to eleven years.
    CHILD = "CHD"
    #: Under two years: travels on an adult's lap, needs no seat.
    INFANT = "INF"


class AssistanceCode(StrEnum):
    """IATA's special service codes: what the airline provides."""

    #: Wheelchair to the gate.
    WHEELCHAIR_RAMP = "WCHR"
    #: Wheelchair and carried up the steps.
    WHEELCHAIR_STEPS = "WCHS"
    #: Wheelchair to the seat.
    WHEELCHAIR_CABIN = "WCHC"
    #: A stretcher.
    STRETCHER = "STCR"
    #: Oxygen.
    OXYGEN = "OXYG"
    #: A passenger whose condition needs medical clearance by the airline.
    MEDICAL_CASE = "MEDA"
    #: Blind.
    BLIND = "BLND"
    #: Deaf.
    DEAF = "DEAF"
    #: Meet and assist.
    MEET_AND_ASSIST = "MAAS"
    #: A bassinet for an infant.
    BASSINET = "BSCT"


class SeatReleaseReason(StrEnum):
    """Why a seat was given back."""

    #: Consent was withdrawn.
    WITHDRAWN = "withdrawn"
    #: The flight was cancelled.
    FLIGHT_CANCELLED = "flight_cancelled"
    #: Another member of the travel unit can't go.
    FAMILY = "family"
    #: A gate fell or lapsed.
    GATE = "gate"
    #: The person did not come.
    NO_SHOW = "no_show"
    #: The person was not let on board.
    REFUSED = "refused"
    #: An officer's decision, with its reason in travel.
    MANUAL = "manual"
    #: The escort fell out.
    ESCORT = "escort"


class Recipient(StrEnum):
    """To whom outside the programme a person agrees that data go."""

    EMBASSY = "embassy"
    EXIT_AUTHORITY = "exit_authority"
    CARRIER = "carrier"
    RECEIVING_OFFICE = "receiving_office"
    HEALTH_PARTNER = "health_partner"
    REINTEGRATION_PARTNER = "reintegration_partner"
    UNHCR = "unhcr"
