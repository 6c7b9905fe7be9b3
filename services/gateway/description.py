"""One OpenAPI document for the whole suite: the gateway's own routes and those of each service below its prefix."""

import asyncio
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
from fastapi import APIRouter, Depends, FastAPI, Request

from services.gateway.clients import PATIENCE, SERVICES, Neighbours
from services.gateway.passing import HIDDEN, INTERNAL
from shared.web.access import open_to_all
from shared.web.description import problems

router = APIRouter(include_in_schema=False)

#: Seconds for which a service's description is kept: it changes with its build only.
KEPT = 60.0
_COMPONENTS = "#/components/"

Document = dict[str, Any]


@router.get("/openapi.json", dependencies=[Depends(open_to_all)])
async def openapi(request: Request) -> Document:
    """Every route that the gateway serves; ``x-gaps`` names the services whose part is not known now."""
    description: Description = request.app.state.description
    return await description.document(request.app)


@dataclass
class Description:
    """Fetches the services' documents and keeps them for a while; ``app.state.description``."""

    neighbours: Neighbours
    _kept: dict[str, tuple[float, Document]] = field(default_factory=dict)

    async def document(self, app: FastAPI) -> Document:
        """The merged document. A service that is down is named; what is known of it from before is still there."""
        answers = await asyncio.gather(*(self._fetch(service) for service in SERVICES))
        documents = {service: kept[1] for service in SERVICES if (kept := self._kept.get(service))}
        gaps = [service for service, answered in zip(SERVICES, answers, strict=True) if not answered]
        return merge(app.openapi(), documents) | {"x-gaps": gaps}

    async def _fetch(self, service: str) -> bool:
        kept = self._kept.get(service)
        if kept and time.monotonic() - kept[0] < KEPT:
            return True
        try:
            async with asyncio.timeout(PATIENCE):
                answer = (await self.neighbours.client(service).get("/openapi.json")).raise_for_status()
        except (httpx.HTTPError, TimeoutError):
            return False
        self._kept[service] = (time.monotonic(), answer.json())
        return True


def merge(own: Document, services: Mapping[str, Document]) -> Document:
    """One document; paths get the prefix ``/api/<service>`` and components the service's name, so that none clash."""
    paths = dict(_served(own.get("paths", {})))
    components = {kind: dict(each) for kind, each in own.get("components", {}).items()}
    for service, document in services.items():
        for path, item in _served(document.get("paths", {})):
            paths[f"/api/{service}{path}"] = _prefixed(item, service)
        for kind, each in document.get("components", {}).items():
            if kind == "securitySchemes":  # All have the one that the gateway has.
                continue
            renamed = {f"{service}_{name}": _prefixed(component, service) for name, component in each.items()}
            components.setdefault(kind, {}).update(renamed)
    return own | {"paths": {path: _rated(item) for path, item in paths.items()}, "components": components}


def _rated(item: Document) -> Document:
    """Whatever it is, it may be asked for too often."""
    too_often = problems(429)
    return {
        method: operation | {"responses": operation.get("responses", {}) | too_often}
        for method, operation in item.items()
    }


def _served(paths: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    internal = HIDDEN | INTERNAL.keys()
    return ((path, item) for path, item in paths.items() if path.split("/")[1] not in internal)


def _prefixed(node: Any, service: str) -> Any:
    match node:
        case dict():
            return {key: _member(key, value, service) for key, value in node.items()}
        case list():
            return [_prefixed(each, service) for each in node]
        case str() if node.startswith(_COMPONENTS):
            kind, _, name = node.removeprefix(_COMPONENTS).partition("/")
            return f"{_COMPONENTS}{kind}/{service}_{name}"
        case _:
            return node


def _member(key: str, value: Any, service: str) -> Any:
    if key == "operationId" and isinstance(value, str):
        return f"{service}_{value}"
    if key == "tags" and isinstance(value, list):
        return [service]
    return _prefixed(value, service)
