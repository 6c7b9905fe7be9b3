"""A walk over every route of a service as everybody, and what it answers beside what the table of permissions says."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from shared.auth.permissions import Permission

#: Who walks: by name the token, if any, and what it permits.
Walkers = dict[str, tuple[str | None, frozenset[Permission]]]

_ID = "019c0000-0000-7000-8000-000000000001"
_FORMATS = {"uuid": _ID, "date": "2026-03-02", "date-time": "2026-03-02T08:00:00Z", "binary": "a,b"}
#: In a path: what has no format of its own.
_NAMES = {"{source}": "travel", "{service}": "travel", "{path:path}": "nowhere", "{name:path}": "icon.svg"}
_NUMBERS = ("{sequence}", "{id}", "{number}")


def routes_of(app: FastAPI) -> set[str]:
    """Everything that the application answers, as ``GET /path``."""
    methods = (
        (route.path, method) for route in iter_route_contexts(app.routes) for method in route.methods or ("ANY",)
    )
    return {f"{method} {path}" for path, method in methods if method != "HEAD"}


@dataclass
class Walk:
    """One service's routes, asked by everybody; ``bodies`` are for routes that the description doesn't tell of."""

    app: FastAPI
    table: Mapping[str, str | None]
    bodies: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    async def differences(self, walkers: Walkers) -> list[str]:
        """Routes that are not in the table or not there, and answers that differ from it."""
        found = [f"{route}: not in the table" for route in sorted(routes_of(self.app) - self.table.keys())]
        found += [f"{route}: is not there" for route in sorted(self.table.keys() - routes_of(self.app))]
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://walk", timeout=30) as client:
            for route, permission in self.table.items():
                request = self._request(route)
                for name, (token, permitted) in walkers.items():
                    # Pages send who isn't signed in elsewhere, but tell what they ask for by script that it may not.
                    headers = {"HX-Request": "true", "Idempotency-Key": str(uuid4())}
                    headers |= {"Authorization": f"Bearer {token}"} if token else {}
                    answer = await client.request(**request, headers=headers)
                    if _kind(answer.status_code) != (wanted := _wanted(permission, token, permitted)):
                        found.append(f"{route} as {name}: {answer.status_code}, not {wanted}")
        return found

    def _request(self, route: str) -> dict[str, Any]:
        method, path = route.split(" ")
        operation = self.app.openapi()["paths"].get(path, {}).get(method.lower(), {})
        schemas = self.app.openapi().get("components", {}).get("schemas", {})
        query = {
            each["name"]: example(each["schema"], schemas)
            for each in operation.get("parameters", [])
            if each["in"] == "query" and each["required"]
        }
        return {"method": method, "url": _filled(path), "params": query, **self._content(route, operation, schemas)}

    def _content(self, route: str, operation: Mapping[str, Any], schemas: Mapping[str, Any]) -> Mapping[str, Any]:
        if route in self.bodies:
            return self.bodies[route]
        for kind, content in operation.get("requestBody", {}).get("content", {}).items():
            body = example(content["schema"], schemas)
            if kind == "multipart/form-data":
                return {"files": {"file": ("list.csv", body.pop("file"))}, "data": body}
            return {"json": body}
        return {}


def _filled(path: str) -> str:
    segments = path.split("/")
    return "/".join(
        _NAMES.get(each, ("1" if each in _NUMBERS else _ID) if each.startswith("{") else each) for each in segments
    )


def _kind(status: int) -> str:
    return str(status) if status in (401, 403) else "let in"


def _wanted(permission: str | None, token: str | None, permitted: frozenset[Permission]) -> str:
    if permission is None:
        return "let in"
    if token is None:
        return "401"
    return "let in" if permission in permitted else "403"


def example(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Any:
    """Something that the schema allows."""
    match schema:
        case {"$ref": str(reference)}:
            return example(schemas[reference.rpartition("/")[2]], schemas)
        case {"examples": [first, *_]} | {"enum": [first, *_]} | {"anyOf": [first, *_]} | {"allOf": [first, *_]}:
            return example(first, schemas) if isinstance(first, dict) else first
        case {"type": "object"}:
            return {name: example(schema["properties"][name], schemas) for name in schema.get("required", [])}
        case {"type": "array"}:
            return [example(schema["items"], schemas) for _ in range(schema.get("minItems", 0))]
    return _plain(schema)


def _plain(schema: Mapping[str, Any]) -> Any:
    made: dict[str, Callable[[], Any]] = {
        "integer": lambda: schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1),
        "boolean": lambda: True,
        "string": lambda: _FORMATS.get(schema.get("format", "")) or _text(schema),
    }
    return made[schema["type"]]()


def _text(schema: Mapping[str, Any]) -> str:
    # Codes of countries are the only texts of two or three letters.
    return "PK" if schema.get("maxLength", 100) < 4 or "{2}" in schema.get("pattern", "") else "tripoli"


def failing(findings: list[str]) -> Iterator[str]:
    """The routes that differ, each once."""
    yield from dict.fromkeys(each.partition(":")[0].partition(" as ")[0] for each in findings)
