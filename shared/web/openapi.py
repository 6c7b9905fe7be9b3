"""The permission of each route in the OpenAPI document, as what its security takes."""

from typing import Any

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from shared.web.access import guards

_SCHEMES = {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}


def show_permissions(app: FastAPI) -> None:
    """Have the application's document tell them; its routes may still be added."""
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        return app.openapi_schema or _secured(app, plain())

    app.openapi = openapi  # type: ignore[method-assign]


def _secured(app: FastAPI, document: dict[str, Any]) -> dict[str, Any]:
    document.setdefault("components", {})["securitySchemes"] = _SCHEMES
    for route in iter_route_contexts(app.routes):
        item = document["paths"].get(route.path_format, {})
        for method in route.methods or ():
            if method.lower() in item:
                item[method.lower()]["security"] = [{"bearer": [each]} for each in guards(route) if each]
    return document
