"""The table of events in ``docs/events.md``, from the contracts and from every service's handlers."""

import importlib
import types
import typing
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from services.cli.page import Page
from services.embedded import SERVICES
from shared.contracts import registry
from shared.contracts.envelope import Contract

#: Whose id the subject is, by how the type's own name begins; the case's for every other.
_SUBJECTS = {"household-": "household", "fund-": "fund", "flight-": "flight", "manifest-": "flight"}

_HEAD = """# Events

<!-- Written by `homeward contracts build` from shared/contracts and the services' HANDLERS. Do not edit. -->

Every event is a [CloudEvent](glossary.md) whose `type` is `org.homeward.<service>.<name>.v1` and whose `source` is
`/homeward/<service>`. Its data hold identifiers, states, dates and neutral codes, and no names, contacts, document
numbers or diagnoses. JSON Schemas are in [shared/contracts/schemas](../shared/contracts/schemas), one example of each
type in [shared/contracts/examples](../shared/contracts/examples). What an event goes through is told in
[architecture.md](architecture.md). *Handled by* names the services that react to it; the others that follow the source
pass it over."""


def text() -> str:
    """The whole page."""
    lines = [_HEAD]
    handled = _handlers()
    for producer in registry.PRODUCERS:
        name = producer.SOURCE.rsplit("/", 1)[-1]
        lines += ["", f"## {name.capitalize()}", "", "| event | what happened | subject | handled by | data |"]
        lines.append("|---|---|---|---|---|")
        contracts = [each for each in registry.types().values() if each.__module__ == producer.__name__]
        lines += [_row(contract, handled.get(contract.type, [])) for contract in contracts]
    return "\n".join([*lines, *_codes()]) + "\n"


def _handlers() -> dict[str, list[str]]:
    handled: dict[str, list[str]] = {}
    for service in SERVICES:
        for type in importlib.import_module(f"services.{service}.handlers").HANDLERS:
            handled.setdefault(type, []).append(service)
    return handled


def _row(contract: type[Contract], handled: list[str]) -> str:
    name = contract.type.split(".", 3)[-1]
    subject = next((each for begin, each in _SUBJECTS.items() if name.startswith(begin)), "case")
    what = " ".join((contract.__doc__ or "").split()).replace("``", "`")
    if contract.replaced_by:
        what += f" Replaced by `{contract.replaced_by.type.split('.', 3)[-1]}`: in logs alone."
    return f"| `{name}` | {what} | {subject} | {', '.join(handled)} | {_fields(contract)} |"


def _fields(model: type[BaseModel]) -> str:
    return "<br>".join(f"`{name}` {_kind(field.annotation)}" for name, field in model.model_fields.items())


def _kind(annotation: Any) -> str:
    arguments = typing.get_args(annotation)
    match typing.get_origin(annotation):
        case typing.Literal:
            return " \\| ".join(f"`{each}`" for each in arguments)
        case types.UnionType:
            return " or ".join("null" if each is types.NoneType else _kind(each) for each in arguments)
        case origin if origin is list:
            return f"list of {_kind(arguments[0])}"
    if issubclass(annotation, Enum):
        return f"[{annotation.__name__}](#{annotation.__name__.lower()})"
    if issubclass(annotation, BaseModel):
        return f"({', '.join(f'`{name}` {_kind(each.annotation)}' for name, each in annotation.model_fields.items())})"
    name: str = annotation.__name__
    return _PLAIN.get(name, name.lower())


_PLAIN = {"str": "text", "int": "integer", "bool": "true or false", "datetime": "time"}


def _codes() -> Iterator[str]:
    yield from ("", "## Codes")
    for code in sorted(set(_enums()), key=lambda each: each.__name__):
        what = " ".join((code.__doc__ or "").split())
        yield from ("", f"### {code.__name__}", "", what, "", ", ".join(f"`{each.value}`" for each in code))


def _enums() -> Iterator[type[Enum]]:
    for contract in registry.types().values():
        for field in contract.model_fields.values():
            for each in (field.annotation, *typing.get_args(field.annotation)):
                if isinstance(each, type) and issubclass(each, Enum):
                    yield each


PAGE = Page(Path(__file__).parents[2] / "docs" / "events.md", text)
