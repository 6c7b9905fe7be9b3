"""What reintegration tells. Amounts are in the currency's minor unit."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from uuid import UUID


class Ending(StrEnum):
    """Why reintegration ended before completion."""

    #: Consent was withdrawn.
    WITHDRAWN = "withdrawn"
    #: The person had not arrived after all.
    ARRIVAL_CORRECTED = "arrival_corrected"
    #: The person no longer takes part; the note says why.
    DROPPED_OUT = "dropped_out"
    #: The case was a duplicate.
    MERGED = "merged"


@dataclass(frozen=True, slots=True)
class FundOpened:
    """A donor's envelope can be drawn on."""

    fund_id: UUID
    code: str
    currency: str
    amount: int


@dataclass(frozen=True, slots=True)
class Opened:
    """Arrival is confirmed."""

    case_id: UUID
    inception_on: date
    #: None of cases that were registered before these were kept.
    office: str | None = None
    country_of_origin: str | None = None


@dataclass(frozen=True, slots=True)
class PlanSubmitted:
    """A plan waits for approval; its amount is reserved."""

    case_id: UUID
    fund_id: UUID
    amount: int
    currency: str
    lines: int


@dataclass(frozen=True, slots=True)
class PlanApproved:
    """The plan's amount is committed."""

    case_id: UUID
    fund_id: UUID
    amount: int
    currency: str


@dataclass(frozen=True, slots=True)
class PlanRejected:
    """The plan's amount is free again."""

    case_id: UUID
    fund_id: UUID
    amount: int
    currency: str


@dataclass(frozen=True, slots=True)
class LineDelivered:
    """A line was handed over, against proof."""

    case_id: UUID
    line: int
    amount: int
    currency: str


@dataclass(frozen=True, slots=True)
class DeliveryCorrected:
    """A recorded delivery did not take place."""

    case_id: UUID
    line: int
    amount: int
    currency: str


@dataclass(frozen=True, slots=True)
class Completed:
    """Every line is delivered."""

    case_id: UUID
    spent: int
    currency: str
    completed_on: date


@dataclass(frozen=True, slots=True)
class Cancelled:
    """Ended before completion; what was held is free again."""

    case_id: UUID
    ending: Ending
    spent: int
    currency: str


Event = (
    FundOpened
    | Opened
    | PlanSubmitted
    | PlanApproved
    | PlanRejected
    | LineDelivered
    | DeliveryCorrected
    | Completed
    | Cancelled
)
