"""The rules of follow-up: one class each, its docstring the operator's message."""

from typing import Any


class RuleBroken(Exception):
    """A rule of follow-up forbids this."""

    rule_broken = True

    def __init__(self, message: str = "", **fields: Any) -> None:
        super().__init__(message or " ".join((type(self).__doc__ or "").split()))
        self.fields = fields


class NotAllowedNow(RuleBroken):
    """The state that this has reached does not allow that step."""


class NoSuchVisit(RuleBroken):
    """The case has no follow-up visit with this code."""


class WeakerMethod(RuleBroken):
    """A visit on site is not replaced by a phone call, unless the programme allows it."""


class TooFewAttempts(RuleBroken):
    """Contact counts as lost only after the programme's number of attempts has failed."""


class FollowUpUnfinished(RuleBroken):
    """A case is closed as followed up when every visit was made and reintegration has ended."""


class ContactNotLost(RuleBroken):
    """A case is closed for lost contact only when contact was recorded as lost."""


class NoteMissing(RuleBroken):
    """A case that is closed for another reason needs a note that says what happened."""
