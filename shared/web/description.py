"""What each operation may answer besides what it is for: told in one place, for every route of every service."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from shared.auth.permissions import Permission
from shared.web.access import guards
from shared.web.limits import PROBES
from shared.web.problems import MEDIA_TYPE

Document = dict[str, Any]

BEARER = {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}
#: RFC 9457; a problem has members of its own besides, such as ``missing`` or ``roles``.
PROBLEM: Document = {
    "type": "object",
    "description": "What is wrong and what to do (RFC 9457).",
    "required": ["type", "title", "status", "detail", "instance"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "errors": {
            "type": "array",
            "description": "Where the request is wrong and how; never what it said.",
            "items": {
                "type": "object",
                "required": ["pointer", "detail"],
                "properties": {"pointer": {"type": "string"}, "detail": {"type": "string"}},
            },
        },
        "retry_after": {"type": "integer", "minimum": 1, "description": "Seconds, as in the header Retry-After"},
    },
}
#: FastAPI's own, which nobody is ever told.
_UNUSED = ("HTTPValidationError", "ValidationError")
_IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "The ETag of what is known already: 304 says that it still stands.",
    "schema": {"type": "string"},
}


def describe(app: FastAPI) -> None:
    """Have the application's OpenAPI document name each route's permission, its problems, and its ETags."""
    plain = app.openapi

    def described() -> Document:
        if app.openapi_schema is None:
            app.openapi_schema = _described(plain(), _guarded(app))
        return app.openapi_schema

    app.openapi = described  # type: ignore[method-assign]


def problems(*statuses: int) -> dict[int | str, Document]:
    """Responses that are problems."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {str(each): {"description": HTTPStatus(each).phrase, "content": content} for each in statuses}


def _guarded(app: FastAPI) -> dict[tuple[str, str], Permission]:
    """By path and method: the permission that it takes."""
    return {
        (route.path_format, method.lower()): permission
        for route in iter_route_contexts(app.routes)
        if route.endpoint is not None and route.path_format is not None
        for permission in guards(route)
        if permission
        for method in route.methods or ()
    }


def _described(document: Document, guarded: dict[tuple[str, str], Permission]) -> Document:
    for path, method, operation in operations(document):
        if path not in PROBES:
            _describe(operation, path, method, guarded.get((path, method)))
    components = document.setdefault("components", {})
    kept = {name: each for name, each in components.get("schemas", {}).items() if name not in _UNUSED}
    components["schemas"] = {**kept, "Problem": PROBLEM}
    components["securitySchemes"] = BEARER
    return document


def operations(document: Document) -> Iterator[tuple[str, str, Document]]:
    """Path, method and what is said of them."""
    for path, item in document.get("paths", {}).items():
        for method, operation in item.items():
            yield path, method, operation


def _describe(operation: Document, path: str, method: str, permission: Permission | None) -> None:
    told = problems(*_statuses(operation, path, method, guarded=permission is not None))
    responses = {status: each for status, each in operation["responses"].items() if status != "422"}
    operation["security"] = [{"bearer": [permission]}] if permission else []
    if method == "get" and "application/json" in responses.get("200", {}).get("content", {}):
        responses["304"] = {"description": "It is as the caller knows it"}
        operation["parameters"] = [*operation.get("parameters", ()), _IF_NONE_MATCH]
    operation["responses"] = {**told, **responses}


def _names_one(parameter: Document) -> bool:
    return bool(parameter.get("schema", {}).get("format") == "uuid")


def _statuses(operation: Document, path: str, method: str, *, guarded: bool) -> Iterator[int]:
    if guarded:
        yield 403
    if guarded or method == "post":
        # What is posted by who isn't signed in is a sign-in.
        yield 401
    if "{" in path or method == "post" or any(map(_names_one, operation.get("parameters", ()))):
        # An identifier in the path, the query or the body may be nobody's, or of somebody who was erased.
        yield from (404, 410)
    if method == "post":
        yield from (400, 409, 413)
    if operation.get("parameters") or method == "post":
        yield 422
    yield 503
