"""Deciding whether two cases are of one person."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.screening.domain import rules
from services.screening.domain.case import Case
from services.screening.domain.events import CaseEvent, DuplicateDecided
from services.screening.domain.records import Suspicion
from services.screening.domain.vocabulary import Status


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


def open_suspicion(first: Case, second: Case) -> tuple[Case, Suspicion]:
    """The case of the two that is suspected, and of what. Raises NotSuspected."""
    for case, other in ((first, second), (second, first)):
        for suspicion in case.open_suspicions:
            if suspicion.other_case_id == other.id and case.status is not Status.MERGED:
                return case, suspicion
    raise rules.NotSuspected


def settle(suspicion: Suspicion, decision: Decision) -> None:
    """Keep the decision with the suspicion."""
    suspicion.same_person, suspicion.reason = decision.same_person, decision.reason
    suspicion.decided_at, suspicion.decided_by = decision.at, decision.by


def different_people(suspected: Case, suspicion: Suspicion, decision: Decision) -> list[CaseEvent]:
    """Both cases go on as they are."""
    settle(suspicion, decision)
    return [DuplicateDecided(suspected.id, suspicion.other_case_id, False, suspected.person_id)]


def same_person(
    suspected: Case,
    suspicion: Suspicion,
    other: Case,
    decision: Decision,
    cases: Iterable[Case],
    *,
    new_id: Callable[[], UUID],
) -> tuple[list[CaseEvent], Merger | None]:
    """The person of the elder case has both; ``cases`` are all that the two persons were thought to have."""
    settle(suspicion, decision)
    elder, younger = sorted((suspected, other), key=lambda case: (case.registered_at, case.id))
    former = younger.person_id
    renamed = [case for case in cases if case.person_id == former and former != elder.person_id]
    for case in renamed:
        case.person_id = elder.person_id
    decided: list[CaseEvent] = [
        DuplicateDecided(case.id, suspicion.other_case_id if case is suspected else elder.id, True, elder.person_id)
        for case in {case.id: case for case in (*renamed, suspected)}.values()
    ]
    merger = _merger(elder, younger)
    if merger is None:
        return decided, None
    absorbed = merger.kept.absorb(merger.ended, decision.at, new_id=new_id)
    return [*decided, *absorbed, *merger.ended.merge_into(merger.kept.id)], merger


def _merger(elder: Case, younger: Case) -> Merger | None:
    if elder is younger or elder.boarded:
        # Who has returned before and asks again has a new case, under the same person.
        return None
    return Merger(elder, younger) if younger.boarded else Merger(younger, elder)
