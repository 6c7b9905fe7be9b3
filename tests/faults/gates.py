"""Evaluations of gates: how many there are depends on how events meet, so they have bounds, and the last must be what
travel knows in the end. Pure.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from shared.contracts import screening, travel
from shared.contracts.envelope import Event
from tests.faults.history import GATES
from tests.faults.model import World

_TOLD = ("on", "met", "missing", "lapsing")


def wrong_gates(
    made: World, events: Mapping[str, Sequence[Event]], cases: Mapping[str, Mapping[str, Any]]
) -> Iterator[str]:
    """Of every case of the model; ``cases`` are travel's states."""
    evaluations: dict[str, list[Event]] = {}
    for event in events.get(travel.SOURCE, ()):
        if event.type == GATES:
            evaluations.setdefault(event.subject, []).append(event)
    yield from (
        f"gates of {each}, a case of nobody's, were evaluated" for each in sorted(evaluations.keys() - made.cases)
    )
    causes = _causes(made, events)
    for case_id in made.cases:
        own = evaluations.get(case_id, [])
        if not 1 <= len(own) <= causes[case_id]:
            yield f"gates of {case_id} were evaluated {len(own)} times, with {causes[case_id]} causes"
        known = cases.get(case_id, {}).get("gates")
        if own and known and (last := _content(json.loads(own[-1].data))) != _content(known):
            yield f"gates of {case_id} were last told to be {last}, and travel knows {_content(known)}"


def _content(evaluation: Mapping[str, Any]) -> list[Any]:
    return [evaluation[name] for name in _TOLD]


def _causes(made: World, events: Mapping[str, Sequence[Event]]) -> Counter[str]:
    """By case: what may have had its gates evaluated, each once at most. That is what screening has told of its family,
    how it was put together, and what travel has told of it for another reason.
    """
    told = Counter(event.subject for event in events.get(screening.SOURCE, ()))
    told.update(event.subject for event in events.get(travel.SOURCE, ()) if event.type != GATES)
    stated = screening.HouseholdChanged.type
    for event in events.get(screening.SOURCE, ()):
        if event.type == stated:
            told.update(json.loads(event.data)["case_ids"][:1])
    return Counter({case_id: sum(told[each] for each in case.family) for case_id, case in made.cases.items()})
