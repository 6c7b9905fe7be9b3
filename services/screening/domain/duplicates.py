"""Deciding whether two cases are of one person."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from services.screening.domain import rules
from services.screening.domain.case import Case
from services.screening.domain.consents import NEEDED, ConsentChange, Recipient
from services.screening.domain.events import CaseEvent, DuplicateDecided, RecipientsChanged
from services.screening.domain.lifecycle import TRANSITIONS
from services.screening.domain.records import Hold, Suspicion, Withdrawal
from services.screening.domain.vocabulary import Action, Status


@dataclass(frozen=True)
class Decision:
    """What a person has decided about a suspected duplicate, and why."""

    same_person: bool
    reason: str
    at: datetime
    by: str


@dataclass(frozen=True)
class Merger:
    """One case has ended and the other goes on."""

    ended: Case
    kept: Case


@dataclass(frozen=True)
class Pair:
    """Two cases that may be of one person, and what is open between them: a suspicion on each side as a rule."""

    first: Case
    second: Case
    suspicions: list[tuple[Case, Suspicion]]

    def settle(self, decision: Decision) -> None:
        """Keep the decision with every suspicion."""
        for _, suspicion in self.suspicions:
            suspicion.same_person, suspicion.reason = decision.same_person, decision.reason
            suspicion.decided_at, suspicion.decided_by = decision.at, decision.by


def pair(first: Case, second: Case, cases: Iterable[Case]) -> Pair:
    """What is open between two cases and those that have ended in them. Raises NotSuspected."""
    known = list(cases)
    suspicions = [
        (case, suspicion)
        for case, other in ((first, second), (second, first))
        for suspicion in case.open_suspicions
        if suspicion.other_case_id in _names(other, known)
    ]
    if first is second or not suspicions:
        raise rules.NotSuspected
    return Pair(first, second, suspicions)


def check_eyes(alike: Pair, cases: Iterable[Case], by: str) -> None:
    """Who made a case up, or made it somebody's by a correction, could make it somebody else's by the same hand: a case
    that has ended in one of the two counts like these. Raises OwnRegistration.
    """
    known = list(cases)
    concerned = _names(alike.first, known) | _names(alike.second, known)
    for case in (each for each in known if each.id in concerned):
        if by in (case.registered_by, *(each.by for each in case.corrections)):
            raise rules.OwnRegistration


def _names(case: Case, cases: Iterable[Case]) -> set[UUID]:
    names, before = {case.id}, 0
    while before < len(names):
        before = len(names)
        names |= {each.id for each in cases if each.merged_into in names}
    return names


def goes_on_as(case: Case, get: Callable[[UUID], Case]) -> Case:
    """The case under which this one's person goes on: itself, or the last it was merged into."""
    while case.merged_into is not None:
        case = get(case.merged_into)
    return case


def different_people(alike: Pair, decision: Decision) -> list[CaseEvent]:
    """Both cases go on as they are."""
    alike.settle(decision)
    return [
        DuplicateDecided(case.id, suspicion.other_case_id, False, case.person_id)
        for case, suspicion in alike.suspicions
    ]


def same_person(
    alike: Pair, decision: Decision, cases: Iterable[Case], *, new_id: Callable[[], UUID]
) -> tuple[list[CaseEvent], Merger | None]:
    """The person of the elder case has both; ``cases`` are all that the two persons were thought to have."""
    alike.settle(decision)
    elder, younger = sorted((alike.first, alike.second), key=lambda case: (case.registered_at, case.id))
    former = younger.person_id
    renamed = [case for case in cases if case.person_id == former and former != elder.person_id]
    for case in renamed:
        case.former_persons.append(former)
        case.person_id = elder.person_id
    suspected = {case.id for case, _ in alike.suspicions}
    decided = [(case.id, elder.id) for case in renamed if case.id not in suspected]
    decided += [(case.id, suspicion.other_case_id) for case, suspicion in alike.suspicions]
    events: list[CaseEvent] = [DuplicateDecided(*each, True, elder.person_id) for each in decided]
    merger = _merger(elder, younger)
    if merger is None:
        return events, None
    absorbed = _absorb(merger, decision.at, new_id=new_id)
    return [*events, *absorbed, *merger.ended.merge_into(merger.kept.id, decision.at.date())], merger


def _merger(elder: Case, younger: Case) -> Merger | None:
    if elder.boarded:
        # Who has returned before and asks again has a new case, under the same person.
        return None
    return Merger(elder, younger) if younger.boarded else Merger(younger, elder)


def _absorb(merger: Merger, at: datetime, *, new_id: Callable[[], UUID]) -> list[CaseEvent]:
    """What protects the person in the case that ends protects in the one that goes on."""
    kept, ended = merger.kept, merger.ended
    events = _take_back(kept, ended, at)
    for hold in ended.open_holds:
        if Action.PLACE_HOLD in TRANSITIONS[kept.status]:
            events += kept.place_hold(Hold(new_id(), hold.kind, hold.note, at, hold.placed_by))
    known = {kept.id, *(suspicion.other_case_id for suspicion in kept.suspicions)}
    for suspicion in ended.open_suspicions:
        if suspicion.other_case_id not in known:
            events += kept.suspect(suspicion.other_case_id, suspicion.likeness, at, of_elder=suspicion.of_elder)
    return events


def _take_back(kept: Case, ended: Case, at: datetime) -> list[CaseEvent]:
    """Consent that was taken back in the case that ends is none in the other, unless it was given there afterwards.

    What was given in the case that ends does not count: the person signs again.
    """
    events: list[CaseEvent] = []
    changed = False
    if ended.status is Status.WITHDRAWN and kept.consents and not kept.boarded:
        withdrawal = ended.withdrawals[-1]
        if kept.declarations[-1].at <= withdrawal.at:
            events = kept.withdraw(replace(withdrawal, on=at.date(), at=at, answered=False))
    for recipient in kept.recipients:
        taken = _taken_back(ended, recipient)
        too_late = kept.boarded and recipient in NEEDED
        if taken and not too_late and kept.given_at(recipient) <= taken.at:
            change = ConsentChange(recipient, False, taken.reason, len(kept.declarations), at, taken.by)
            kept.consent_changes.append(change)
            changed = True
    return [*events, RecipientsChanged(kept.id, tuple(kept.recipients))] if changed else events


def _taken_back(case: Case, recipient: Recipient) -> ConsentChange | Withdrawal | None:
    """How consent to this recipient was taken back last, if it was not given again."""
    if recipient in case.recipients:
        return None
    taken: list[ConsentChange | Withdrawal] = [*case.withdrawals]
    taken += [each for each in case.consent_changes if each.recipient is recipient and not each.given]
    return max(taken, key=lambda each: each.at, default=None)
