"""Every route of every service, asked about one family: a new route is asked too, or the walk says what it lacks."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
from fastapi.routing import iter_route_contexts

from shared.ids import new_id
from tests.integration.gateway.suite import Suite
from tests.integration.offices.journey import Family

#: What it answers has no end: it has a test of its own.
ENDLESS = "/api/stream"
#: These are walked as the routes of the services behind them.
_PASSED_ON = "/api/{service}/{path:path}"
#: Of what belongs to no office, and isn't there.
_OF_NOBODY = str(new_id())
#: What a read may be asked for; a route takes what it knows.
_QUERY = {"limit": "100", "names": "true", "parts": "true", "before": "2099-12-31", "state": "due"} | {
    "subscription": _OF_NOBODY,
    "agreement": _OF_NOBODY,
}


#: An officer with every role may claim it.
PURPOSE = "supervision"


@dataclass(frozen=True)
class Request:
    """One request about a family."""

    service: str
    method: str
    route: str
    path: str
    query: dict[str, str]
    body: dict[str, Any]

    async def send(self, suite: Suite, user: httpx.AsyncClient, *, through_gateway: bool) -> httpx.Response:
        """Ask the service itself, or the gateway to pass it on."""
        passed = through_gateway and self.service != "gateway"
        app = "gateway" if passed else self.service
        shown = await suite.shown_to(app, user)
        headers = {"Authorization": f"Bearer {shown}", "Purpose": PURPOSE, **suite.idempotency()}
        async with suite.client(app) as client:
            path = f"/api/{self.service}{self.path}" if passed else self.path
            return await client.request(self.method, path, params=self.query, headers=headers, **self.body)

    def __str__(self) -> str:
        return f"{self.method} {self.service} {self.path} {self.query}"


class Lacking(AssertionError):
    """A route takes something for which the walk has no value: give it one in tests/integration/offices/walk.py."""


def requests(suite: Suite, family: Family, *methods: str, q: str | None = None) -> Iterator[Request]:
    """A request for each route with one of these methods, in each way in which it names what it is about."""
    for service, app in suite.apps.items():
        schema = app.openapi()
        for route in iter_route_contexts(app.routes):
            path = str(route.path)
            if path in (ENDLESS, _PASSED_ON):
                continue
            for method in sorted(set(methods) & set(route.methods or ())):
                made = schema["paths"].get(re.sub(r":path}", "}", path), {}).get(method.lower(), {})
                query = _QUERY | _states(made, schema) | ({"q": q} if q or _needs(made, "q") else {})
                body = body_of(path, made, schema, family)
                for filled in paths(path, family):
                    yield Request(service, method, path, filled, _set(query, family), body)


def _states(operation: dict[str, Any], schema: dict[str, Any]) -> dict[str, str]:
    """A state that the route knows, where these have names of their own."""
    for each in operation.get("parameters", ()):
        if each["name"] == "state" and "$ref" in each["schema"]:
            return {"state": schema["components"]["schemas"][each["schema"]["$ref"].rpartition("/")[2]]["enum"][0]}
    return {}


def _needs(operation: dict[str, Any], name: str) -> bool:
    return any(each["name"] == name and each.get("required") for each in operation.get("parameters", ()))


def _set(query: dict[str, str | None], family: Family) -> dict[str, str]:
    return {name: value or family.names[0] for name, value in query.items()}


def paths(path: str, family: Family) -> Iterator[str]:
    """The path about the family, by id and by reference."""
    ids = {
        "case_id": family.case_ids[0],
        "case": family.case_ids[0],
        "name": family.case_ids[0],
        "other_id": family.case_ids[1],
        "subject": family.case_ids[0],
        "household_id": family.household_id,
        "hold_id": family.hold_id,
        "flight_id": family.flight_id or str(new_id()),
        "fund_id": family.fund_id or str(new_id()),
        **dict.fromkeys(("agency_id", "agreement_id", "subscription_id", "key_id", "referral_id"), _OF_NOBODY),
        **dict.fromkeys(("answer_id", "own_id", "request_id"), _OF_NOBODY),
        "type": "org.homeward.travel.departed.v1",
        "source": "travel",
        "sequence": "1",
        "id": "1",
        "number": "1",
        "code": "month-1",
        "step": "pause",
        "deed": "resume",
        "path": "console.css",
    }
    names = re.findall(r"{(\w+)(?::\w+)?}", path)
    if unknown := set(names) - ids.keys():
        raise Lacking(f"{path}: {sorted(unknown)}")
    yield _filled(path, ids)
    if {"case", "name"} & set(names) and "/events/" not in path:
        yield _filled(path, ids | dict.fromkeys(("case", "name"), family.references[0]))


def _filled(path: str, ids: dict[str, str]) -> str:
    return re.sub(r"{(\w+)(?::\w+)?}", lambda found: ids[found[1]], path)


def body_of(path: str, operation: dict[str, Any], schema: dict[str, Any], family: Family) -> dict[str, Any]:
    """A body that the route takes, made from its schema."""
    content = operation.get("requestBody", {}).get("content", {})
    if path.endswith("/signed-copy"):
        return {"files": {"file": ("signed.pdf", b"%PDF-1.7")}}
    if "multipart/form-data" in content:
        return {"files": {"file": ("list.csv", b"given_name,family_name\n")}, "data": {"office": family.office}}
    if "application/x-www-form-urlencoded" in content:
        return {"data": {}}
    if "application/json" not in content:
        return {}
    return {"json": _value(content["application/json"]["schema"], schema, family, "")}


#: What can't be guessed from a schema, by the field's name.
_FIELDS: dict[str, Any] = {
    "nationality": "PK",
    "country": "PK",
    "countries": [],
    "types": [],
    "url": None,
    "carrier": "YL",
    "number": "6402",
    "origin": "MJI",
    "destination": "ISB",
    "country_of_origin": "PK",
    "currency": "EUR",
    "source": None,
    "type": None,
    "request_code": "homeward-request.nobody-s",
    "claim_code": "homeward-claim.nobody-s",
}


def _value(given: dict[str, Any], schema: dict[str, Any], family: Family, field: str) -> Any:
    if "$ref" in given:
        return _value(schema["components"]["schemas"][given["$ref"].rpartition("/")[2]], schema, family, field)
    if "anyOf" in given:
        return _value(given["anyOf"][0], schema, family, field)
    if field in _FIELDS and given.get("type") != "integer":
        return _FIELDS[field]
    if "enum" in given or "const" in given:
        return given.get("enum", [given.get("const")])[0]
    match given.get("type"):
        case "object":
            properties = given.get("properties", {})
            return {name: _value(each, schema, family, name) for name, each in properties.items()}
        case "array" if "prefixItems" in given:
            return [_value(each, schema, family, "") for each in given["prefixItems"]]
        case "array":
            return [_value(given["items"], schema, family, field.removesuffix("s"))]
        case "integer" | "number":
            return max(1, given.get("minimum", given.get("exclusiveMinimum", 0) + 1))
        case "boolean":
            return True
        case _:
            return _text(given, family, field)


def _text(given: dict[str, Any], family: Family, field: str) -> str:
    match given.get("format"), field:
        case "uuid", "flight_id":
            return family.flight_id
        case "uuid", "fund_id":
            return family.fund_id
        case "uuid", _:
            return family.case_ids[0]
        case "date", _:
            return "2026-01-01"
        case "date-time", _:
            return "2099-01-01T12:00:00Z"
        case _, "office":
            return family.office
        case _:
            return "Somebody says so"
