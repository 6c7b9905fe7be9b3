"""What reintegration publishes. Subject: the case's id, but for ``fund-opened``, whose subject is the fund's.

Amounts are integers in the currency's minor unit (cents).
"""

from datetime import date
from typing import Literal
from uuid import UUID

from shared.contracts.envelope import Contract

SOURCE = "/homeward/reintegration"


class ReintegrationOpened(Contract, type="org.homeward.reintegration.opened.v1"):
    """Arrival is confirmed; the inception of reintegration, from which follow-up counts."""

    inception_on: date
    #: None in what was published before these were told.
    office: str | None = None
    country_of_origin: str | None = None


class PlanSubmitted(Contract, type="org.homeward.reintegration.plan-submitted.v1"):
    """A plan waits for approval; its amount is reserved in the fund."""

    fund_id: UUID
    amount: int
    currency: str
    lines: int


class PlanApproved(Contract, type="org.homeward.reintegration.plan-approved.v1"):
    """The plan is approved; its amount is committed."""

    fund_id: UUID
    amount: int
    currency: str


class PlanRejected(Contract, type="org.homeward.reintegration.plan-rejected.v1"):
    """The plan is rejected; its amount is free again."""

    fund_id: UUID
    amount: int
    currency: str


class LineDelivered(Contract, type="org.homeward.reintegration.line-delivered.v1"):
    """One line of the plan was handed over, against proof."""

    line: int
    amount: int
    currency: str


class DeliveryCorrected(Contract, type="org.homeward.reintegration.delivery-corrected.v1"):
    """A delivery that was recorded did not take place."""

    line: int
    amount: int
    currency: str


class ReintegrationCompleted(Contract, type="org.homeward.reintegration.completed.v1"):
    """Every line is delivered; what was not spent is free again."""

    spent: int
    currency: str
    completed_on: date


class ReintegrationCancelled(Contract, type="org.homeward.reintegration.cancelled.v1"):
    """Reintegration has ended before completion; what was held is free again."""

    reason: Literal["withdrawn", "arrival_corrected", "dropped_out", "merged"]
    spent: int
    currency: str


class FundOpened(Contract, type="org.homeward.reintegration.fund-opened.v1"):
    """A donor's envelope is there to be drawn on."""

    code: str
    currency: str
    amount: int
