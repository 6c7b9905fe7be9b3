"""Monitoring through its front door: HTTP, the bus and the clock, on a real database."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from services.monitoring.app import create_app
from services.monitoring.repository import ANSWERS
from services.monitoring.settings import Settings
from shared.auth.roles import Role
from shared.contracts import monitoring as told
from shared.contracts import reintegration
from shared.contracts.envelope import Contract
from shared.ids import new_id
from tests.integration.reintegration.stage import Stage, User

pytestmark = pytest.mark.asyncio(loop_scope="module")

INCEPTION = date(2026, 3, 28)
MONTH_1, MONTH_4 = "one-month", "four-months"
COMPLETED = reintegration.ReintegrationCompleted(spent=0, currency="EUR", completed_on=INCEPTION)
CANCELLED = reintegration.ReintegrationCancelled(reason="arrival_corrected", spent=0, currency="EUR")


class Programme(Stage):
    """Monitoring beside reintegration."""

    def __init__(self, postgres_url: str) -> None:
        start = datetime(2026, 3, 28, 8, tzinfo=UTC)
        super().__init__("monitoring", create_app, Settings, ("reintegration", "screening"), postgres_url, start)
        self.officer: User = self.user(Role.MONITORING, id="officer")

    async def hears(self, case_id: UUID, data: Contract) -> None:
        await self.tell(reintegration.SOURCE, case_id, data)

    async def opened(self, inception: date = INCEPTION) -> UUID:
        case_id = new_id()
        await self.hears(case_id, reintegration.ReintegrationOpened(inception_on=inception))
        return case_id

    async def case(self, case_id: UUID) -> Any:
        return await self.officer.reads(f"/cases/{case_id}")

    async def tries(self, case_id: UUID, outcome: str, code: str = MONTH_1) -> Any:
        return await self.officer.does(f"/cases/{case_id}/visits/{code}/attempts", {"outcome": outcome})

    async def visits(self, case_id: UUID, code: str, method: str, **more: Any) -> Any:
        return await self.officer.does(f"/cases/{case_id}/visits/{code}/completion", {"method": method, **more})


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def programme(postgres_url: str) -> AsyncIterator[Programme]:
    async with Programme(postgres_url) as running:
        yield running


async def test_a_returnee_is_followed_up_and_the_case_is_closed(programme: Programme) -> None:
    case_id = await programme.opened()
    await programme.tries(case_id, "no_answer")
    await programme.visits(case_id, MONTH_1, "phone", satisfied=True)
    await programme.visits(case_id, MONTH_4, "site")
    problem = await programme.officer.refused(f"/cases/{case_id}/closure", {"reason": "followed_up"})
    assert (problem["type"], problem["reintegration"]) == ("/problems/follow-up-unfinished", "open")
    await programme.hears(case_id, COMPLETED)
    await programme.officer.does(f"/cases/{case_id}/closure", {"reason": "followed_up"})
    today = INCEPTION
    assert await programme.log(case_id) == [
        told.FollowUpsScheduled(
            inception_on=INCEPTION,
            visits=[
                told.Visit(code=MONTH_1, method="phone", due_on=date(2026, 4, 28)),
                told.Visit(code=MONTH_4, method="site", due_on=date(2026, 7, 28)),
            ],
        ),
        told.AttemptRecorded(code=MONTH_1, outcome="no_answer"),
        told.FollowUpCompleted(code=MONTH_1, completed_on=today, late=False),
        told.FollowUpCompleted(code=MONTH_4, completed_on=today, late=False),
        told.CaseClosed(reason="followed_up", closed_on=today),
    ]
    assert (await programme.case(case_id))["status"] == "closed"


async def test_findings_are_kept_as_they_were_given_with_their_instrument(programme: Programme) -> None:
    case_id, answers = await programme.opened(), {"q1": "sometimes", "q2": [1, {"deeper": None}]}
    await programme.visits(case_id, MONTH_1, "phone", findings=answers, instrument="rss-example-3", satisfied=False)
    async with programme.apps["monitoring"].state.service.database.transaction() as connection:
        [(found, kept)] = await ANSWERS.read(connection, "case_id = :case_id", case_id=case_id)
    assert (json.loads(kept or ""), found.instrument, found.recorded_by) == (answers, "rss-example-3", "officer")


async def test_a_site_visit_is_not_made_by_phone(programme: Programme) -> None:
    case_id = await programme.opened()
    path = f"/cases/{case_id}/visits/{MONTH_4}/completion"
    problem = await programme.officer.refused(path, {"method": "phone"})
    assert problem["type"] == "/problems/weaker-method"
    assert len(await programme.log(case_id)) == 1


async def test_contact_is_lost_after_three_failed_attempts_and_regained_when_the_person_answers(
    programme: Programme,
) -> None:
    case_id, path = await programme.opened(), "contact-lost"
    await programme.tries(case_id, "no_answer")
    await programme.tries(case_id, "wrong_number")
    problem = await programme.officer.refused(f"/cases/{case_id}/{path}", {"note": "nobody knows"})
    assert (problem["type"], problem["failed"], problem["needed"]) == ("/problems/too-few-attempts", 2, 3)
    await programme.tries(case_id, "no_answer")
    assert (await programme.officer.does(f"/cases/{case_id}/{path}", {"note": "nobody knows"}))[
        "status"
    ] == "lost_contact"
    assert (await programme.tries(case_id, "reached"))["status"] == "following"
    assert (await programme.log(case_id))[-3:] == [
        told.ContactLost(lost_on=INCEPTION),
        told.AttemptRecorded(code=MONTH_1, outcome="reached"),
        told.ContactRegained(regained_on=INCEPTION),
    ]


async def test_a_cancelled_reintegration_ends_follow_up_and_a_new_inception_reschedules_it(
    programme: Programme,
) -> None:
    case_id = await programme.opened()
    await programme.visits(case_id, MONTH_1, "phone")
    await programme.hears(case_id, CANCELLED)
    found = await programme.case(case_id)
    assert (found["status"], [visit["status"] for visit in found["visits"]]) == (
        "cancelled",
        ["completed", "cancelled"],
    )
    await programme.hears(case_id, reintegration.ReintegrationOpened(inception_on=date(2026, 4, 10)))
    assert (await programme.log(case_id))[-1] == told.FollowUpsScheduled(
        inception_on=date(2026, 4, 10), visits=[told.Visit(code=MONTH_4, method="site", due_on=date(2026, 8, 10))]
    )


async def test_a_corrected_delivery_keeps_the_case_from_being_closed_as_followed_up(programme: Programme) -> None:
    case_id = await programme.opened()
    await programme.visits(case_id, MONTH_1, "phone")
    await programme.visits(case_id, MONTH_4, "site")
    await programme.hears(case_id, COMPLETED)
    await programme.hears(case_id, reintegration.DeliveryCorrected(line=1, amount=5, currency="EUR"))
    problem = await programme.officer.refused(f"/cases/{case_id}/closure", {"reason": "followed_up"})
    assert problem["type"] == "/problems/follow-up-unfinished"


async def test_a_closure_for_another_reason_needs_a_note(programme: Programme) -> None:
    case_id = await programme.opened()
    problem = await programme.officer.refused(f"/cases/{case_id}/closure", {"reason": "re_migrated"})
    assert problem["type"] == "/problems/note-missing"
    await programme.officer.does(f"/cases/{case_id}/closure", {"reason": "re_migrated", "note": "told by an uncle"})
    assert (await programme.log(case_id))[-1] == told.CaseClosed(reason="re_migrated", closed_on=INCEPTION)


async def test_the_same_key_records_an_attempt_once(programme: Programme) -> None:
    case_id, key = await programme.opened(), str(new_id())
    path = f"/cases/{case_id}/visits/{MONTH_1}/attempts"
    answers = [await programme.officer.post(path, {"outcome": "no_answer"}, key=key) for _ in range(2)]
    assert [answer.json()["failed_attempts"] for answer in answers] == [1, 1]
    assert len((await programme.case(case_id))["visits"][0]["attempts"]) == 1


async def test_who_lacks_the_role_is_refused(programme: Programme) -> None:
    case_id, auditor = await programme.opened(), programme.user(Role.AUDITOR)
    assert (await auditor.client.get(f"/cases/{case_id}")).status_code == 403
    assert (await auditor.client.get("/visits")).status_code == 403
    answer = await auditor.post(f"/cases/{case_id}/closure", {"reason": "followed_up"})
    assert answer.status_code == 403


async def test_whoever_reads_a_case_says_why_and_leaves_an_entry(programme: Programme) -> None:
    case_id, reader = await programme.opened(), programme.user(Role.MONITORING, id="reader")
    without = await reader.client.get(f"/cases/{case_id}", headers={"Purpose": ""})
    assert (without.status_code, without.json()["purposes"]) == (422, ["monitoring"])
    await reader.reads(f"/cases/{case_id}")
    [entry] = await programme.entries(actor="reader")
    assert (entry["action"], entry["purpose"], entry["subjects"]) == ("show_case", "monitoring", [str(case_id)])


async def test_a_visit_falls_overdue_once_after_its_grace_period(programme: Programme) -> None:
    """The clock is the module's: this test, which advances it, is the last."""
    late, made = await programme.opened(), await programme.opened()
    await programme.visits(made, MONTH_1, "phone")
    grace_until = datetime(2026, 5, 12, 9, tzinfo=UTC)
    await programme.set_clock(grace_until)
    due = await programme.officer.reads("/visits?state=due&limit=1000")
    assert [visit["code"] for visit in due["visits"] if visit["case_id"] == str(late)] == [MONTH_1]
    assert not [visit for visit in due["visits"] if visit["case_id"] == str(made)]
    assert len(await programme.log(late)) == 1
    for days in (1, 2):
        await programme.set_clock(grace_until + timedelta(days=days))
        assert (await programme.log(late))[1:] == [told.FollowUpOverdue(code=MONTH_1, due_on=date(2026, 4, 28))]
    overdue = await programme.officer.reads("/visits?state=overdue&limit=1000")
    assert [visit["code"] for visit in overdue["visits"] if visit["case_id"] == str(late)] == [MONTH_1]
    await programme.visits(late, MONTH_1, "phone")
    completed = (await programme.log(late))[-1]
    assert completed == told.FollowUpCompleted(code=MONTH_1, completed_on=date(2026, 5, 14), late=True)
