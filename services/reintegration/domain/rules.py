"""The rules of reintegration: one class each, its docstring the operator's message."""

from typing import Any


class RuleBroken(Exception):
    """A rule of reintegration forbids this."""

    rule_broken = True

    def __init__(self, message: str = "", **fields: Any) -> None:
        super().__init__(message or " ".join((type(self).__doc__ or "").split()))
        self.fields = fields


class NotAllowedNow(RuleBroken):
    """The state that this case has reached does not allow that step."""


class ArrivalNotConfirmed(RuleBroken):
    """Reintegration opens when the receiving side confirms arrival: no plan before that."""


class RegistrationUnknown(RuleBroken):
    """The person's registration has not arrived here yet, so the ceiling can't be checked: try again shortly."""


class PlanWithoutLines(RuleBroken):
    """A plan has at least one line, and each line an amount above zero."""


class CeilingExceeded(RuleBroken):
    """One person's assistance, over all of their cases, never exceeds the programme's ceiling."""


class FundOverdrawn(RuleBroken):
    """A fund never gives more than its donor's amount."""


class FundNotRunning(RuleBroken):
    """A plan is paid from a fund whose period includes today."""


class FundPeriodBackwards(RuleBroken):
    """A fund ends on or after the day on which it starts."""


class FundWithoutAmount(RuleBroken):
    """A fund has an amount above zero."""


class FundCodeTaken(RuleBroken):
    """Another fund has this code."""


class OtherCurrency(RuleBroken):
    """A plan is paid from a fund in the currency of the programme's ceiling."""


class SameEyes(RuleBroken):
    """A plan is approved by somebody else than who submitted it."""


class NoSuchLine(RuleBroken):
    """The plan has no line with this number."""


class LineAlreadyDelivered(RuleBroken):
    """The line is delivered; correct that delivery first if it is wrong."""


class LineNotDelivered(RuleBroken):
    """The line has no delivery to correct."""


class AboveBudget(RuleBroken):
    """What a delivery cost is above zero and not above what is held for its line."""


class ProofMissing(RuleBroken):
    """A delivery is recorded against proof: give the reference of the receipt or certificate."""


class LinesOutstanding(RuleBroken):
    """Reintegration is complete when every line of the plan is delivered."""


class ReasonMissing(RuleBroken):
    """This needs a reason that others can understand later."""
