"""The page of all settings, ``docs/settings.md``, from the classes that read them and their members' comments."""

import importlib
import inspect
import re
import types
import typing
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from services.cli.page import Page
from services.embedded import SERVICES
from shared.settings import ServiceSettings, Unit

_HEAD = """# Settings

<!-- Written by `homeward contracts build` from the services' settings. Do not edit. -->

A service reads its settings from the environment, each under the service's prefix: `HOMEWARD_TRAVEL_PORT`,
`HOMEWARD_GATEWAY_PORT`. The name with `_FILE` names a file that holds the value, as containers are given secrets:
`HOMEWARD_TRAVEL_DATABASE_URL_FILE=secrets/travel-database`. A secret that is given so is not in the environment, which
crash reports and others on the machine may show. Tables and lists are given as JSON, or a table member by member:
`HOMEWARD_TRAVEL_OIDC__ISSUER`. A service with a setting that it doesn't know, can't read or that contradicts another
says which, in one line for each, without its value or what a file holds, and ends with a code other than 0."""

_COLUMNS = ("| setting | type | default | meaning |", "|---|---|---|---|")

#: What is read elsewhere than in a service's settings: by name, by whom, and what it means.
OTHERS = (
    (
        "HOMEWARD_PROGRAMME",
        "services",
        "the file of the programme's policy, unless `PROGRAMME` of the service names one",
    ),
    ("HOMEWARD_DATA", "the command", "as `--data`"),
    ("HOMEWARD_URL", "the command", "as `--url`"),
    ("HOMEWARD_TOKEN", "the command", "as `--token`; **secret**"),
    ("HOMEWARD_NAME", "the command", "the account that signs in"),
    ("HOMEWARD_PASSWORD", "the command", "its password; **secret**"),
    ("HOMEWARD_CODE", "the command", "its second factor's code"),
    ("HOMEWARD_DEBUG", "the command", "set to see where an error comes from"),
    (
        "HOMEWARD_POSTGRES_URL",
        "tests, `homeward demo --distributed`",
        "a PostgreSQL whose user may create databases; **secret**",
    ),
    ("HOMEWARD_AMQP_URL", "tests, `homeward demo --distributed`", "a RabbitMQ; **secret**"),
    ("OTEL_…", "services", "OpenTelemetry's own variables for sampling and headers"),
)


def text() -> str:
    """The whole page."""
    lines = [_HEAD, "", "## Every service", "", *_table(ServiceSettings, ServiceSettings.model_fields)]
    nested = dict(_nested(ServiceSettings))
    for service in SERVICES:
        kind = importlib.import_module(f"services.{service}.settings").Settings
        own = {name: field for name, field in kind.model_fields.items() if name not in ServiceSettings.model_fields}
        if own:
            lines += ["", f"## Only {service}: `{kind.prefix()}…`", "", *_table(kind, own)]
            nested |= {name: model for name, model in _nested(kind) if name in own}
    for name, model in nested.items():
        lines += ["", f"## Members of `{name.upper()}`", "", *_table(model, model.model_fields)]
    lines += ["", "## Others", "", "| variable | read by | meaning |", "|---|---|---|"]
    lines += [f"| `{name}` | {reader} | {meaning} |" for name, reader, meaning in OTHERS]
    return "\n".join(lines) + "\n"


def _table(kind: type[BaseModel], fields: dict[str, FieldInfo]) -> Iterator[str]:
    yield from _COLUMNS
    told = comments(kind)
    for name, field in fields.items():
        secret = "**Secret.** " if _secret(field) else ""
        yield f"| `{name.upper()}` | {_type(field)} | {_default(field)} | {secret}{told.get(name, '')} |"


def comments(kind: type[BaseModel]) -> dict[str, str]:
    """By member: the comment above it, as a cell of a table."""
    found = re.findall(r"((?:^    #: ?.*\n)+)    (\w+): ", inspect.getsource(kind), re.MULTILINE)
    return {name: _cell(re.sub(r"^    #: ?", "", text, flags=re.MULTILINE)) for text, name in found}


def _cell(comment: str) -> str:
    return " ".join(comment.split()).replace("``", "`").replace("|", "\\|")


def _secret(field: FieldInfo) -> bool:
    return not field.repr or field.annotation is SecretStr


def _type(field: FieldInfo) -> str:
    unit = next((f", {each.name}" for each in field.metadata if isinstance(each, Unit)), "")
    return _named(field.annotation) + unit


def _named(kind: Any) -> str:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    match origin:
        case types.UnionType | typing.Union:
            return _named(next(each for each in arguments if each is not type(None)))
        case typing.Annotated:
            return _named(arguments[0])
        case _ if origin is Literal:
            return ", ".join(f"`{each}`" for each in arguments)
        case _ if origin in (tuple, frozenset):
            return f"JSON list of {_named(arguments[0])}"
        case _ if origin is dict:
            return "JSON table"
        case _:
            return _plain(kind)


def _plain(kind: Any) -> str:
    names = {str: "text", SecretStr: "text", int: "whole number", float: "number", bool: "true or false", Path: "path"}
    if kind in names:
        return names[kind]
    if issubclass(kind, StrEnum):
        return "role" if kind.__name__ == "Role" else kind.__name__
    return "JSON table" if issubclass(kind, BaseModel) else "time with its offset"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "needed"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if isinstance(value, (tuple, frozenset)):
        value = ", ".join(sorted(map(str, value)) if isinstance(value, frozenset) else value)
    return "" if value in (None, "", {}) else f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _nested(kind: type[BaseModel]) -> Iterator[tuple[str, type[BaseModel]]]:
    for name, field in kind.model_fields.items():
        for each in typing.get_args(field.annotation):
            if inspect.isclass(each) and issubclass(each, BaseModel):
                yield name, each


PAGE = Page(Path(__file__).parents[2] / "docs" / "settings.md", text)
