"""Reintegration through its front door: HTTP and the bus, on a real database."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from services.reintegration.app import create_app
from services.reintegration.settings import Settings
from shared.auth.roles import Role
from shared.contracts import reintegration as told
from shared.contracts import screening, travel
from shared.contracts.envelope import Contract
from shared.contracts.vocabulary import AgeGroup
from shared.ids import new_id
from tests.integration.reintegration.stage import Stage, User

pytestmark = pytest.mark.asyncio(loop_scope="module")

TODAY = date(2026, 4, 1)
FLIGHT = new_id()


class Programme(Stage):
    """Reintegration between screening and travel."""

    def __init__(self, postgres_url: str) -> None:
        start = datetime(2026, 4, 1, 8, tzinfo=UTC)
        super().__init__("reintegration", create_app, Settings, ("screening", "travel"), postgres_url, start)
        self.officer: User = self.user(Role.REINTEGRATION, id="officer")
        self.manager: User = self.user(Role.MANAGER, id="manager")
        self.finance: User = self.user(Role.FINANCE, id="finance")

    async def fund(self, amount: int = 1_000_000, **changed: Any) -> str:
        new = {
            "code": f"F-{new_id()}",
            "donor": "a donor",
            "currency": "EUR",
            "amount": amount,
            "starts_on": "2026-01-01",
            "ends_on": "2026-12-31",
        }
        return str((await self.finance.does("/funds", new | changed))["fund_id"])

    async def figures(self, fund_id: str) -> tuple[int, int, int, int]:
        fund = await self.finance.reads(f"/funds/{fund_id}")
        return fund["reserved"], fund["committed"], fund["spent"], fund["available"]

    async def register(self, person_id: UUID | None = None) -> UUID:
        case_id = new_id()
        await self.tell(screening.SOURCE, case_id, registration(person_id or new_id()))
        return case_id

    async def arrive(self, case_id: UUID, on: date = TODAY) -> None:
        await self.tell(travel.SOURCE, case_id, travel.ArrivalConfirmed(flight_id=FLIGHT, arrived_on=on))

    async def arrived(self, person_id: UUID | None = None) -> UUID:
        case_id = await self.register(person_id)
        await self.arrive(case_id)
        return case_id

    async def approved(self, fund_id: str, *amounts: int) -> UUID:
        case_id = await self.arrived()
        await self.officer.does(f"/cases/{case_id}/plan", plan(fund_id, *amounts))
        await self.manager.does(f"/cases/{case_id}/plan/approve")
        return case_id

    async def case(self, case_id: UUID) -> Any:
        return await self.officer.reads(f"/cases/{case_id}")


def opened(on: date) -> told.ReintegrationOpened:
    return told.ReintegrationOpened(inception_on=on, office="tripoli", country_of_origin="PK")


def registration(person_id: UUID) -> screening.CaseRegistered:
    return screening.CaseRegistered(
        person_id=person_id,
        household_id=None,
        reference="TRI-0001",
        office="tripoli",
        country_of_origin="PK",
        age_group=AgeGroup.ADULT,
        registered_on=date(2026, 3, 1),
    )


def plan(fund_id: str, *amounts: int) -> dict[str, Any]:
    lines = [
        {"kind": "equipment", "description": "sewing machine", "supplier": "local supplier", "amount": amount}
        for amount in amounts
    ]
    return {"fund_id": fund_id, "lines": lines}


def hand_over(amount: int) -> dict[str, Any]:
    return {"proof_reference": "RCPT-17", "amount": amount}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def programme(postgres_url: str) -> AsyncIterator[Programme]:
    async with Programme(postgres_url) as running:
        yield running


async def test_a_returnee_gets_what_the_plan_says_and_the_fund_adds_up(programme: Programme) -> None:
    fund_id = await programme.fund(100_000)
    case_id = await programme.arrived()
    assert await programme.officer.does(f"/cases/{case_id}/plan", plan(fund_id, 30_000, 20_000)) == {
        "case_id": str(case_id),
        "status": "submitted",
    }
    assert await programme.figures(fund_id) == (50_000, 0, 0, 50_000)
    await programme.manager.does(f"/cases/{case_id}/plan/approve")
    assert await programme.figures(fund_id) == (0, 50_000, 0, 50_000)
    await programme.officer.does(f"/cases/{case_id}/lines/1/delivery", hand_over(28_000))
    await programme.officer.does(f"/cases/{case_id}/lines/2/delivery", hand_over(20_000))
    assert await programme.figures(fund_id) == (0, 2_000, 48_000, 50_000)
    await programme.officer.does(f"/cases/{case_id}/completion")
    assert await programme.figures(fund_id) == (0, 0, 48_000, 52_000)
    fund = UUID(fund_id)
    assert await programme.log(case_id) == [
        opened(TODAY),
        told.PlanSubmitted(fund_id=fund, amount=50_000, currency="EUR", lines=2),
        told.PlanApproved(fund_id=fund, amount=50_000, currency="EUR"),
        told.LineDelivered(line=1, amount=28_000, currency="EUR"),
        told.LineDelivered(line=2, amount=20_000, currency="EUR"),
        told.ReintegrationCompleted(spent=48_000, currency="EUR", completed_on=TODAY),
    ]
    found = await programme.case(case_id)
    assert (found["status"], found["plan"]["lines"][0]["proof_reference"]) == ("completed", "RCPT-17")


async def test_a_fund_is_told_to_others_and_its_code_is_unique(programme: Programme) -> None:
    fund_id = await programme.fund(5_000, code="EUTF-77")
    assert await programme.log(UUID(fund_id)) == [told.FundOpened(code="EUTF-77", currency="EUR", amount=5_000)]
    again = {"code": "EUTF-77", "donor": "another", "currency": "EUR", "amount": 1}
    problem = await programme.finance.refused("/funds", again | {"starts_on": "2026-01-01", "ends_on": "2026-12-31"})
    assert problem["type"] == "/problems/fund-code-taken"
    listed = await programme.finance.reads("/funds")
    assert [fund["fund_id"] for fund in listed["funds"] if fund["code"] == "EUTF-77"] == [fund_id]


async def test_before_arrival_no_plan_is_taken(programme: Programme) -> None:
    fund_id = await programme.fund()
    case_id = await programme.register()
    problem = await programme.officer.refused(f"/cases/{case_id}/plan", plan(fund_id, 10_000))
    assert problem["type"] == "/problems/arrival-not-confirmed"
    assert await programme.figures(fund_id) == (0, 0, 0, 1_000_000)


async def test_an_arrival_that_is_heard_before_the_registration_opens_reintegration(programme: Programme) -> None:
    fund_id, case_id = await programme.fund(), new_id()
    await programme.arrive(case_id)
    problem = await programme.officer.refused(f"/cases/{case_id}/plan", plan(fund_id, 10_000))
    assert problem["type"] == "/problems/registration-unknown"
    await programme.tell(screening.SOURCE, case_id, registration(new_id()))
    await programme.officer.does(f"/cases/{case_id}/plan", plan(fund_id, 10_000))


async def test_who_submits_a_plan_does_not_approve_it(programme: Programme) -> None:
    fund_id, case_id = await programme.fund(), await programme.arrived()
    await programme.manager.does(f"/cases/{case_id}/plan", plan(fund_id, 10_000))
    problem = await programme.manager.refused(f"/cases/{case_id}/plan/approve")
    assert problem["type"] == "/problems/same-eyes"
    await programme.finance.does(f"/cases/{case_id}/plan/approve")


async def test_a_rejected_plan_frees_its_amount(programme: Programme) -> None:
    fund_id, case_id = await programme.fund(), await programme.arrived()
    await programme.officer.does(f"/cases/{case_id}/plan", plan(fund_id, 10_000))
    await programme.manager.does(f"/cases/{case_id}/plan/reject", {"reason": "no market for it"})
    assert await programme.figures(fund_id) == (0, 0, 0, 1_000_000)
    await programme.officer.does(f"/cases/{case_id}/plan", plan(fund_id, 50_000))
    assert len((await programme.case(case_id))["earlier_plans"]) == 1


async def test_the_same_key_gives_the_same_answer_and_reserves_once(programme: Programme) -> None:
    fund_id, case_id, key = await programme.fund(), await programme.arrived(), str(new_id())
    answers = await asyncio.gather(
        *(programme.officer.post(f"/cases/{case_id}/plan", plan(fund_id, 10_000), key=key) for _ in range(4))
    )
    assert {(answer.status_code, answer.text) for answer in answers} == {(201, answers[0].text)}
    assert await programme.figures(fund_id) == (10_000, 0, 0, 990_000)


async def test_many_plans_at_once_never_overdraw_a_fund(programme: Programme) -> None:
    fund_id = await programme.fund(50_000)
    cases = [await programme.arrived() for _ in range(8)]
    answers = await asyncio.gather(
        *(programme.officer.post(f"/cases/{case_id}/plan", plan(fund_id, 10_000)) for case_id in cases)
    )
    assert sorted(answer.status_code for answer in answers) == [201] * 5 + [409] * 3
    assert await programme.figures(fund_id) == (50_000, 0, 0, 0)


async def test_two_plans_at_once_for_one_person_never_exceed_the_ceiling(programme: Programme) -> None:
    fund_id, person_id = await programme.fund(), new_id()
    cases = [await programme.arrived(person_id) for _ in range(2)]
    answers = await asyncio.gather(
        *(programme.officer.post(f"/cases/{case_id}/plan", plan(fund_id, 30_000)) for case_id in cases)
    )
    assert sorted(answer.status_code for answer in answers) == [201, 409]
    [refused] = [answer.json() for answer in answers if answer.status_code == 409]
    assert (refused["type"], refused["ceiling"], refused["held"]) == ("/problems/ceiling-exceeded", 50_000, 30_000)


async def test_two_people_who_turn_out_to_be_one_share_one_ceiling(programme: Programme) -> None:
    fund_id, elder = await programme.fund(), new_id()
    first, second = await programme.arrived(elder), await programme.arrived()
    for case_id in (first, second):
        await programme.officer.does(f"/cases/{case_id}/plan", plan(fund_id, 30_000))
    decided = screening.DuplicateDecided(other_case_id=first, same_person=True, person_id=elder)
    await programme.tell(screening.SOURCE, second, decided)
    problem = await programme.manager.refused(f"/cases/{first}/plan/approve")
    assert (problem["type"], problem["held"]) == ("/problems/ceiling-exceeded", 60_000)
    await programme.tell(screening.SOURCE, second, screening.CaseMerged(into_case_id=first))
    assert await programme.figures(fund_id) == (30_000, 0, 0, 970_000)
    await programme.manager.does(f"/cases/{first}/plan/approve")
    assert (await programme.case(second))["status"] == "merged"


async def test_a_wrong_delivery_is_corrected_with_its_reason(programme: Programme) -> None:
    fund_id = await programme.fund()
    case_id = await programme.approved(fund_id, 10_000)
    await programme.officer.does(f"/cases/{case_id}/lines/1/delivery", hand_over(9_000))
    await programme.officer.does(f"/cases/{case_id}/completion")
    await programme.officer.does(f"/cases/{case_id}/lines/1/delivery/correct", {"reason": "given to a neighbour"})
    assert await programme.figures(fund_id) == (0, 9_000, 0, 991_000)
    assert (await programme.log(case_id))[-1] == told.DeliveryCorrected(line=1, amount=9_000, currency="EUR")
    assert (await programme.case(case_id))["plan"]["lines"][0]["corrections"] == 1


async def test_a_corrected_arrival_frees_what_was_held_and_a_later_one_opens_again(programme: Programme) -> None:
    fund_id = await programme.fund()
    case_id = await programme.approved(fund_id, 10_000, 20_000)
    await programme.officer.does(f"/cases/{case_id}/lines/1/delivery", hand_over(10_000))
    undone = travel.ArrivalCorrected(flight_id=FLIGHT, arrived=False, corrected_on=date(2026, 4, 2))
    await programme.tell(travel.SOURCE, case_id, undone)
    assert await programme.figures(fund_id) == (0, 0, 10_000, 990_000)
    assert (await programme.log(case_id))[-1] == told.ReintegrationCancelled(
        reason="arrival_corrected", spent=10_000, currency="EUR"
    )
    done = travel.ArrivalCorrected(flight_id=FLIGHT, arrived=True, corrected_on=date(2026, 4, 3))
    await programme.tell(travel.SOURCE, case_id, done)
    assert (await programme.log(case_id))[-1] == opened(date(2026, 4, 3))
    assert (await programme.case(case_id))["status"] == "open"


async def test_a_person_who_drops_out_frees_what_was_held(programme: Programme) -> None:
    fund_id = await programme.fund()
    case_id = await programme.approved(fund_id, 10_000)
    await programme.officer.does(f"/cases/{case_id}/cancel", {"reason": "left for the capital"})
    assert await programme.figures(fund_id) == (0, 0, 0, 1_000_000)
    assert (await programme.log(case_id))[-1] == told.ReintegrationCancelled(
        reason="dropped_out", spent=0, currency="EUR"
    )


async def test_where_a_case_stands_does_not_depend_on_which_source_is_heard_first(programme: Programme) -> None:
    ours: list[Contract] = [registration(new_id()), screening.CaseMerged(into_case_id=new_id())]
    theirs: list[Contract] = [
        travel.WithdrawnAtGate(withdrawn_on=TODAY),
        travel.ArrivalConfirmed(flight_id=FLIGHT, arrived_on=TODAY),
    ]
    found = []
    for order in ("sstt", "ttss", "stst", "tsts"):
        case_id, by_source = new_id(), {"s": iter(ours), "t": iter(theirs)}
        for source in order:
            await programme.tell({"s": screening.SOURCE, "t": travel.SOURCE}[source], case_id, next(by_source[source]))
        case = await programme.case(case_id)
        found.append((case["status"], case["arrived_on"], case["withdrawn_on"], case["ended_for"]))
    assert set(found) == {("merged", "2026-04-01", None, "merged")}


async def test_a_withdrawal_before_arrival_is_kept_and_holds_nothing(programme: Programme) -> None:
    case_id = await programme.register()
    await programme.tell(travel.SOURCE, case_id, travel.WithdrawnAtGate(withdrawn_on=TODAY))
    assert (await programme.case(case_id))["status"] == "withdrawn"
    assert await programme.log(case_id) == []


async def test_many_arrivals_in_one_batch_open_every_case(programme: Programme) -> None:
    cases = [new_id() for _ in range(60)]
    for case_id in cases:
        await programme.record(screening.SOURCE, case_id, registration(new_id()))
        await programme.record(travel.SOURCE, case_id, travel.ArrivalConfirmed(flight_id=FLIGHT, arrived_on=TODAY))
    await programme.settle()
    assert [await programme.log(case_id) for case_id in cases] == [[opened(TODAY)]] * 60


async def test_who_lacks_the_role_is_refused(programme: Programme) -> None:
    stranger = programme.user(Role.CASEWORKER)
    fund_id = await programme.fund()
    assert (await stranger.post(f"/cases/{new_id()}/plan", plan(fund_id, 1))).status_code == 403
    assert (await programme.officer.post(f"/cases/{new_id()}/plan/approve")).status_code == 403


async def test_an_unknown_case_is_not_found(programme: Programme) -> None:
    answer = await programme.officer.client.get(f"/cases/{new_id()}")
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/not-found")


async def test_whoever_reads_a_plan_says_why_and_leaves_an_entry(programme: Programme) -> None:
    case_id, reader = await programme.arrived(), programme.user(Role.FINANCE, id="reader")
    without = await reader.client.get(f"/cases/{case_id}", headers={"Purpose": ""})
    assert (without.status_code, without.json()["purposes"]) == (422, ["reintegration"])
    await reader.reads(f"/cases/{case_id}")
    [entry] = await programme.entries(actor="reader")
    assert (entry["action"], entry["purpose"], entry["subjects"]) == ("show_case", "reintegration", [str(case_id)])
