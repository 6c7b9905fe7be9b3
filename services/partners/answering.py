"""Taking what agencies answer: everything that comes is kept, with what became of it.

An answer that is understood takes effect within the transaction that keeps it: the one after it under the same id
waits, and what can't be recorded now is not kept. Travel is called under a key of the answer's own, so that an answer
that is sent again after a crash is recorded once.
"""

import asyncio
import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, cast
from uuid import UUID

from fastapi.exceptions import RequestValidationError
from opentelemetry.metrics import Counter
from sqlalchemy.ext.asyncio import AsyncConnection

from services.partners.contracts import answers as forms
from services.partners.contracts.answers import Said, Unread
from services.partners.domain.agreement import Agency, Agreement
from services.partners.domain.answer import Answer, may_say, stands
from services.partners.domain.fact import Case
from services.partners.domain.rules import (
    AnswerIdReused,
    NoAgreementForThis,
    NotAskedOfYou,
    OtherFlight,
    RejectedByPerson,
    RuleBroken,
)
from services.partners.matching import by_person, by_subject
from services.partners.neighbours import Neighbours, OtherAuthority
from services.partners.referring import accept, answered, reject
from services.partners.registry import pseudonyms_of
from services.partners.repository import Unit
from services.partners.tables import AGENCIES, AGREEMENTS, ANSWERS, CASES
from shared.audit.trail import Deed
from shared.auth.principal import Principal
from shared.auth.purposes import Purpose
from shared.errors import HomewardError, NotFound, Unavailable
from shared.ids import new_id
from shared.persistence.database import rows
from shared.protection.vault import vault_of
from shared.web.commands import Desk
from shared.web.problems import problem_of

#: Answers that are recorded at once: each holds a connection while travel or screening is asked.
_AT_ONCE = 3
#: Of a problem: so many members are named, and no more of a name that an agency has made up.
_NAMED, _LONGEST = 20, 200
_RECEIPT = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class AnswerTooLarge(HomewardError):
    """An answer is a small document: send what its schema asks for, and nothing more."""

    status = 413


@dataclass(frozen=True)
class Answering:
    """``app.state.answering``."""

    desk: Desk
    neighbours: Neighbours
    counter: Counter
    _places: asyncio.Semaphore

    async def take(self, principal: Principal, agency_id: UUID, raw: bytes, action: str) -> Answer:
        """Keep what has come, and have it take effect if it is understood. Keeps nothing when it raises Unavailable."""
        said = forms.too_large() if len(raw) > forms.LARGEST else forms.read(raw)
        async with self._places:
            answer, new = await self.desk.database.retried(
                lambda connection: self._attempt(connection, principal, agency_id, raw, said, action)
            )
        if new:
            self.count(answer)
        return answer

    async def became(self, agency_id: UUID, own_id: str) -> Answer:
        """What became of an answer, by the agency's own id. Raises NotFound."""
        async with self.desk.database.transaction() as connection:
            found = await ANSWERS.find(connection, "id = :id", id=_receipt(connection, agency_id, own_id))
        if not found:
            raise NotFound("You have sent no answer under this id.")
        return found[0]

    async def sent(self, principal: Principal, agency_id: UUID, name: str, action: str) -> Answer:
        """What the agency has sent, by its own id of it or by our receipt; the audit has that it was told of it.

        Raises NotFound, and what keeps the agency from saying anything about the case: it may not hear of it either.
        """
        async with self.desk.database.transaction() as connection:
            ids = [_receipt(connection, agency_id, name), *([UUID(name)] if _RECEIPT.fullmatch(name) else [])]
            found = await ANSWERS.find(connection, "id = ANY(:ids) AND agency_id = :agency", ids=ids, agency=agency_id)
            if not found:
                raise NotFound("You have sent no answer under this id.")
            by_id = {each.id: each for each in found}
            answer = next(by_id[id] for id in ids if id in by_id)
            await self._may_hear(connection, answer)
            told: dict[str | None, list[UUID]] = {None: [answer.case_id or answer.id]}
            await self.desk.trail.append(connection, Deed(principal, action, Purpose.TRANSFER, told))
        return answer

    def count(self, answer: Answer) -> None:
        """Count it by what became of it."""
        self.counter.add(1, {"type": answer.type or "unknown", "state": answer.state})

    async def _attempt(
        self,
        connection: AsyncConnection,
        principal: Principal,
        agency_id: UUID,
        raw: bytes,
        said: Said | Unread,
        action: str,
    ) -> tuple[Answer, bool]:
        """The answer, and whether it is new."""
        unit = cast(Unit, self.desk.unit(connection, principal.id))
        answer = _kept(unit, agency_id, raw, said)
        known = await _known(connection, answer) if said.id else None
        if known and known.digest == answer.digest:
            return known, False
        if known:
            answer = replace(answer, id=new_id())
        try:
            if known:
                raise AnswerIdReused
            await self._settle(unit, answer, _understood(said, raw))
        except Unavailable:
            raise
        except (HomewardError, RuleBroken, RequestValidationError) as error:
            answer.refuse(told(error))
        unit.answers.add(answer)
        await unit.flush()
        await self.desk.trail.append(connection, Deed(principal, action, None, unit.touched()))
        return answer, True

    async def _settle(self, unit: Unit, answer: Answer, said: Said) -> None:
        agency, agreements = await _with_whom(unit, answer.agency_id)
        may_say(agency, said.type)
        if not agreements:
            raise NoAgreementForThis(reasons=[])
        if said.person is None:
            assert said.subject is not None
            case = await by_subject(unit.connection, agency.id, said.subject)
        else:
            hits = await by_person(unit.connection, agency.id, agency.kind, said.person, self.neighbours)
            if not hits.sure:
                answer.wait([each.id for each in hits.cases])
                for each in hits.cases:
                    unit.concerns(each)
                return
            [case] = hits.cases
        answer.case_id = case.id
        await unit.load(cases=[case.id])
        await self._apply(unit, answer, unit.cases.get(case.id), said, agency, agreements)

    async def decide(self, unit: Unit, answer_id: UUID, case_id: UUID | None, reason: str) -> Answer:
        """Somebody says whom a waiting answer is about, if anybody. Raises Unavailable, and then decides nothing."""
        await unit.load(cases=[case_id] if case_id else [], answers=[answer_id])
        answer = unit.answers.get(answer_id)
        answer.decide(case_id, unit.actor, unit.clock.now(), reason)
        try:
            if case_id is None:
                raise NotAskedOfYou if answer.authority else RejectedByPerson
            case, agency, agreements = unit.cases.get(case_id), *await _with_whom(unit, answer.agency_id)
            answer.case_id = case_id
            said = _understood(forms.read(base64.b64decode(answer.content)), b"")
            await self._apply(unit, answer, case, said, agency, agreements)
        except Unavailable:
            raise
        except (HomewardError, RuleBroken) as error:
            answer.refuse(told(error))
        return answer

    async def _apply(
        self, unit: Unit, answer: Answer, case: Case, said: Said, agency: Agency, agreements: list[Agreement]
    ) -> None:
        unit.concerns(case)
        stands(agreements, case)
        data = said.data
        match data:
            case forms.ReferralRejected():
                referral = answered(case, agency.id, _ours(unit, agency, case, data.referral_id))
                reject(unit, case, referral, data.reason)
            case forms.ReferralAccepted():
                accept(unit, answered(case, agency.id, _ours(unit, agency, case, data.referral_id)))
            case forms.DocumentIssued() | forms.VisaGranted():
                await self._issue(unit, answer, case, data, agency)
            case forms.ArrivalConfirmed():
                flight = case.flight_id and pseudonyms_of(vault_of(unit.connection), agency.id).of(case.flight_id)
                if data.flight_id not in (None, flight):
                    raise OtherFlight
                arrival = data.model_dump(mode="json", exclude={"flight_id"})
                await self._record(answer, case, "arrival", arrival)
        # Of a paper that may be another authority's to issue nothing was recorded.
        if answer.authority is None:
            answer.apply(case.id)

    async def _issue(
        self, unit: Unit, answer: Answer, case: Case, data: forms.DocumentIssued | forms.VisaGranted, agency: Agency
    ) -> None:
        """Record the paper of who was asked for it; where that isn't sure, a person decides."""
        what = "document/issue" if isinstance(data, forms.DocumentIssued) else "exit-visa/issue"
        decided = [answer.authority] if answer.authority else []
        asked = sorted(agency.authorities.union(decided))
        try:
            await self._record(answer, case, what, data.model_dump(mode="json") | {"asked": asked})
        except OtherAuthority as other:
            if any(each.is_asked_as(other.authority) for each in await AGENCIES.find(unit.connection, "true")):
                raise NotAskedOfYou from None
            answer.wait([case.id])
            answer.authority = other.authority
        else:
            answer.authority = None

    async def _may_hear(self, connection: AsyncConnection, answer: Answer) -> None:
        if answer.case_id is None:
            return
        [case] = await CASES.find(connection, "id = :id", id=answer.case_id)
        unit = cast(Unit, self.desk.unit(connection, str(answer.agency_id)))
        _, agreements = await _with_whom(unit, answer.agency_id)
        if not agreements:
            raise NoAgreementForThis(reasons=[])
        stands(agreements, case)

    async def _record(self, answer: Answer, case: Case, what: str, body: dict[str, Any]) -> None:
        key = f"answer-{answer.id}-{answer.digest}-{case.id}"
        await self.neighbours.record(case.id, what, body, key)


def answering(desk: Desk, neighbours: Neighbours, counter: Counter) -> Answering:
    """For one service."""
    return Answering(desk, neighbours, counter, asyncio.Semaphore(_AT_ONCE))


def told(error: Exception) -> dict[str, Any]:
    """The problem as an agency is told it and as it is kept: codes and words of ours, and the names of members."""
    problem = problem_of(error)
    for each in problem.get("errors", ()):
        each["pointer"] = _CONTROL.sub("?", each["pointer"])[:_LONGEST]
    if "errors" in problem:
        problem["errors"] = problem["errors"][:_NAMED]
    return problem


def _understood(said: Said | Unread, raw: bytes) -> Said:
    if isinstance(said, Said):
        return said
    if len(raw) > forms.LARGEST:
        raise AnswerTooLarge(largest=forms.LARGEST)
    raise RequestValidationError(said.errors)


def _kept(unit: Unit, agency_id: UUID, raw: bytes, said: Said | Unread) -> Answer:
    id = _receipt(unit.connection, agency_id, said.id) if said.id else new_id()
    digest = vault_of(unit.connection).digest(said.canonical if isinstance(said, Said) else raw).hex()
    content = base64.b64encode(raw[: forms.LARGEST]).decode()
    return Answer(id, agency_id, said.type, digest, unit.clock.now(), content=content)


async def _known(connection: AsyncConnection, answer: Answer) -> Answer | None:
    """The answer that has come under this id before; who sends it at the same time waits."""
    await rows(connection, "SELECT pg_advisory_xact_lock(hashtextextended('answer ' || :id, 0))", id=str(answer.id))
    found = await ANSWERS.find(connection, "id = :id", id=answer.id)
    return found[0] if found else None


async def _with_whom(unit: Unit, agency_id: UUID) -> tuple[Agency, list[Agreement]]:
    """The agency, and what is in force with it."""
    [agency] = await AGENCIES.find(unit.connection, "id = :id", id=agency_id)
    agreements: Sequence[Agreement] = await AGREEMENTS.find(unit.connection, "agency_id = :id", id=agency_id)
    today = unit.clock.today()
    return agency, [each for each in agreements if each.in_force(today)]


def _ours(unit: Unit, agency: Agency, case: Case, theirs: UUID | None) -> UUID | None:
    """Our id of the referral that the agency names by its own; one of nothing if there is none."""
    if theirs is None:
        return None
    pseudonyms = pseudonyms_of(vault_of(unit.connection), agency.id)
    own = (each.id for each in case.referrals if each.agency_id == agency.id)
    return next((id for id in own if pseudonyms.of(id) == theirs), theirs)


def _receipt(connection: AsyncConnection, agency_id: UUID, own_id: str) -> UUID:
    """The answer's id: the same for the agency's own, which may be a name and is kept nowhere else."""
    mac = bytearray(vault_of(connection).digest(b"answer %s %s" % (agency_id.bytes, own_id.encode())))
    mac[6] = (mac[6] & 0x0F) | 0x80
    mac[8] = (mac[8] & 0x3F) | 0x80
    return UUID(bytes=bytes(mac))
