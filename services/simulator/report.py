"""What came of a charter, read back from the gateway."""

import asyncio
from collections import Counter
from dataclasses import dataclass
from typing import Any

from services.simulator.gateway import Gateway
from services.simulator.journey import Journey

_PAGE = 500
_LOG_PAGE = 1000
_DONE = "org.homeward.monitoring.follow-up-completed.v1"


@dataclass(frozen=True)
class Report:
    """The whole charter."""

    #: The stage of each row of the list that was taken, by its reference.
    cases: dict[str, str]
    #: How many cases there are, whatever their reference.
    case_count: int
    stages: dict[str, int]
    #: Why some are not at the end: stage and the timeline's last sentence, by reference.
    exceptions: dict[str, str]
    rejected: list[dict[str, Any]]
    manifest: dict[str, Any]
    funds: list[dict[str, Any]]
    visits: dict[str, int]
    accounting: dict[str, Any]


async def report(journey: Journey) -> Report:
    """Read everything back."""
    gateway = journey.gateway
    rows = await all_cases(gateway)
    listed = {each.case_id: each.reference for each in journey.people if each.case_id}
    stages = {listed[each["case_id"]]: each["stage"] for each in rows if each["case_id"] in listed}
    overdue, due = await asyncio.gather(_visits(journey, "overdue"), _visits(journey, "due"))
    manifest = await gateway.get(
        "movements", f"/api/travel/flights/{journey.flight_id}/manifest", purpose="travel-arrangement"
    )
    funds = (await gateway.get("finance", "/api/reintegration/funds"))["funds"]
    return Report(
        cases=dict(sorted(stages.items())),
        case_count=len(rows),
        stages=dict(sorted(Counter(stages.values()).items())),
        exceptions=await _exceptions(gateway, rows, listed),
        rejected=list(journey.rejected),
        manifest={"status": manifest["status"], "totals": manifest["totals"]},
        funds=funds,
        visits={"done": await _visits_done(gateway), "overdue": overdue, "to_come": due - overdue},
        accounting=await gateway.get("admin", "/api/accounting"),
    )


async def all_cases(gateway: Gateway) -> list[dict[str, Any]]:
    """Every case, page by page."""
    found: list[dict[str, Any]] = []
    after: dict[str, str] = {}
    while True:
        page = await gateway.get("manager", "/api/cases", purpose="supervision", limit=_PAGE, **after)
        found += page["cases"]
        if not page["next"]:
            return found
        after = {"after": page["next"]}


async def _exceptions(gateway: Gateway, rows: list[dict[str, Any]], listed: dict[str, str]) -> dict[str, str]:
    found = {}
    for row in rows:
        if row["stage"] != "closed" and row["case_id"] in listed:
            url = f"/api/cases/{row['case_id']}"
            case = await gateway.get("manager", url, purpose="supervision", parts=False)
            own = [each["text"] for each in case["timeline"] if each["subject"] == row["case_id"]]
            found[listed[row["case_id"]]] = own[-1]
    return dict(sorted(found.items()))


async def _visits(journey: Journey, state: str) -> int:
    today = journey.calendar.today.replace(year=journey.calendar.today.year + 1, day=1)
    asked = {"state": state, "before": today.isoformat(), "limit": 1000}
    answer = await journey.gateway.get("monitoring", "/api/monitoring/visits", purpose="monitoring", **asked)
    return len(answer["visits"])


async def _visits_done(gateway: Gateway) -> int:
    done: int = 0
    after: int = 0
    while True:
        page = await gateway.get("admin", "/api/monitoring/events", after=after, limit=_LOG_PAGE)
        done += sum(each["type"] == _DONE for each in page["events"])
        after = page["next"]
        if len(page["events"]) < _LOG_PAGE:
            return done
