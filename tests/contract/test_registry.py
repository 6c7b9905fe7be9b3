"""The published contracts: schemas current, examples valid, readers not broken. Each guard is seen to fail once."""

import copy
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from shared.contracts import registry, screening
from shared.contracts.envelope import GENESIS, Contract
from shared.messaging.codec import decode
from tests.support import builds

BOOKED = "org.homeward.travel.seat-booked.v1"
GATES = "org.homeward.travel.gates-evaluated.v1"
VISITS = "org.homeward.monitoring.follow-ups-scheduled.v1"


@pytest.fixture
def published() -> dict[str, Any]:
    return registry.read_folder(registry.SCHEMAS)


def test_the_committed_schemas_and_examples_are_in_order() -> None:
    assert registry.check() == []


def test_every_example_is_an_event_that_the_bus_can_carry_and_its_hashes_chain() -> None:
    events = [decode(path.read_bytes()) for path in registry.EXAMPLES.glob("*.json")]
    by_place = {(event.source, event.subject, event.sequence): event for event in events}
    assert len(by_place) == len(registry.types())
    for (source, subject, sequence), event in by_place.items():
        before = GENESIS if sequence == 1 else by_place[source, subject, sequence - 1].hash
        assert event.prevhash == before, event.type


def test_a_schema_that_is_not_current_is_found(tmp_path: Path) -> None:
    schemas = _copy(registry.SCHEMAS, tmp_path / "schemas")
    _change(schemas / f"{BOOKED}.json", lambda schema: schema.update(description="Something else."))
    [problem] = registry.check(schemas)
    assert problem == f"{BOOKED}: its schema is not current; run: homeward contracts build"
    assert registry.build(schemas) == [BOOKED]
    assert registry.check(schemas) == []


def test_a_type_without_an_example_is_found(tmp_path: Path) -> None:
    examples = _copy(registry.EXAMPLES, tmp_path / "examples")
    (examples / f"{BOOKED}.json").unlink()
    assert registry.check(examples=examples) == [f"{BOOKED}: there is no example"]


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ({"provisional": "perhaps"}, "data.provisional: Input should be a valid boolean"),
        ({"name": "Somebody"}, "data.name is not part of the type"),
    ],
)
def test_an_example_that_does_not_fit_its_type_is_found(tmp_path: Path, data: dict[str, Any], problem: str) -> None:
    examples = _copy(registry.EXAMPLES, tmp_path / "examples")
    _change(examples / f"{BOOKED}.json", lambda example: example["data"].update(data))
    assert registry.check(examples=examples) == [f"{BOOKED}: example: {problem}"]


def test_an_example_of_another_source_is_found(tmp_path: Path) -> None:
    examples = _copy(registry.EXAMPLES, tmp_path / "examples")
    _change(examples / f"{BOOKED}.json", lambda example: example.update(source="/homeward/screening"))
    assert registry.check(examples=examples) == [f"{BOOKED}: example: its source is not /homeward/travel"]


def _removed(schemas: dict[str, Any]) -> None:
    schemas[BOOKED]["properties"]["berth"] = {"type": "string"}


def _retyped(schemas: dict[str, Any]) -> None:
    schemas[BOOKED]["properties"]["provisional"] = {"type": "string"}


def _newly_required(schemas: dict[str, Any]) -> None:
    del schemas[BOOKED]["properties"]["escorted"]
    schemas[BOOKED]["required"].remove("escorted")


def _fewer_words(schemas: dict[str, Any]) -> None:
    schemas[GATES]["$defs"]["Gate"]["enum"].remove("seat")


def _inside_a_list(schemas: dict[str, Any]) -> None:
    schemas[VISITS]["$defs"]["Visit"]["properties"]["place"] = {"type": "string"}


def _gone(schemas: dict[str, Any]) -> None:
    schemas["org.homeward.travel.upgraded.v1"] = copy.deepcopy(schemas[BOOKED])


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (_removed, f"{BOOKED}: berth was removed or renamed"),
        (_retyped, f"{BOOKED}: provisional is another kind of value"),
        (_newly_required, f"{BOOKED}: escorted is new and required, but events without it are in the logs"),
        (_fewer_words, f"{GATES}: met[] may be seat now, which a build that knows the old words alone takes"),
        (_inside_a_list, f"{VISITS}: visits[].place was removed or renamed"),
        (_gone, "org.homeward.travel.upgraded.v1: the type is gone, but logs and readers have it"),
    ],
)
def test_what_would_break_readers_is_found(published: dict[str, Any], change: Any, problem: str) -> None:
    change(published)
    found = list(registry.breaking_changes(published))
    assert found
    assert found[0].startswith(problem)


def test_a_new_type_breaks_nobody(published: dict[str, Any]) -> None:
    del published[VISITS]
    assert list(registry.breaking_changes(published)) == []


def test_a_new_property_that_may_be_missing_breaks_nobody_but_one_that_readers_count_on_must_stay() -> None:
    old = {"properties": {"a": {"type": "string"}}, "required": ["a"]}
    more = {"properties": {"a": {"type": "string"}, "b": {"type": "string"}}, "required": ["a"]}
    assert list(registry.compare(old, more)) == []
    less = {"properties": {"a": {"type": "string"}}, "required": []}
    assert list(registry.compare(old, less)) == ["a may be missing now, but readers count on it"]


def test_a_breaking_change_is_not_built(tmp_path: Path) -> None:
    schemas = _copy(registry.SCHEMAS, tmp_path / "schemas")
    _change(schemas / f"{BOOKED}.json", lambda schema: schema["properties"].update(berth={"type": "string"}))
    before = (schemas / f"{BOOKED}.json").read_text()
    with pytest.raises(registry.BreakingChange, match="berth was removed or renamed"):
        registry.build(schemas)
    assert (schemas / f"{BOOKED}.json").read_text() == before


def test_what_an_older_type_becomes_is_tried_with_its_example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    examples = _copy(registry.EXAMPLES, tmp_path / "examples")
    with builds.registered():
        for contract, data in _BAGS.items():
            monkeypatch.setattr(contract, "__module__", screening.__name__)
            golden = json.loads((examples / f"{screening.CaseDeclined.type}.json").read_text())
            golden |= {"type": contract.type, "dataschema": f"/schemas/{contract.type}.json", "data": data}
            (examples / f"{contract.type}.json").write_text(json.dumps(golden))
        schemas = _copy(registry.SCHEMAS, tmp_path / "schemas")
        registry.build(schemas)
        assert registry.check(schemas, examples) == []
        monkeypatch.setattr(builds.BagHeld, "downcast", lambda _: builds.BagHeld2(grams=1, cause="weight"))
        [told] = registry.check(schemas, examples)
        monkeypatch.setattr(builds.BagHeld2, "upcast", lambda _: json.loads("{"))
        [problem, _] = registry.check(schemas, examples)
    assert told == f"{builds.BagHeld.type}: agencies that have agreed on {builds.BagHeld2.type} would be told another"
    assert (
        problem == f"{builds.BagHeld2.type}: the example of {builds.BagHeld1.type} does not become one: JSONDecodeError"
    )


_BAGS: dict[type[Contract], dict[str, Any]] = {
    builds.BagHeld1: {"kilograms": 2},
    builds.BagHeld2: {"grams": 2000, "cause": "weight"},
    builds.BagHeld: {"grams": 2000, "cause": "content"},
    builds.BagReturned: {},
}


def _copy(folder: Path, to: Path) -> Path:
    return Path(shutil.copytree(folder, to))


def _change(path: Path, change: Any) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
