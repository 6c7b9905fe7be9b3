"""What people do with papers, withdrawals, arrivals and corrections: one function per command."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from services.travel.clients import ConsentNow
from services.travel.domain.case import SEATED, Action, Status
from services.travel.domain.paper import require_issued
from services.travel.domain.rules import (
    AlreadyWithdrawn,
    ArrivalDay,
    FlightFirst,
    NoConsentToTransfer,
    OtherAuthority,
    OtherKindOfPaper,
)
from services.travel.domain.vocabulary import Gate, PaperKind, RecordedIn
from services.travel.repository import Unit
from shared.errors import Invalid, Unavailable

Answer = dict[str, Any]


#: To whom data go when a paper is asked for.
_RECIPIENTS = {Gate.DOCUMENT: "embassy", Gate.EXIT_VISA: "exit_authority"}


async def request_paper(
    uow: Unit, case_id: UUID, gate: Gate, authority: str, kind: PaperKind, asked: ConsentNow | None
) -> Answer:
    """Ask an authority for the travel document or the exit visa, if screening says that the person consents to that."""
    if asked is None:
        raise Unavailable("Screening can't be reached, so consent can't be checked: try again shortly.")
    if _RECIPIENTS[gate] not in asked.recipients:
        raise NoConsentToTransfer(recipient=_RECIPIENTS[gate])
    case = await uow.load_case(case_id)
    uow.record(*case.request_paper(gate, authority, kind))
    return {"case_id": case_id, "status": case.papers[gate].status}


async def issue_paper(
    uow: Unit,
    case_id: UUID,
    gate: Gate,
    number: str,
    *,
    issued_on: date | None,
    expires_on: date | None,
    kind: PaperKind | None = None,
    asked: Sequence[str] | None = None,
) -> Answer:
    """Record the paper; a day of expiry that it doesn't bear is counted by the programme's window.

    ``asked``: only if one of these authorities was asked for it.
    """
    case = await uow.load_case(case_id)
    now, paper = uow.clock.now(), case.paper(gate, "issue")
    if asked is not None and not paper.asked_of(asked):
        raise OtherAuthority(authority=paper.authority)
    if kind not in (None, paper.kind):
        raise OtherKindOfPaper(requested=paper.kind)
    after_booking = gate is Gate.DOCUMENT and paper.authority in uow.programme.travel.documents_after_booking
    if after_booking and case.status not in SEATED:
        raise FlightFirst()
    issued = issued_on or now.date()
    require_issued(issued, now.date())
    expires = expires_on or issued + timedelta(days=_days(uow, gate, paper.kind, paper.authority))
    uow.record(*case.issue_paper(gate, number, issued, expires, now.date()), *uow.party(case).settle(now))
    return {"case_id": case_id, "status": paper.status, "issued_on": issued, "expires_on": expires}


def _days(uow: Unit, gate: Gate, kind: PaperKind, authority: str) -> int:
    if kind is PaperKind.PASSPORT:
        raise Invalid("A passport bears its day of expiry: give expires_on.")
    windows = uow.programme.windows
    return windows.exit_visa_days if gate is Gate.EXIT_VISA else windows.document_days(authority)


async def refuse_paper(uow: Unit, case_id: UUID, gate: Gate, reason: str) -> Answer:
    """Record that the authority won't issue the paper."""
    case = await uow.load_case(case_id)
    uow.record(*case.refuse_paper(gate), *uow.party(case).settle(uow.clock.now()))
    uow.keep_decision(f"{gate}_refused", reason, case_id=case_id)
    return {"case_id": case_id, "status": case.papers[gate].status}


async def withdraw(uow: Unit, case_id: UUID, reason: str) -> Answer:
    """The person withdraws consent at the desk; on board it is too late."""
    case = await uow.load_case(case_id)
    before = case.status
    if before is Status.WITHDRAWN:
        raise AlreadyWithdrawn()
    if not case.actions:
        case.require(Action.WITHDRAW)
    uow.keep_decision("withdrawal", reason, case_id=case_id, flight_id=case.flight_id)
    uow.record(*uow.party(case).withdraw(case, uow.clock.now(), RecordedIn.TRAVEL))
    return {"case_id": case_id, "status": case.status, "effective": case.status is Status.WITHDRAWN}


async def confirm_arrival(uow: Unit, case_id: UUID, place: str, arrived_on: date | None = None) -> Answer:
    """The receiving side has met the person."""
    case, today = await uow.load_case(case_id), uow.clock.today()
    arrived = case.confirm_arrival(arrived_on or today)
    left = uow.flights.get(case.flight_id).departed_at if case.flight_id else None
    # Where people land it may be tomorrow already.
    if arrived_on and (arrived_on > today + timedelta(days=1) or (left and arrived_on < left.date())):
        raise ArrivalDay()
    uow.record(*arrived)
    uow.keep_decision("arrival", place, case_id=case_id, flight_id=case.flight_id)
    return {"case_id": case_id, "status": case.status}


async def report_missing(uow: Unit, case_id: UUID, note: str) -> Answer:
    """The receiving side has not met the person."""
    case = await uow.load_case(case_id)
    uow.record(*case.report_missing())
    uow.keep_decision("missing", note, case_id=case_id, flight_id=case.flight_id)
    return {"case_id": case_id, "status": case.status}


async def correct_arrival(uow: Unit, case_id: UUID, arrived: bool, reason: str) -> Answer:
    """What was recorded at arrival was wrong."""
    case = await uow.load_case(case_id)
    uow.record(*case.correct_arrival(arrived, uow.clock.today()))
    uow.keep_decision("arrival_corrected", reason, case_id=case_id, flight_id=case.flight_id)
    return {"case_id": case_id, "status": case.status}


async def correct_boarding(uow: Unit, case_id: UUID, boarded: bool, reason: str) -> Answer:
    """What was recorded at boarding was wrong."""
    case = await uow.load_case(case_id)
    uow.keep_decision("boarding_corrected", reason, case_id=case_id, flight_id=case.flight_id)
    uow.record(*uow.party(case).correct_boarding(case, boarded, uow.clock.now()))
    return {"case_id": case_id, "status": case.status}
