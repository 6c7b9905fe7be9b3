"""The words of travel: closed sets of codes that its aggregates and events use."""

from enum import StrEnum


class Gate(StrEnum):
    """What must hold before a person may fly, as far as travel knows of it."""

    # Members are looked up in tables many times per event, and an enumeration's own hash is ten times as slow.
    __hash__ = str.__hash__

    #: The declaration is signed and consent not withdrawn.
    CONSENT = "consent"
    #: No hold is open.
    HOLD = "hold"
    #: Arrangements for care at home are in place, where they are required.
    CARE = "care"
    #: Screening has cleared the case.
    CLEARANCE = "clearance"
    #: A valid travel document.
    DOCUMENT = "document"
    #: A valid exit visa.
    EXIT_VISA = "exit_visa"
    #: A fit-to-travel result that is valid.
    FITNESS = "fitness"
    #: Everybody else of the travel unit can go.
    FAMILY = "family"
    #: An escort has a seat, where one is required.
    ESCORT = "escort"
    #: A seat on a flight.
    SEAT = "seat"


#: Without these nobody holds a seat.
FIRM_GATES = (Gate.CONSENT, Gate.HOLD, Gate.CARE, Gate.CLEARANCE)
#: While one of these is missing at the flight's date a booking is provisional.
PAPER_GATES = (Gate.DOCUMENT, Gate.EXIT_VISA, Gate.FITNESS)
#: Whoever meets these is ready. Fitness is renewed before embarkation, so it decides at the flight, not here.
READY_GATES = (*FIRM_GATES, Gate.DOCUMENT, Gate.EXIT_VISA, Gate.FAMILY)


class AgeGroup(StrEnum):
    """The airlines' passenger types."""

    #: Twelve years or older.
    ADULT = "ADT"
    #: Two to eleven years.
    CHILD = "CHD"
    #: Under two years.
    INFANT = "INF"


class ReleaseReason(StrEnum):
    """Why a seat was given back."""

    #: Consent was withdrawn.
    WITHDRAWN = "withdrawn"
    #: The flight was cancelled.
    FLIGHT_CANCELLED = "flight_cancelled"
    #: Another member of the travel unit can't go.
    FAMILY = "family"
    #: A gate fell.
    GATE = "gate"
    #: The person did not come.
    NO_SHOW = "no_show"
    #: The person was not let on board.
    REFUSED = "refused"
    #: An officer's decision, whose reason is kept.
    MANUAL = "manual"


class RefusedBy(StrEnum):
    """Who did not let the person on board."""

    #: The carrier.
    AIRLINE = "airline"
    #: The border police.
    BORDER = "border"
    #: The programme's own staff.
    PROGRAMME = "programme"


class FlightKind(StrEnum):
    """How the seats were bought."""

    #: The whole aircraft.
    CHARTER = "charter"
    #: Single seats on a scheduled flight.
    COMMERCIAL = "commercial"


class PaperKind(StrEnum):
    """Which paper a person travels on."""

    #: A consulate's paper for one journey.
    LAISSEZ_PASSER = "laissez_passer"
    #: An emergency travel certificate.
    EMERGENCY_CERTIFICATE = "emergency_certificate"
    #: A passport.
    PASSPORT = "passport"
    #: The leave to exit the country of departure.
    EXIT_VISA = "exit_visa"


class RecordedIn(StrEnum):
    """Where a withdrawal was recorded first."""

    #: At the airport desk.
    TRAVEL = "travel"
    #: With a caseworker.
    SCREENING = "screening"
