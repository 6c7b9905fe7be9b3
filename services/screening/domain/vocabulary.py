"""The words of screening: states, actions, and what is recorded about a person."""

from enum import IntEnum, StrEnum


class Status(StrEnum):
    """Where a case is in screening."""

    #: Being screened: gates are collected in any order.
    OPEN = "open"
    #: Every gate of screening was met when it was cleared.
    CLEARED = "cleared"
    #: The person no longer wants to return; a new declaration opens the case again.
    WITHDRAWN = "withdrawn"
    #: The programme can't return this person.
    DECLINED = "declined"
    #: A duplicate: the person goes on under another case.
    MERGED = "merged"
    #: What was held of the person is destroyed.
    ERASED = "erased"


class Action(StrEnum):
    """What can be done with a case."""

    DECLARE = "declare"
    ASSESS = "assess"
    PLACE_HOLD = "place hold"
    LIFT_HOLD = "lift hold"
    DECIDE_BEST_INTERESTS = "decide best interests"
    EXAMINE = "examine"
    CLEAR = "clear"
    REVOKE = "revoke"
    WITHDRAW = "withdraw"
    DECLINE = "decline"
    MERGE = "merge"
    CORRECT = "correct identity"
    ERASE = "erase"


class Gate(StrEnum):
    """What must be met before a case is cleared."""

    CONSENT = "consent"
    ASSESSMENT = "assessment"
    IDENTITY = "identity"
    HOLD = "hold"
    CARE = "care"
    FITNESS = "fitness"


class Sex(StrEnum):
    """As the person's papers say, or as the person does without papers."""

    FEMALE = "female"
    MALE = "male"
    OTHER = "other"


class PlaceKind(StrEnum):
    """Where the person was met: consent given in detention is not read like consent given at home."""

    OFFICE = "office"
    DETENTION_CENTRE = "detention_centre"
    SHELTER = "shelter"
    EMBASSY = "embassy"
    URBAN = "urban"
    OTHER = "other"


class Ground(StrEnum):
    """Why a person's data are erased."""

    #: The person has asked for it.
    REQUESTED = "requested"
    #: The schedule says that they are no longer needed.
    RETENTION = "retention"
    #: They should not have been collected.
    UNLAWFUL = "unlawful"


class HouseholdRole(StrEnum):
    """Who one is in the household."""

    HEAD = "head"
    SPOUSE = "spouse"
    #: A child of the head or the spouse.
    CHILD = "child"
    OTHER = "other"


class GivenBy(StrEnum):
    """Who gave the declaration."""

    SELF = "self"
    GUARDIAN = "guardian"
    PROXY = "proxy"


class HoldKind(StrEnum):
    """Why a case must not move. It never leaves this service."""

    INTERNATIONAL_PROTECTION = "international_protection"
    BEST_INTERESTS = "best_interests"
    TRAFFICKING = "trafficking"
    MEDICAL = "medical"
    FAMILY = "family"
    SECURITY = "security"


class Escort(StrEnum):
    """Who must travel with the person."""

    NONE = "none"
    MEDICAL = "medical"
    OPERATIONAL = "operational"


class Band(IntEnum):
    """Vulnerability: the lower number goes first."""

    CRITICAL = 1
    HIGH = 2
    MEDIUM = 3
    LOW = 4


class Verdict(StrEnum):
    """How the best-interests procedure ended."""

    POSITIVE = "positive"
    NEGATIVE = "negative"


class Outcome(StrEnum):
    """The result of a fit-to-travel examination."""

    FIT = "fit"
    FIT_WITH_ASSISTANCE = "fit_with_assistance"
    TEMPORARILY_UNFIT = "temporarily_unfit"
    UNFIT = "unfit"


class AgeGroup(StrEnum):
    """The airlines' passenger types."""

    ADULT = "ADT"
    CHILD = "CHD"
    INFANT = "INF"


class Likeness(StrEnum):
    """What two cases have in common when they are suspected to be of one person."""

    NAME_AND_BIRTH = "name and date of birth"
    NAME_AND_DOCUMENT = "name and document number"
    NAME_AND_PHONE = "name and phone"
    DOCUMENT_AND_BIRTH = "document number and date of birth"
