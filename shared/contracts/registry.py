"""Every published type with its JSON Schema and its golden example, and what would break those who read it."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from shared.contracts import monitoring, reintegration, screening, travel
from shared.contracts.envelope import REGISTRY, Contract

#: Each producer's module: a type belongs to the source of the module that declares it.
PRODUCERS = (screening, travel, reintegration, monitoring)
SCHEMAS = Path(__file__).parent / "schemas"
EXAMPLES = Path(__file__).parent / "examples"

Schema = dict[str, Any]

#: These say nothing about what a value may be.
_REMARKS = frozenset({"title", "description", "examples", "default", "$id", "$schema", "$defs", "deprecated"})


class BreakingChange(Exception):
    """A published schema would change so that those who read it could no longer; make a new type (.v2) instead."""


def types() -> dict[str, type[Contract]]:
    """Every type that a producer publishes."""
    modules = {module.__name__ for module in PRODUCERS}
    return {name: contract for name, contract in sorted(REGISTRY.items()) if contract.__module__ in modules}


def source_of(contract: type[Contract]) -> str:
    """Who publishes the type."""
    return next(str(module.SOURCE) for module in PRODUCERS if module.__name__ == contract.__module__)


def schema_of(contract: type[Contract]) -> Schema:
    """The JSON Schema of the data."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": f"/schemas/{contract.type}.json"}
    return head | contract.model_json_schema()


def build(schemas: Path = SCHEMAS) -> list[str]:
    """Write the schemas that are not current; their types. Raises BreakingChange and then writes none."""
    published = read_folder(schemas)
    if breaks := list(breaking_changes(published)):
        raise BreakingChange("\n".join(breaks))
    current = {name: schema_of(contract) for name, contract in types().items()}
    stale = [name for name, schema in current.items() if published.get(name) != schema]
    schemas.mkdir(exist_ok=True)
    for name in stale:
        text = json.dumps(current[name], indent=2, ensure_ascii=False)
        (schemas / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    return stale


def check(
    schemas: Path = SCHEMAS, examples: Path = EXAMPLES, published: Mapping[str, Schema] | None = None
) -> list[str]:
    """What is wrong with the contracts, as sentences. ``published`` are the schemas that readers have, if not these."""
    written = read_folder(schemas)
    found = [
        f"{name}: its schema is not current; run: homeward contracts build"
        for name, contract in types().items()
        if written.get(name) != schema_of(contract)
    ]
    found += breaking_changes(written if published is None else published)
    given = read_folder(examples)
    return [*found, *_bad_examples(given), *_bad_successions(given)]


def breaking_changes(published: Mapping[str, Schema]) -> Iterator[str]:
    """What would break those who read the published types, or the logs that hold them."""
    known = types()
    for name, old in sorted(published.items()):
        if name not in known:
            yield f"{name}: the type is gone, but logs and readers have it"
        else:
            yield from (f"{name}: {problem}" for problem in compare(old, schema_of(known[name])))


def compare(old: Schema, new: Schema) -> Iterator[str]:
    """What the old schema's readers could not read of what the new one allows, or the other way round."""
    return _compare(_resolved(old, old), _resolved(new, new), "")


def plain(schema: Schema) -> Schema:
    """The schema without references and remarks."""
    resolved: Schema = _resolved(schema, schema)
    return resolved


def read_folder(folder: Path) -> dict[str, Any]:
    """The JSON files of a folder, by type."""
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))}


def _compare(old: Any, new: Any, at: str) -> Iterator[str]:
    """Properties may be added as long as they may be missing; anything else must stay."""
    if not (isinstance(old, dict) and isinstance(new, dict) and "properties" in old and "properties" in new):
        yield from _compare_values(old, new, at)
        return
    before, after = old["properties"], new["properties"]
    for name in before:
        if name not in after:
            yield f"{at}{name} was removed or renamed"
        else:
            yield from _compare(before[name], after[name], f"{at}{name}.")
    required_before, required = set(old.get("required", ())), set(new.get("required", ()))
    yield from (
        f"{at}{name} is new and required, but events without it are in the logs"
        for name in sorted(required - required_before)
    )
    lost = sorted((required_before - required) & set(after))
    yield from (f"{at}{name} may be missing now, but readers count on it" for name in lost)


def _compare_values(old: Any, new: Any, at: str) -> Iterator[str]:
    if isinstance(old, dict) and isinstance(new, dict) and "items" in old and "items" in new:
        yield from _compare(old["items"], new["items"], f"{at[:-1]}[].")
        old, new = ({key: value for key, value in each.items() if key != "items"} for each in (old, new))
    if old == new:
        return
    if isinstance(old, dict) and isinstance(new, dict) and set(old.get("enum", ())) < set(new.get("enum", ())):
        words = ", ".join(str(each) for each in new["enum"] if each not in old["enum"])
        yield f"{at[:-1]} may be {words} now, which a build that knows the old words alone takes for an error"
    else:
        yield f"{at[:-1]} is another kind of value: {json.dumps(old)} became {json.dumps(new)}"


def _resolved(node: Any, root: Schema) -> Any:
    """The schema without references and remarks."""
    if isinstance(node, list):
        return [_resolved(each, root) for each in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return _resolved(root["$defs"][node["$ref"].rsplit("/", 1)[-1]], root)
    return {
        key: {name: _resolved(each, root) for name, each in value.items()}
        if key == "properties"
        else value
        if key in ("enum", "const", "required")
        else _resolved(value, root)
        for key, value in node.items()
        if key not in _REMARKS
    }


def _bad_examples(examples: Mapping[str, Any]) -> Iterator[str]:
    known = types()
    for name, contract in known.items():
        if name not in examples:
            yield f"{name}: there is no example"
        else:
            yield from (f"{name}: example: {problem}" for problem in _faults(contract, examples[name]))
    yield from (f"{name}: an example of a type that is not known" for name in sorted(examples.keys() - known.keys()))


def _bad_successions(examples: Mapping[str, Any]) -> Iterator[str]:
    """An older type's example must become the newer one's data, and where it can come back, come back the same."""
    for name, contract in types().items():
        if contract.replaces and contract.replaces.type in examples:
            older = contract.replaces.model_validate(examples[contract.replaces.type].get("data"))
            try:
                newer = contract.upcast(older)
            except (ValidationError, LookupError, TypeError, ValueError) as error:
                yield f"{name}: the example of {older.type} does not become one: {type(error).__name__}"
            else:
                if "downcast" in vars(contract) and newer.downcast() != older:
                    yield f"{name}: agencies that have agreed on {older.type} would be told another"


def _faults(contract: type[Contract], example: Any) -> Iterator[str]:
    expected = {
        "type": contract.type,
        "source": source_of(contract),
        "dataschema": f"/schemas/{contract.type}.json",
        "specversion": "1.0",
    }
    for attribute, value in expected.items():
        if example.get(attribute) != value:
            yield f"its {attribute} is not {value}"
    try:
        data = contract.model_validate_json(json.dumps(example.get("data")), strict=True)
    except ValidationError as error:
        yield from (f"data.{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
    else:
        yield from (f"data.{name} is not part of the type" for name in _strangers(data, example["data"]))


def _strangers(data: BaseModel, given: Mapping[str, Any]) -> list[str]:
    return sorted(given.keys() - type(data).model_fields.keys())
