"""Papers, the flight, its seats and the day of departure."""

from datetime import datetime, timedelta

from services.simulator.journey import Journey
from services.simulator.people import Traveller
from services.simulator.screening import examine, withdraw

_LOCKING_HOUR, _DESK_HOUR, _DEPARTURE_HOUR = 16, 6, 12
#: Hours in the air with a stop.
_FLIGHT_HOURS = 12


async def prepare(journey: Journey) -> None:
    """Documents and exit visas."""
    calendar, days = journey.calendar, journey.scenario.days
    await calendar.until(8, 9, "Travel documents requested from the embassy")
    await journey.gateway.each(journey.people.going, lambda each: request_document(journey, each))
    if early := journey.travelling_with(journey.parts.withdraws_early):
        await calendar.until(9, 9, "A family decides to stay")
        for traveller in early:
            await withdraw(journey, traveller, "The family stays with relatives in Tripoli")
    await calendar.until(days.embassy_session, 9, "Embassy session: documents issued")
    refused = journey.people.named(journey.parts.document_refused)
    await journey.gateway.each(
        [each for each in journey.people.going if each not in refused], lambda each: issue_document(journey, each)
    )
    await journey.gateway.each(refused, lambda each: refuse_document(journey, each))
    await calendar.until(days.second_session, 9, "Embassy's second session: refused documents issued")
    await journey.gateway.each(refused, lambda each: second_chance(journey, each))
    await calendar.until(days.exit_visas, 9, "Exit visas issued")
    await journey.gateway.each(journey.people.going, lambda each: get_exit_visa(journey, each))


async def request_document(journey: Journey, traveller: Traveller) -> None:
    """Ask the embassy."""
    body = {"authority": journey.scenario.embassy, "kind": "laissez_passer"}
    await journey.gateway.post("movements", f"/api/travel/cases/{traveller.case_id}/document/request", body)


async def issue_document(journey: Journey, traveller: Traveller) -> None:
    """The embassy has met the person and issues the paper."""
    expires = journey.calendar.today + timedelta(days=journey.scenario.document_days)
    body = {
        "number": f"{journey.scenario.origin_country}-LP-{traveller.row:05}",
        "issued_on": journey.calendar.today.isoformat(),
        "expires_on": expires.isoformat(),
    }
    await journey.gateway.post("movements", f"/api/travel/cases/{traveller.case_id}/document/issue", body)


async def refuse_document(journey: Journey, traveller: Traveller) -> None:
    """The embassy is not sure of the nationality."""
    body = {"reason": "Nationality not confirmed yet"}
    await journey.gateway.post("movements", f"/api/travel/cases/{traveller.case_id}/document/refuse", body)


async def second_chance(journey: Journey, traveller: Traveller) -> None:
    """The family at home has sent a proof."""
    await request_document(journey, traveller)
    await issue_document(journey, traveller)


async def get_exit_visa(journey: Journey, traveller: Traveller) -> None:
    """The authority in charge issues a list on the same day."""
    path = f"/api/travel/cases/{traveller.case_id}/exit-visa"
    await journey.gateway.post("movements", f"{path}/request", {"authority": journey.scenario.exit_authority})
    await journey.gateway.post("movements", f"{path}/issue", {"reference": f"EXIT-{traveller.row:05}"})


async def fly(journey: Journey) -> None:
    """The flight, from its planning to its departure."""
    calendar, days = journey.calendar, journey.scenario.days
    await calendar.until(days.exit_visas + 1, 9, "Charter planned, seats given")
    if days.cancelled_flight is not None:
        journey.flight_id = await plan_flight(journey, calendar.at(days.cancelled_flight, _DEPARTURE_HOUR))
        await give_seats(journey)
        await calendar.until(days.cancelled_flight - 3, 9, "Charter cancelled, another planned")
        body = {"reason": "The airport is closed on that day"}
        await journey.gateway.post("movements", f"/api/travel/flights/{journey.flight_id}/cancel", body)
        await calendar.rest()
    journey.flight_id = await plan_flight(journey, calendar.at(days.flight, _DEPARTURE_HOUR))
    await give_seats(journey)
    await calendar.until(days.flight - 1, 8, "Examinations before embarkation")
    await journey.gateway.each(journey.people.going, lambda each: examine(journey, each))
    await calendar.until(days.flight - 1, _LOCKING_HOUR, "Manifest locked")
    await journey.gateway.post("movements", f"/api/travel/flights/{journey.flight_id}/manifest/lock")
    await calendar.until(days.flight, _DESK_HOUR, "Departure day: the desk is open")
    await board_everybody(journey)
    await calendar.until(days.flight, _DEPARTURE_HOUR, "Manifest validated, departure")
    await journey.gateway.post("airport", f"/api/travel/flights/{journey.flight_id}/manifest/validate")
    await journey.gateway.post("airport", f"/api/travel/flights/{journey.flight_id}/departure")


async def plan_flight(journey: Journey, departs_at: datetime) -> str:
    """Charter an aircraft."""
    scenario = journey.scenario
    body = {
        "carrier": scenario.carrier,
        "number": scenario.flight_number,
        "origin": scenario.origin,
        "destination": scenario.destination,
        "departs_at": departs_at.isoformat(),
        "capacity": scenario.capacity,
        "kind": "charter",
        "office": scenario.office,
        "country_of_origin": scenario.origin_country,
    }
    answer: dict[str, str] = await journey.gateway.post("movements", "/api/travel/flights", body)
    return answer["flight_id"]


async def give_seats(journey: Journey) -> None:
    """By priority, families together."""
    await journey.gateway.post("movements", f"/api/travel/flights/{journey.flight_id}/seats")


async def board_everybody(journey: Journey) -> None:
    """Who comes boards; who doesn't is accounted for."""
    parts = journey.parts
    staying = journey.travelling_with(parts.withdraws_at_desk)
    absent = journey.people.named(parts.no_show)
    refused = journey.people.named(parts.refused_at_border)
    for traveller in journey.people.named(parts.withdraws_at_desk):
        await withdraw_at_desk(journey, traveller)
    left = [*staying, *absent, *refused]
    await journey.gateway.each(
        [each for each in journey.people.going if each not in left], lambda each: board(journey, each)
    )
    path = f"/api/travel/flights/{journey.flight_id}"
    for traveller in absent:
        await journey.gateway.post("airport", f"{path}/no-shows", {"case_id": traveller.case_id})
    for traveller in refused:
        body = {"case_id": traveller.case_id, "by": "border", "reason": "An unpaid fine is on record"}
        await journey.gateway.post("airport", f"{path}/refusals", body)
    await journey.calendar.rest()
    for traveller in (each for each in staying if not each.ended):
        await withdraw(journey, traveller, "The family stays together")


async def withdraw_at_desk(journey: Journey, traveller: Traveller) -> None:
    """The person decides to stay, at the last moment."""
    body = {"reason": "Wants to stay: a relative has fallen ill"}
    await journey.gateway.post("airport", f"/api/travel/cases/{traveller.case_id}/withdrawal", body)
    traveller.ended = True


async def board(journey: Journey, traveller: Traveller) -> None:
    """The person is on board, with a kit."""
    body = {"case_id": traveller.case_id, "kit": True}
    await journey.gateway.post("airport", f"/api/travel/flights/{journey.flight_id}/boarding", body)
    traveller.on_board = True


async def receive(journey: Journey) -> None:
    """Arrival: everybody is met but one, who is found later."""
    calendar, day = journey.calendar, journey.scenario.days.flight
    missing = journey.people.named(journey.parts.missing_at_first)
    await calendar.until(day + 1, (_DEPARTURE_HOUR + _FLIGHT_HOURS) % 24 + 4, "Arrival: reception at the airport")
    await journey.gateway.each(
        [each for each in journey.people.flown if each not in missing], lambda each: confirm_arrival(journey, each)
    )
    for traveller in missing:
        body = {"note": "Was not at the reception desk"}
        await journey.gateway.post("reintegration", f"/api/travel/cases/{traveller.case_id}/missing", body)
    if missing:
        await calendar.until(day + 3, 9, "Who was missing has called: arrival corrected")
    for traveller in missing:
        found = {"arrived": True, "reason": "Had left with relatives before the reception desk; spoken to by phone"}
        await journey.gateway.post("reintegration", f"/api/travel/cases/{traveller.case_id}/arrival/correct", found)
        traveller.arrived = True


async def confirm_arrival(journey: Journey, traveller: Traveller) -> None:
    """The receiving side has met the person."""
    body = {"place": journey.scenario.arrival_place}
    await journey.gateway.post("reintegration", f"/api/travel/cases/{traveller.case_id}/arrival", body)
    traveller.arrived = True
