"""Travel through its front door: HTTP, the bus and the clock, on a real database."""

import asyncio
from collections.abc import AsyncIterator
from datetime import date, timedelta
from uuid import UUID

import pytest
import pytest_asyncio

from shared.auth.roles import Role
from shared.contracts import screening, travel
from shared.contracts.vocabulary import AgeGroup, Gate, SeatReleaseReason, VulnerabilityBand
from shared.ids import new_id
from tests.integration.travel.office import DEPARTURE, NOW, Office, flight_body

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def office(postgres_url: str) -> AsyncIterator[Office]:
    async with Office(postgres_url) as running:
        yield running


async def test_a_person_travels_from_the_first_paper_to_the_arrival_desk(office: Office) -> None:
    case_id = await office.person()
    assert await office.status(case_id) == "ready"
    flight_id = await office.manifest([case_id])
    await office.boards(flight_id, case_id)
    await office.leaves(flight_id)
    await office.airport.does(f"/cases/{case_id}/arrival", {"place": "Islamabad arrivals hall"})
    assert await office.status(case_id) == "arrived"
    assert await office.told(case_id) == [
        *("DocumentRequested", "DocumentIssued", "ExitVisaRequested", "ExitVisaIssued"),
        *("SeatBooked", "Boarded", "Departed", "ArrivalConfirmed"),
    ]
    assert await office.log(flight_id) == [
        travel.FlightScheduled(
            carrier="YL", number="6402", origin="MJI", destination="ISB", departs_at=DEPARTURE, capacity=20,
            kind="charter", office="tripoli", country_of_origin="PK",
        ),
        travel.ManifestLocked(passengers=1, escorts=0),
        travel.ManifestValidated(boarded=1, no_shows=0, refused=0, withdrawn=0, offloaded=0),
        travel.FlightDeparted(departed_at=NOW, passengers=1),
    ]  # fmt: skip


async def test_who_was_registered_for_another_country_gets_a_seat_on_the_right_flight(office: Office) -> None:
    case_id = await office.person(country="CI")
    corrected = screening.IdentityCorrected(country_of_origin="PK", age_group=AgeGroup.ADULT)
    await office.hears(case_id, corrected)
    await office.manifest([case_id])
    assert await office.status(case_id) == "booked"


async def test_gates_are_published_when_they_change_and_shown_for_any_day(office: Office) -> None:
    case_id = await office.person(papers=False)
    before = await office.log(case_id)
    assert before[-1].missing == [Gate.DOCUMENT, Gate.EXIT_VISA, Gate.SEAT]  # type: ignore[attr-defined]
    await office.papers(case_id, until=date(2026, 3, 25))
    [*_, ready] = await office.log(case_id)
    assert isinstance(ready, travel.GatesEvaluated)
    assert (ready.missing, ready.lapsing, ready.ready, ready.on) == ([Gate.SEAT], [], True, NOW.date())
    later = await office.movements.reads(f"/cases/{case_id}/gates?on=2026-03-27")
    assert later["lapsing"] == ["document", "exit_visa"] and not later["ready"]


async def test_flights_are_refused_with_codes_that_iata_does_not_know(office: Office) -> None:
    wrong: list[dict[str, object]] = [
        {"origin": "XXX"},
        {"carrier": "00"},
        {"number": "12345"},
        {"destination": "MJI"},
        {"destination": "ABJ"},
    ]
    wrong += [{"office": "atlantis"}, {"capacity": 0}]
    for each in wrong:
        answer = await office.movements.post("/flights", {**flight_body(), **each})
        assert answer.status_code == 422, each


async def test_who_has_asked_for_no_papers_waits_for_a_seat_behind_those_who_have(office: Office) -> None:
    idle = await office.person(country="SN", band=VulnerabilityBand.CRITICAL, papers=False)
    ready = await office.person(country="SN", band=VulnerabilityBand.LOW)
    flight_id = await office.flight(2, country="SN")
    body = {"case_ids": [str(ready)]}
    assert (await office.movements.does(f"/flights/{flight_id}/seats", body))["booked"] == [str(ready)]
    answer = await office.movements.does(f"/flights/{flight_id}/seats")
    assert answer == {"booked": [], "waiting": [{"case_id": str(idle), "missing": ["document", "exit_visa", "seat"]}]}
    await office.movements.does(f"/cases/{idle}/document/request", {"authority": "embassy-sn"})
    await office.movements.does(f"/cases/{idle}/exit-visa/request", {"authority": "migration-ly"})
    assert (await office.movements.does(f"/flights/{flight_id}/seats"))["booked"] == [str(idle)]


async def test_the_flights_date_is_the_date_at_the_airport_of_departure(office: Office) -> None:
    departs = DEPARTURE.replace(hour=22, minute=30)
    flight_id = await office.flight(departs_at=departs)
    shown = await office.movements.reads(f"/flights/{flight_id}")
    assert shown["departs_at"].startswith("2026-03-28T00:30")


async def test_seats_are_filled_by_priority_with_families_unsplit(office: Office) -> None:
    family = await office.family(3, country="BD")
    late = await office.person(country="BD", band=VulnerabilityBand.LOW)
    urgent = await office.person(country="BD", band=VulnerabilityBand.CRITICAL)
    blocked = await office.person(country="BD")
    await office.hears(blocked, screening.HoldPlaced(hold_id=new_id()))
    flight_id = await office.flight(4, country="BD")
    answer = await office.movements.does(f"/flights/{flight_id}/seats")
    assert set(answer["booked"]) == {str(urgent), *map(str, family)}
    waiting = {each["case_id"]: each["missing"] for each in answer["waiting"]}
    assert waiting[str(late)] == ["seat"] and "hold" in waiting[str(blocked)]


async def test_choosing_people_before_those_who_come_first_needs_a_reason_that_is_kept(office: Office) -> None:
    first = await office.person(country="NG", band=VulnerabilityBand.CRITICAL)
    chosen = await office.person(country="NG", band=VulnerabilityBand.LOW)
    flight_id = await office.flight(1, country="NG")
    body = {"case_ids": [str(chosen)]}
    problem = await office.movements.refused(f"/flights/{flight_id}/seats", body)
    assert problem["type"] == "/problems/override-without-reason"
    await office.movements.does(f"/flights/{flight_id}/seats", {**body, "override_reason": "the mother is dying"})
    [kept] = await office.decisions("seat_override", chosen)
    assert (kept.reason, kept.actor, kept.flight_id) == ("the mother is dying", "movements", flight_id)
    assert await office.status(first) == "ready"


async def test_a_manifest_with_a_missing_gate_is_not_locked(office: Office) -> None:
    case_id = await office.person(papers=False)
    flight_id = await office.flight()
    body = {"case_ids": [str(case_id)], "override_reason": "papers need the flight's details"}
    await office.movements.does(f"/flights/{flight_id}/seats", body)
    assert travel.SeatBooked(flight_id=flight_id, provisional=True, escorted=False) in await office.log(case_id)
    problem = await office.movements.refused(f"/flights/{flight_id}/manifest/lock")
    assert problem["blocked"] == [{"case_id": str(case_id), "missing": ["document", "exit_visa"]}]
    await office.papers(case_id)
    assert await office.movements.does(f"/flights/{flight_id}/manifest/lock") == {"passengers": 1, "escorts": 0}


async def test_a_locked_manifest_has_names_and_works_with_screening_away(office: Office) -> None:
    case_id = await office.person()
    flight_id = await office.manifest([case_id])
    office.line.cut = True
    try:
        manifest = await office.airport.reads(f"/flights/{flight_id}/manifest")
    finally:
        office.line.cut = False
    [line] = manifest["passengers"]
    assert line["name"] == f"Person {str(case_id)[-4:]}" and line["document_number"] == "LP-12345"
    assert manifest["totals"]["adults"] == 1 and manifest["totals"]["seats"] == 1


async def test_the_manifest_is_not_locked_without_screening(office: Office) -> None:
    case_id, flight_id = await office.person(), await office.flight()
    body = {"case_ids": [str(case_id)], "override_reason": "the only one here"}
    await office.movements.does(f"/flights/{flight_id}/seats", body)
    office.line.cut = True
    try:
        answer = await office.movements.post(f"/flights/{flight_id}/manifest/lock")
    finally:
        office.line.cut = False
    assert answer.status_code == 503
    assert (await office.movements.reads(f"/flights/{flight_id}"))["status"] == "planned"


async def test_boarding_asks_screening_and_refuses_who_has_withdrawn_there(office: Office) -> None:
    case_id = await office.person()
    flight_id = await office.manifest([case_id])
    office.withdrawn.add(case_id)
    body = {"case_id": str(case_id), "kit": True, "verbal_reconfirmation": True}
    problem = await office.airport.refused(f"/flights/{flight_id}/boarding", body)
    assert problem["type"] == "/problems/consent-missing"
    assert await office.status(case_id) == "booked"


async def test_with_screening_away_the_officer_asks_the_person_and_that_is_kept(office: Office) -> None:
    case_id = await office.person()
    flight_id = await office.manifest([case_id])
    body = {"case_id": str(case_id), "kit": True}
    office.line.cut = True
    try:
        refused = await office.airport.post(f"/flights/{flight_id}/boarding", body)
        asked = {**body, "verbal_reconfirmation": True}
        boarded = await office.airport.post(f"/flights/{flight_id}/boarding", asked)
    finally:
        office.line.cut = False
    assert refused.status_code == 503 and "verbal_reconfirmation" in refused.json()["detail"]
    assert boarded.json()["status"] == "boarded"
    assert len(await office.decisions("verbal_reconfirmation", case_id)) == 1


async def test_a_father_who_withdraws_at_the_gate_offloads_his_family(office: Office) -> None:
    father, mother, child = await office.family(3)
    other = await office.person()
    flight_id = await office.manifest([father, other])
    await office.boards(flight_id, mother, other)
    answer = await office.airport.does(f"/cases/{father}/withdrawal", {"reason": "wants to stay with his brother"})
    assert answer["effective"] and answer["status"] == "withdrawn"
    assert (await office.told(father))[-2:] == ["SeatReleased", "WithdrawnAtGate"]
    assert (await office.told(mother))[-3:] == ["Boarded", "BoardingCorrected", "SeatReleased"]
    assert travel.SeatReleased(flight_id=flight_id, reason=SeatReleaseReason.FAMILY) in await office.log(child)
    assert {await office.status(mother), await office.status(child)} == {"preparing"}
    figures = await office.airport.does(f"/flights/{flight_id}/manifest/validate")
    assert figures == {"boarded": 1, "no_shows": 0, "refused": 0, "withdrawn": 1, "offloaded": 2}
    problem = await office.airport.refused(f"/cases/{father}/withdrawal", {"reason": "said it twice"})
    assert problem["type"] == "/problems/already-withdrawn"


async def test_a_withdrawal_in_screening_frees_the_seat_and_a_new_declaration_lets_the_case_go_on(
    office: Office,
) -> None:
    case_id = await office.person()
    await office.manifest([case_id])
    await office.hears(case_id, screening.ConsentWithdrawn(withdrawn_on=NOW.date()))
    last = (await office.log(case_id))[-1]
    assert last == travel.WithdrawnAtGate(withdrawn_on=NOW.date(), recorded_in="screening")
    await office.hears(case_id, screening.DeclarationSigned(signed_on=NOW.date()))
    assert await office.status(case_id) == "ready"


async def test_a_withdrawal_after_boarding_is_too_late(office: Office) -> None:
    case_id = await office.person()
    flight_id = await office.manifest([case_id])
    await office.boards(flight_id, case_id)
    await office.hears(case_id, screening.ConsentWithdrawn(withdrawn_on=NOW.date()))
    assert (await office.told(case_id))[-1] == "WithdrawalTooLate"
    answer = await office.airport.does(f"/cases/{case_id}/withdrawal", {"reason": "changed his mind on board"})
    assert not answer["effective"] and answer["status"] == "boarded"


async def test_a_hold_on_one_frees_the_seats_of_the_family(office: Office) -> None:
    father, mother = await office.family(2)
    await office.manifest([father])
    await office.hears(father, screening.HoldPlaced(hold_id=new_id()))
    assert (await office.told(father))[-1] == (await office.told(mother))[-1] == "SeatReleased"
    assert await office.status(mother) == "preparing"


async def test_a_no_show_is_corrected_and_the_family_has_its_seats_again(office: Office) -> None:
    father, mother = await office.family(2)
    flight_id = await office.manifest([father])
    await office.airport.does(f"/flights/{flight_id}/no-shows", {"case_id": str(father)})
    assert await office.status(father) == "no_show"
    body = {"boarded": True, "reason": "stood at the other counter"}
    await office.airport.does(f"/cases/{father}/boarding/correct", body)
    assert (await office.status(father), await office.status(mother)) == ("boarded", "booked")
    [kept] = await office.decisions("boarding_corrected", father)
    assert kept.reason == "stood at the other counter"


async def test_a_refusal_by_the_border_is_recorded_with_its_reason(office: Office) -> None:
    case_id = await office.person()
    flight_id = await office.manifest([case_id])
    body = {"case_id": str(case_id), "by": "border", "reason": "an unpaid overstay fee"}
    await office.airport.does(f"/flights/{flight_id}/refusals", body)
    assert travel.BoardingRefused(flight_id=flight_id, refused_by="border") in await office.log(case_id)
    assert (await office.decisions("boarding_refused", case_id))[0].reason == "an unpaid overstay fee"


async def test_a_manifest_is_validated_when_everybody_is_accounted_for(office: Office) -> None:
    case_id = await office.person()
    flight_id = await office.manifest([case_id])
    problem = await office.airport.refused(f"/flights/{flight_id}/manifest/validate")
    assert problem["unaccounted"] == [str(case_id)]
    problem = await office.airport.refused(f"/flights/{flight_id}/departure")
    assert problem["type"] == "/problems/not-in-this-state" and problem["allowed"]


async def test_an_arrival_is_corrected_both_ways(office: Office) -> None:
    case_id = await office.person()
    flight_id = await office.manifest([case_id])
    await office.boards(flight_id, case_id)
    await office.leaves(flight_id)
    await office.airport.does(f"/cases/{case_id}/missing", {"note": "not at the desk"})
    for arrived, status in ((True, "arrived"), (False, "missing")):
        body = {"arrived": arrived, "reason": "the list was read wrongly"}
        answer = await office.airport.does(f"/cases/{case_id}/arrival/correct", body)
        assert answer["status"] == status
    corrected = [each for each in await office.log(case_id) if isinstance(each, travel.ArrivalCorrected)]
    assert [each.arrived for each in corrected] == [True, False]


async def test_a_cancelled_flight_frees_its_seats_and_people_are_ready_again(office: Office) -> None:
    people = [await office.person(), *await office.family(2)]
    flight_id = await office.manifest(people)
    await office.movements.does(f"/flights/{flight_id}/cancel", {"reason": "the airspace is closed"})
    assert {await office.status(each) for each in people} == {"ready"}
    released = travel.SeatReleased(flight_id=flight_id, reason=SeatReleaseReason.FLIGHT_CANCELLED)
    for each in people:
        assert released in await office.log(each)


async def test_a_new_date_evaluates_the_gates_of_everybody_on_the_flight(office: Office) -> None:
    case_id = await office.person()
    flight_id = await office.manifest([case_id])
    new = DEPARTURE + timedelta(days=30)
    answer = await office.movements.does(f"/flights/{flight_id}/reschedule", {"departs_at": new.isoformat()})
    assert answer["status"] == "planned"
    [*_, evaluated] = await office.log(case_id)
    assert isinstance(evaluated, travel.GatesEvaluated)
    assert evaluated.on == new.date() and not evaluated.ready
    assert set(evaluated.lapsing) == {Gate.DOCUMENT, Gate.EXIT_VISA, Gate.FITNESS}


async def test_a_household_may_be_stated_before_its_members_are_registered(office: Office) -> None:
    household, member = new_id(), new_id()
    father = await office.person(family=household, country="ML")
    await office.hears(household, screening.HouseholdChanged(case_ids=[father, member]))
    assert (await office.case(father))["family"] == [str(member)]
    flight_id = await office.flight(country="ML")
    body = {"case_ids": [str(father)], "override_reason": "the only ones here"}
    answer = await office.movements.does(f"/flights/{flight_id}/seats", body)
    assert not answer["booked"], "nobody knows yet whether the other member may go"
    await office.person(family=household, country="ML", case_id=member)
    assert set((await office.movements.does(f"/flights/{flight_id}/seats"))["booked"]) == {str(father), str(member)}


async def test_who_leaves_the_household_may_travel_alone(office: Office) -> None:
    household = new_id()
    father, son = [await office.person(family=household) for _ in range(2)]
    await office.hears(father, screening.HoldPlaced(hold_id=new_id()))
    assert await office.status(son) == "preparing"
    await office.hears(household, screening.HouseholdChanged(case_ids=[father]))
    assert await office.status(son) == "ready"


async def test_the_same_key_gives_the_same_answer_and_one_event(office: Office) -> None:
    case_id = await office.person(papers=False)
    path, body = f"/cases/{case_id}/document/request", {"authority": "embassy-pk"}
    first = await office.movements.post(path, body, key="the-same-key")
    second = await office.movements.post(path, body, key="the-same-key")
    assert first.json() == second.json()
    assert await office.told(case_id) == ["DocumentRequested"]


async def test_two_officers_never_overbook_a_flight(office: Office) -> None:
    people = [await office.person(country="NE") for _ in range(4)]
    flight_id = await office.flight(2, country="NE")
    bodies = [{"case_ids": [str(each)], "override_reason": "at the same moment"} for each in people]
    path = f"/flights/{flight_id}/seats"
    answers = await asyncio.gather(*(office.movements.does(path, body) for body in bodies))
    assert sum(len(each["booked"]) for each in answers) == 2
    assert (await office.movements.reads(f"/flights/{flight_id}"))["free"] == 0


async def test_roles_are_asked_for(office: Office) -> None:
    case_id: UUID = await office.person(papers=False)
    monitor = office.user(Role.MONITORING)
    assert (await monitor.post(f"/cases/{case_id}/document/request", {"authority": "x-y"})).status_code == 403
    flight_id = await office.flight()
    auditor = office.user(Role.AUDITOR)
    assert (await auditor.client.get(f"/flights/{flight_id}/manifest")).status_code == 403


async def test_whoever_reads_a_manifest_says_why_and_leaves_an_entry(office: Office) -> None:
    case_id = await office.person()
    flight_id = await office.manifest([case_id])
    reader = office.user(Role.AIRPORT, id="reader")
    without = await reader.client.get(f"/flights/{flight_id}/manifest", headers={"Purpose": "curiosity"})
    assert (without.status_code, without.json()["purposes"]) == (422, ["boarding", "arrival"])
    await reader.reads(f"/flights/{flight_id}/manifest")
    [entry] = await office.entries(actor="reader")
    assert (entry["action"], entry["purpose"], entry["office"]) == ("show_manifest", "boarding", "tripoli")
    assert entry["subjects"] == sorted([str(flight_id), str(case_id)])


async def test_an_infant_needs_no_seat_and_is_counted(office: Office) -> None:
    household = new_id()
    mother = await office.person(family=household)
    infant = await office.person(family=household, age=AgeGroup.INFANT)
    flight_id = await office.manifest([mother, infant], capacity=1)
    totals = (await office.airport.reads(f"/flights/{flight_id}/manifest"))["totals"]
    assert (totals["passengers"], totals["infants"], totals["seats"]) == (2, 1, 1)


async def test_a_paper_that_lapses_is_told_when_the_day_has_passed(office: Office) -> None:
    case_id = await office.person(papers=False)
    await office.papers(case_id, until=NOW.date() + timedelta(days=1))
    await office.set_clock(NOW + timedelta(days=3))
    assert (await office.told(case_id))[-2:] == ["DocumentLapsed", "ExitVisaLapsed"]
    assert await office.status(case_id) == "preparing"


async def test_seats_are_filled_without_a_body_even_when_nobody_waits(office: Office) -> None:
    empty = await office.movements.client.post(
        f"/flights/{await office.flight(country='CI')}/seats", headers={"Idempotency-Key": str(new_id())}
    )
    assert empty.json() == {"booked": [], "waiting": []}, "nobody named means: by priority"
