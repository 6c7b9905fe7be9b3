"""The rules about agencies: one class each, its docstring the operator's message."""

from collections.abc import Iterable
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


class NotKeptAnyMore(RuleBroken):
    """Events are kept for you as long as you may keep them: name the day that stands here, or a later one."""


class NothingOwed(RuleBroken):
    """This agency owes no acknowledgement of that subject: it was told nothing of it, or has acknowledged."""


class ToldAnotherDay(RuleBroken):
    """An agency is told after its tombstone was made, and not in days to come: correct the day, or tell it again."""


class ReceiverGone(RuleBroken):
    """The receiver has answered that it wants nothing any more, and it owes nothing: there is nothing to try."""


class CarrierWithoutCode(RuleBroken):
    """Of an airline the two characters are needed with which its flights' numbers begin."""


class CaseEnded(RuleBroken):
    """This case was a duplicate or its person was erased: nothing more is done with it."""


class NeedOfOtherKind(RuleBroken):
    """Agencies of this kind are not asked for this, and don't hear that somebody needs it: refer to another agency."""


class NoConsentToReferral(RuleBroken):
    """The person has not consented to a transfer to an agency of this kind: ask for consent at the office first."""


class NoAgreementOnReferrals(RuleBroken):
    """No agreement lets this agency hear of this referral: ask the partner liaison; the reasons are listed here."""


class AlreadyReferred(RuleBroken):
    """This agency was asked for these services already: wait for its answer, or withdraw that referral first."""


class ReferralState(RuleBroken):
    """This can't be done with the referral as it stands."""

    def __init__(self, state: str, action: str, allowed: Iterable[str]) -> None:
        possible = sorted(allowed)
        then = f"possible now: {', '.join(possible)}." if possible else "nothing more can be done with it."
        super().__init__(f"The referral is {state}: {action} is not possible; {then}", state=state, allowed=possible)


class NoSuchReferral(RuleBroken):
    """The case has no such referral to this agency: check the referral's id."""


class ReferralNotNamed(RuleBroken):
    """The case has several referrals to you that wait for an answer: name one by referral_id."""


class NotForThisKind(RuleBroken):
    """An agency of your kind can't say this: those that can are listed here."""


class NoAgreementForThis(RuleBroken):
    """No agreement with you that is in force covers this case: ask the programme's partner liaison."""


class ConsentGone(RuleBroken):
    """The person does not consent to a transfer to you any more: destroy what you hold of this subject."""


class OtherFlight(RuleBroken):
    """The person is not on this flight: check the flight and the person."""


class NotAskedOfYou(RuleBroken):
    """The programme has asked another authority for this paper, and only that one's answer counts: check the person."""


class AskedForNoPapers(RuleBroken):
    """Only embassies and exit authorities are asked for papers."""


class AnswerIdReused(RuleBroken):
    """You have sent another answer under this id: give each answer an id of its own."""


class TooManyAlike(RuleBroken):
    """Too many people are called like this: name the person by the subject under which you were told of the case."""


class AnswerSettled(RuleBroken):
    """Nobody need decide on this answer: it was applied or refused already."""


class NotACandidate(RuleBroken):
    """This answer can't be about this case: choose one of those listed here, or reject it."""


class RejectedByPerson(RuleBroken):
    """The programme found that this answer is about none of its cases that you were told of."""


class CandidateErased(RuleBroken):
    """The answer could have been about somebody who was erased since: if it is not, send it again under a new id."""


class OwnRequest(RuleBroken):
    """Who opened an access request doesn't approve it: ask somebody else."""


class RequestOver(RuleBroken):
    """This access request was claimed or ended: open another."""


class KeyWithoutRequest(RuleBroken):
    """This key is older than access requests, and no other is made with it: ask the partner liaison for new codes."""


class TooManyKeys(RuleBroken):
    """An agency has only so many keys: end one that is not needed any more."""


class SuspendedAlready(RuleBroken):
    """This agency is suspended already: nothing leaves to it."""


class NotSuspended(RuleBroken):
    """This agency is not suspended."""


class OwnSuspension(RuleBroken):
    """Who suspended an agency doesn't resume it: ask somebody else."""


class AgencyNamesUrl(RuleBroken):
    """Where an agency is called it says itself: have it subscribe with its own key."""
