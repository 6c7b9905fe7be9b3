"""The rules of screening: one class per rule, whose docstring is what the operator reads."""

from collections.abc import Iterable
from typing import Any

from services.screening.domain.vocabulary import Action, Gate, Status


class RuleBroken(Exception):
    """A rule of screening forbids this."""

    #: By this the web layer knows that it is a conflict with a rule and not a fault.
    rule_broken = True

    def __init__(self, message: str = "", **fields: Any) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip().split("\n")[0])
        self.fields = fields


class NotPossibleNow(RuleBroken):
    """The case is not in a state in which this can be done."""

    def __init__(self, action: Action, status: Status) -> None:
        super().__init__(f"You can't {action} while the case is {status}.", action=action.value, status=status.value)


class GatesMissing(RuleBroken):
    """A case is cleared when every gate is met; see which ones are missing."""

    def __init__(self, missing: Iterable[Gate]) -> None:
        gates = [gate.value for gate in missing]
        super().__init__(f"These gates are not met yet: {', '.join(gates)}.", missing=gates)


class AlternativesNotExplained(RuleBroken):
    """A declaration counts only when the alternatives to return were explained first."""


class DataConsentMissing(RuleBroken):
    """Nobody's data is used for a return without that person's consent to it."""


class ProxyWithoutReason(RuleBroken):
    """Say why a guardian or a proxy declares instead of the person."""


class GuardianMissing(RuleBroken):
    """A child does not declare alone: a parent or guardian does, and says why."""


class WitnessMissing(RuleBroken):
    """A declaration names the language it was given in and who witnessed it."""


class WithdrawalTooLate(RuleBroken):
    """Consent can be withdrawn until boarding; this person is on board."""


class HasBoarded(RuleBroken):
    """The person is on board: this can't be changed in screening any more."""


class NotAChild(RuleBroken):
    """Only a person under 18 can be an unaccompanied child."""


class TravelsWithParent(RuleBroken):
    """A child with a parent in the household is not unaccompanied; split the household first if they part."""


class DecisionInFuture(RuleBroken):
    """A decision can't be dated in the future."""


class HoldNotOpen(RuleBroken):
    """There is no such open hold on this case."""


class NotSuspected(RuleBroken):
    """There is no open suspicion that these two cases are of one person."""


class ReferenceTaken(RuleBroken):
    """This office's list already has a person with that reference."""


class OwnRegistration(RuleBroken):
    """Somebody else than who has registered or corrected either case decides whether they are of one person."""


class NotInHousehold(RuleBroken):
    """Only members of the household can leave it."""


class HouseholdWouldBeEmpty(RuleBroken):
    """A split leaves somebody on each side."""


class NothingCorrected(RuleBroken):
    """This is what is kept of the person already."""


class CaseUnderWay(RuleBroken):
    """Only an ended case can be erased: take the withdrawal or close the case first."""


class ErasureNotRequested(RuleBroken):
    """Nobody has requested this erasure, or it was carried out."""


class SameEyes(RuleBroken):
    """Somebody else than who has requested the erasure approves it."""


class NotDeclared(RuleBroken):
    """The declaration comes first: it says to whom data may be transferred."""


class NeededToTravel(RuleBroken):
    """Without this recipient nobody can travel: take the withdrawal of consent instead."""


class ElsewhereToo(RuleBroken):
    """The person has a case at another office too: somebody who works for all of these offices does this."""


class ErasureWaits(RuleBroken):
    """This erasure is requested already and waits for somebody else's approval."""
