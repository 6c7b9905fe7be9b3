"""The rules about agencies: one class each, its docstring the operator's message."""

from typing import Any


class RuleBroken(Exception):
    """A rule about partner agencies forbids this."""

    rule_broken = True

    def __init__(self, message: str = "", **fields: Any) -> None:
        super().__init__(message or " ".join((type(self).__doc__ or "").split()))
        self.fields = fields


class AgreementWithoutDays(RuleBroken):
    """An agreement ends on or after the day on which it begins."""


class ScopeOfOtherKind(RuleBroken):
    """An agency of this kind hears of other cases than these: name one of the scopes listed here."""


class FiguresAlone(RuleBroken):
    """An agreement on figures names figures and nothing else, no personal field either, and no other names figures."""


class FiguresOfNothing(RuleBroken):
    """Figures need to say what they are of: name these members too."""


class AgreementInForce(RuleBroken):
    """An agreement that is in force stays as it was signed: end it and enter another."""


class AgreementWithoutCopy(RuleBroken):
    """Attach the signed copy first: nothing flows on an agreement that nobody has signed."""


class AgreementEnded(RuleBroken):
    """This agreement has ended: enter another."""


class OwnAgreement(RuleBroken):
    """Who entered an agreement doesn't approve it: ask somebody else."""


class OutsideAgreement(RuleBroken):
    """The agreement doesn't name this: subscribe to what is listed here."""


class SubscriptionEnded(RuleBroken):
    """This subscription has ended: make another."""


class SubscriptionUnconfirmed(RuleBroken):
    """The receiver hasn't said yet that it wants these events: ask for the handshake first."""


class ReplayBeforeAgreement(RuleBroken):
    """Nothing was told before the agreement: name its first day, which stands here, or a later one."""


class NothingOwed(RuleBroken):
    """This agency owes no acknowledgement of that subject: it was told nothing of it, or has acknowledged."""


class CarrierWithoutCode(RuleBroken):
    """Of an airline the two characters are needed with which its flights' numbers begin."""
