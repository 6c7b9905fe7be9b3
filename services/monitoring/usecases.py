"""The commands of monitoring officers: load, decide, record."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from services.monitoring.domain.case import Case
from services.monitoring.domain.vocabulary import Method, Outcome, Reason
from services.monitoring.repository import Unit
from shared.ids import new_id
from shared.persistence.unit_of_work import Secret


@dataclass(frozen=True, slots=True)
class Findings:
    """What a visit found: the raw answers, and the version of the instrument that asked for them."""

    method: Method
    answers: dict[str, Any]
    instrument: str
    satisfied: bool | None


async def record_attempt(uow: Unit, case_id: UUID, code: str, outcome: Outcome, note: str | None) -> dict[str, Any]:
    """Record an attempt to reach the person for a visit."""
    case = await _load(uow, case_id)
    uow.record(*case.attempt(code, outcome, note=note, by=uow.actor, on=uow.clock.today()))
    return {"case_id": case_id, "status": case.status, "failed_attempts": case.failed_attempts}


async def complete_visit(uow: Unit, case_id: UUID, code: str, findings: Findings) -> dict[str, Any]:
    """Record that a visit was made, and keep what it found as it was given."""
    case = await _load(uow, case_id)
    today = uow.clock.today()
    uow.record(*case.complete(code, findings.method, satisfied=findings.satisfied, on=today))
    id = new_id()
    uow.insert(
        "monitoring_finding",
        {
            "id": id,
            "case_id": case_id,
            "code": code,
            "instrument": findings.instrument,
            "answers": Secret(case_id, orjson.dumps(findings.answers).decode(), str(id)),
            "found_on": today,
            "recorded_by": uow.actor,
        },
    )
    return {"case_id": case_id, "status": case.status, "next_due_on": case.next_due()}


async def lose_contact(uow: Unit, case_id: UUID, note: str) -> dict[str, Any]:
    """Record that the person can't be found."""
    case = await _load(uow, case_id)
    needed = uow.programme.monitoring.attempts_before_lost
    uow.record(case.lose_contact(attempts_needed=needed, note=note, on=uow.clock.today()))
    return {"case_id": case_id, "status": case.status}


async def close_case(uow: Unit, case_id: UUID, reason: Reason, note: str | None) -> dict[str, Any]:
    """End the case."""
    case = await _load(uow, case_id)
    uow.record(case.close(reason, note=note, on=uow.clock.today()))
    return {"case_id": case_id, "status": case.status}


async def mark_overdue(uow: Unit, case_id: UUID) -> None:
    """Tell of every visit of a case whose grace period has ended."""
    case = await _load(uow, case_id)
    uow.record(*case.fall_overdue(uow.clock.today()))


async def _load(uow: Unit, case_id: UUID) -> Case:
    await uow.load(cases=[case_id])
    return uow.cases.get(case_id)
