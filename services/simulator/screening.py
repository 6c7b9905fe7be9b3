"""The first two weeks: the list comes in, people are counselled, screened, examined and cleared."""

from typing import Any

from services.simulator.journey import Journey
from services.simulator.people import Traveller

#: The airlines' codes of what the medical cases need, one after the other.
_ASSISTANCE = (["WCHR", "MEDA"], ["WCHC", "MEDA", "OXYG"])


async def screen(journey: Journey) -> None:
    """From the list to clearance."""
    calendar = journey.calendar
    await calendar.until(0, 9, "Registration list imported")
    await import_list(journey)
    await calendar.until(0, 14, "Suspected duplicates decided")
    await decide_duplicates(journey)
    await calendar.until(1, 8, "Vulnerability screening")
    await journey.gateway.each(journey.people.going, lambda each: assess(journey, each))
    await calendar.until(2, 8, "Counselling and voluntary declarations")
    await journey.gateway.each(journey.people.going, lambda each: declare(journey, each))
    await calendar.until(3, 8, "Protection: holds, best interests of children")
    holds = await protect(journey)
    await calendar.until(4, 8, "Fit-to-travel examinations")
    await journey.gateway.each(journey.people.going, lambda each: examine(journey, each))
    await lift(journey, holds)
    await calendar.until(5, 9, "Cases cleared for travel")
    await journey.gateway.each(journey.people.going, lambda each: clear(journey, each))


async def import_list(journey: Journey) -> None:
    """The caseworker's list, as a file."""
    path = journey.scenario.list
    answer = await journey.gateway.post(
        "caseworker",
        "/api/screening/imports",
        files={"file": (path.name, path.read_bytes())},
        data={"office": journey.scenario.office},
    )
    journey.rejected = answer["rejected"]
    by_row = {each["row"]: each for each in answer["cases"]}
    for traveller in journey.people:
        if traveller.row in by_row:
            traveller.case_id = by_row[traveller.row]["case_id"]
        else:
            traveller.ended = True
    journey.suspected = {
        each["case_id"]: each["suspected_duplicates"] for each in answer["cases"] if each["suspected_duplicates"]
    }


async def decide_duplicates(journey: Journey) -> None:
    """Everybody who was suspected is looked at: one person, or two of the same name."""
    same = {frozenset(journey.people[each].case_id for each in pair) for pair in journey.parts.same_person}
    for case_id, others in journey.suspected.items():
        for other in others:
            is_same = frozenset((case_id, other)) in same
            reason = "The same person, met again in another centre" if is_same else "Two people, seen together"
            answer = await journey.gateway.post(
                # Not who has registered them.
                "protection",
                f"/api/screening/cases/{case_id}/duplicates/{other}",
                {"same_person": is_same, "reason": reason},
            )
            if is_same:
                kept = answer["merged_into"]
                for each in journey.people:
                    each.ended = each.ended or (each.case_id in (case_id, other) and each.case_id != kept)


async def assess(journey: Journey, traveller: Traveller) -> None:
    """The vulnerability screening."""
    medical = traveller.reference in journey.parts.medical
    operational = "operational" if traveller.unaccompanied else "none"
    body = {
        "band": _band(journey, traveller),
        "assistance": _assistance(journey, traveller),
        "escort": "medical" if medical else operational,
        "unaccompanied": traveller.unaccompanied,
    }
    await journey.gateway.post("caseworker", f"/api/screening/cases/{traveller.case_id}/assessment", body)


async def declare(journey: Journey, traveller: Traveller) -> None:
    """The voluntary declaration; for a child a guardian or parent gives it."""
    child = traveller.is_child(journey.calendar.today)
    body: dict[str, Any] = {
        "place": traveller.place,
        "place_kind": traveller.place_kind,
        "language": journey.scenario.language,
        "interpreter": "Interpreter of the mobile team" if traveller.place_kind == "detention_centre" else None,
        "witness": "Counsellor of the mobile team",
        "alternatives_explained": True,
        "data_consent": True,
        "given_by": "guardian" if child else "self",
        "proxy_reason": "A child, whose guardian declares" if child else None,
    }
    await journey.gateway.post("caseworker", f"/api/screening/cases/{traveller.case_id}/declaration", body)


async def protect(journey: Journey) -> dict[str, str]:
    """Holds are placed, and the best interests of children without parents decided; the holds by case."""
    holds = {}
    for traveller in journey.people.named(journey.parts.held):
        body = {"kind": "international_protection", "note": "Referred for an interview on international protection"}
        answer = await journey.gateway.post("protection", f"/api/screening/cases/{traveller.case_id}/holds", body)
        holds[traveller.case_id] = answer["hold_id"]
    for traveller in (each for each in journey.people.going if each.unaccompanied):
        decision = {"decision": "positive", "family_traced": True, "receiver": "The child's aunt"}
        await journey.gateway.post("protection", f"/api/screening/cases/{traveller.case_id}/best-interests", decision)
    return holds


async def lift(journey: Journey, holds: dict[str, str]) -> None:
    """The interviews have ended: nobody needs international protection."""
    for case_id, hold_id in holds.items():
        body = {"outcome": "No need of international protection was found; the person confirmed the wish to return"}
        await journey.gateway.post("protection", f"/api/screening/cases/{case_id}/holds/{hold_id}/lift", body)


async def examine(journey: Journey, traveller: Traveller) -> None:
    """A fit-to-travel examination."""
    medical = traveller.reference in journey.parts.medical
    body = {
        "outcome": "fit_with_assistance" if medical else "fit",
        "assistance": _assistance(journey, traveller),
        "escort": "medical" if medical else "none",
    }
    await journey.gateway.post("medical", f"/api/screening/cases/{traveller.case_id}/fitness", body)


async def clear(journey: Journey, traveller: Traveller) -> None:
    """All gates of screening are met."""
    await journey.gateway.post("caseworker", f"/api/screening/cases/{traveller.case_id}/clearance")


async def withdraw(journey: Journey, traveller: Traveller, reason: str) -> None:
    """The person decides to stay and says so at the office."""
    body = {"place": "Tripoli office", "reason": reason}
    await journey.gateway.post("caseworker", f"/api/screening/cases/{traveller.case_id}/consent/withdrawal", body)
    traveller.ended = True


def _band(journey: Journey, traveller: Traveller) -> int:
    if traveller.unaccompanied or traveller.reference in journey.parts.medical:
        return 1
    if traveller.household:
        return 2
    return 3 if traveller.place_kind == "detention_centre" or traveller.sex == "female" else 4


def _assistance(journey: Journey, traveller: Traveller) -> list[str]:
    medical = journey.parts.medical
    if traveller.reference in medical:
        return _ASSISTANCE[medical.index(traveller.reference) % len(_ASSISTANCE)]
    return ["MAAS"] if traveller.unaccompanied else []
