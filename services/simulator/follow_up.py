"""The monitoring officers' four months: calls, visits, those who are hard to reach, and the end of each case."""

from datetime import date, timedelta

from services.simulator.journey import Journey
from services.simulator.people import Traveller

_CALL, _VISIT = "one-month", "four-months"
_METHOD = {_CALL: "phone", _VISIT: "site"}
#: Days after the last is due: officers are done with most, try the others again, come too late.
_FIRST_ROUND, _SECOND_ROUND, _LATE = 1, 4, 17
#: Attempts that fail before contact counts as lost.
_TRIES = 3


async def follow_up(journey: Journey) -> None:
    """From the first call to the closures."""
    parts = journey.parts
    leaving = journey.people.named(parts.drops_out)
    followed = [each for each in journey.people.received if each not in leaving]
    await calls(journey, followed)
    await visits(journey, followed)
    open_ended = journey.people.named((*parts.never_visited, *parts.contact_lost))
    finished = [each for each in followed if each not in open_ended]
    await journey.gateway.each(finished, lambda each: close(journey, each, "followed_up", None))
    await journey.gateway.each(leaving, lambda each: close(journey, each, "dropped_out", "Has found work elsewhere"))
    await journey.calendar.rest()
    await journey.calendar.tell("Cases closed")


async def calls(journey: Journey, followed: list[Traveller]) -> None:
    """One month after arrival, by phone."""
    calendar, parts = journey.calendar, journey.parts
    due = await last_due(journey, _CALL)
    hard, late = journey.people.named(parts.hard_to_reach), journey.people.named(parts.called_late)
    await calendar.until_date(due + timedelta(days=_FIRST_ROUND), 9, "Follow-up calls after one month")
    await journey.gateway.each(
        [each for each in followed if each not in (*hard, *late)], lambda each: complete(journey, each, _CALL)
    )
    await journey.gateway.each([*hard, *late], lambda each: attempt(journey, each, _CALL, "no_answer"))
    await calendar.until_date(due + timedelta(days=_SECOND_ROUND), 9, "Second round of calls")
    await journey.gateway.each(hard, lambda each: complete(journey, each, _CALL))
    await journey.gateway.each(late, lambda each: attempt(journey, each, _CALL, "wrong_number"))
    await calendar.until_date(due + timedelta(days=_LATE), 9, "Calls that are overdue")
    await journey.gateway.each(late, lambda each: complete(journey, each, _CALL))


async def visits(journey: Journey, followed: list[Traveller]) -> None:
    """Four months after arrival, on site."""
    calendar, parts = journey.calendar, journey.parts
    due = await last_due(journey, _VISIT)
    late, never = journey.people.named(parts.visited_late), journey.people.named(parts.never_visited)
    lost = journey.people.named(parts.contact_lost)
    await calendar.until_date(due + timedelta(days=_FIRST_ROUND), 9, "Visits on site after four months")
    await journey.gateway.each(
        [each for each in followed if each not in (*late, *never, *lost)],
        lambda each: complete(journey, each, _VISIT),
    )
    await journey.gateway.each([*late, *never], lambda each: attempt(journey, each, _VISIT, "postponed"))
    await calendar.until_date(due + timedelta(days=_SECOND_ROUND), 9, "A person can't be found any more")
    for traveller in lost:
        for _ in range(_TRIES):
            await attempt(journey, traveller, _VISIT, "no_answer")
        body = {"note": "Neighbours say that the family has moved; no new address"}
        await journey.gateway.post("monitoring", f"/api/monitoring/cases/{traveller.case_id}/contact-lost", body)
    await calendar.until_date(due + timedelta(days=_LATE), 9, "Visits that are overdue; cases closed")
    await journey.gateway.each(late, lambda each: complete(journey, each, _VISIT))


async def last_due(journey: Journey, code: str) -> date:
    """The day on which the last of these visits is due, as the worklist says."""
    year_on = journey.calendar.today + timedelta(days=365)
    asked = {"state": "due", "before": year_on.isoformat(), "limit": 1000}
    worklist = await journey.gateway.get("monitoring", "/api/monitoring/visits", purpose="monitoring", **asked)
    return max(date.fromisoformat(each["due_on"]) for each in worklist["visits"] if each["code"] == code)


async def attempt(journey: Journey, traveller: Traveller, code: str, outcome: str) -> None:
    """Try to reach the person."""
    path = f"/api/monitoring/cases/{traveller.case_id}/visits/{code}/attempts"
    await journey.gateway.post("monitoring", path, {"outcome": outcome})


async def complete(journey: Journey, traveller: Traveller, code: str) -> None:
    """Speak with the person."""
    body = {
        "method": _METHOD[code],
        "instrument": f"{code}-v1",
        "findings": {"income_suffices": traveller.row % 4 != 0, "support_received": True},
        "satisfied": traveller.row % 7 != 0,
    }
    await journey.gateway.post(
        "monitoring", f"/api/monitoring/cases/{traveller.case_id}/visits/{code}/completion", body
    )


async def close(journey: Journey, traveller: Traveller, reason: str, note: str | None) -> None:
    """End the case."""
    body = {"reason": reason, "note": note}
    await journey.gateway.post("monitoring", f"/api/monitoring/cases/{traveller.case_id}/closure", body)
