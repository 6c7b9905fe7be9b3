"""Which routes may answer personal data and write nothing down, by the members of their answers."""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.routing import RouteContext, iter_route_contexts
from pydantic import TypeAdapter

from shared.web.commands import PERSONAL, Command

#: What no event may carry: who somebody is, and what people wrote about somebody.
WORDS = frozenset({"given_name", "family_name", "name", "date_of_birth", "sex", "nationality", "phone", "identity"}) | {
    *("document_numbers", "document_number", "likeness", "note", "notes", "reason", "reasons", "description"),
    *("answers", "findings", "proof_reference", "declaration", "assessment", "fitness"),
}
#: An answer without a model may hold anything.
ANYTHING = "anything"


def unaudited(app: FastAPI) -> dict[str, set[str]]:
    """Routes that are neither commands nor personal reads, with the members that speak of persons."""
    return {
        f"{method} {route.path}": words
        for route in iter_route_contexts(app.routes)
        if route.endpoint is not None and not _audited(route) and (words := set(_members(route)) & (WORDS | {ANYTHING}))
        for method in route.methods or ()
    }


def reads(app: FastAPI) -> dict[str, bool]:
    """The routes that are no commands, and whether what they tell is told for a purpose and written down."""
    return {
        f"{method} {route.path}": _personal(route)
        for route in iter_route_contexts(app.routes)
        if route.endpoint is not None and not _commands(route)
        for method in (route.methods or set()) - {"HEAD"}
    }


def _audited(route: RouteContext) -> bool:
    return _personal(route) or _commands(route)


def _personal(route: RouteContext) -> bool:
    return any(getattr(call, PERSONAL, False) for call in _calls(route))


def _commands(route: RouteContext) -> bool:
    return any(_returned(call) == Command[Any] for call in _calls(route))


def _returned(call: Any) -> Any:
    return getattr(call, "__annotations__", {}).get("return")


def _calls(route: RouteContext) -> Iterator[Any]:
    waiting = [getattr(route, "dependant", None)]
    while waiting:
        if (dependant := waiting.pop()) is not None:
            yield dependant.call
            waiting += dependant.dependencies


def _members(route: RouteContext) -> Iterator[str]:
    model = getattr(route, "response_model", None)
    if model is None:
        yield ANYTHING
        return
    waiting: list[Any] = [TypeAdapter(model).json_schema(mode="serialization")]
    while waiting:
        match waiting.pop():
            case dict() as node:
                properties = node.get("properties")
                yield from properties if isinstance(properties, dict) else ()
                if node.get("additionalProperties") is True or not node:
                    yield ANYTHING
                waiting += node.values()
            case list() as nodes:
                waiting += nodes
