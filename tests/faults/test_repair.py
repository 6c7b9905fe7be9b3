"""The operator's repair of a run is seen red: an API that does nothing is no repair."""

from collections.abc import Sequence
from typing import Any, cast

import pytest

from tests.faults.desk import Desk, Outcome, Record
from tests.faults.planted import Planted
from tests.faults.repair import Unrepaired, repair

GROUP = {"service": "travel", "source": "/homeward/screening", "type": "some.type.v1"}
OURS, POISON = ({**GROUP, "cause": cause} for cause in ("Spoilt in spoiling.py:81", "BadData: it does not fit"))
SPOILT = Planted(spoilt=[("travel", "omar"), ("travel", "amina")])


class Operators:
    """In a desk's place: there are these groups, and each decision is about so many events."""

    def __init__(self, groups: Sequence[Any] = (OURS, POISON), events: int = 1, gaps: Sequence[str] = ()) -> None:
        self.groups, self.answer = groups, {"events": events, "gaps": list(gaps)}
        self.decided: list[tuple[str, dict[str, Any]]] = []

    async def read(self, role: str, path: str, **query: Any) -> Any:
        return {"groups": self.groups} if path.endswith("groups") else {"dead_letters": [{}] * len(Planted.consumers)}

    async def send(self, kind: str, role: str, path: str, body: dict[str, Any]) -> Record:
        self.decided.append((path.rsplit("/", 1)[-1], body))
        return Record(kind, {}, role, path, body, outcome=Outcome.ACKNOWLEDGED, status=200, answer=self.answer)


async def repaired(operators: Operators, planted: Planted) -> list[tuple[str, dict[str, Any]]]:
    await repair(cast(Desk, operators), planted)
    return operators.decided


async def test_spoilt_cases_are_replayed_by_case_and_by_cause_and_nothing_else_is() -> None:
    by_cause = {name: OURS[name] for name in ("source", "type", "cause")}
    assert await repaired(Operators(), SPOILT) == [
        ("replay", {"case": "omar"}),
        ("replay", {"services": ["travel"], **by_cause}),
    ]


async def test_a_poison_is_replayed_and_then_skipped_with_a_reason() -> None:
    (first, _), (second, skipped) = await repaired(Operators(groups=()), Planted(poisoned=["rotten"]))
    assert (first, second) == ("replay", "skip")
    assert skipped["count"] == len(Planted.consumers) and skipped["reason"]


@pytest.mark.parametrize("idle", [Operators(events=0), Operators(gaps=["travel"])])
async def test_a_decision_that_reached_no_event_or_not_every_service_is_no_repair(idle: Operators) -> None:
    with pytest.raises(Unrepaired):
        await repaired(idle, SPOILT)
