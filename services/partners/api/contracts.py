"""What an agency's developer reads before there is a key: the AsyncAPI document, the schemas and the page of events."""

import hashlib
from datetime import UTC, date, datetime, time
from email.utils import format_datetime
from typing import Any

import orjson
from fastapi import APIRouter, Depends, Request, Response

from services.partners.contracts import answers, asyncapi, guide
from services.partners.contracts.deprecations import CALENDAR, whole_type
from services.partners.contracts.schemas import schema_of, types
from shared.errors import NotFound
from shared.web.access import open_to_all

router = APIRouter(dependencies=[Depends(open_to_all)], include_in_schema=False)

#: They change with the build alone, and deprecations are told months before.
_KEPT = "public, max-age=3600"
_PAGE_POLICY = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


@router.get("/asyncapi.json")
async def show_asyncapi(request: Request) -> Response:
    """Every event that an agency may get, and by which ways."""
    return _kept(request, orjson.dumps(asyncapi.document(_base(request))), "application/json")


@router.get("/schemas/{type}.json")
async def show_schema(request: Request, type: str) -> Response:
    """What an agency may get in the data of a type, or may send."""
    schema = _schema(type)
    body = orjson.dumps(schema | {"$id": f"{_base(request)}{schema['$id']}"})
    return _kept(request, body, "application/schema+json", **_going(type))


@router.get("/events-guide")
async def show_guide(request: Request) -> Response:
    """All events with examples, for people."""
    page = guide.page(_base(request)).encode()
    return _kept(request, page, "text/html; charset=utf-8", **{"Content-Security-Policy": _PAGE_POLICY})


@router.get("/events-guide.css")
async def show_style(request: Request) -> Response:
    """The page's style."""
    return _kept(request, guide.style(), "text/css; charset=utf-8")


def _schema(type: str) -> dict[str, Any]:
    if type in types():
        return schema_of(type)
    if type in answers.TYPES:
        return answers.schema_of(type)
    raise NotFound("No event of this type is offered, and no answer of this type is taken.")


def _base(request: Request) -> str:
    return str(request.app.state.service.settings.public_url).rstrip("/")


def _kept(request: Request, body: bytes, media_type: str, **more: str) -> Response:
    """With its ETag; 304 for who has it."""
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": _KEPT, **more}
    had = {each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")}
    if had & {tag, "*"}:
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type=media_type)


def _going(type: str) -> dict[str, Any]:
    """RFC 9745 and RFC 8594: since when the type is deprecated, and when it goes."""
    found = whole_type(type, CALENDAR)
    if found is None:
        return {}
    return {
        "Deprecation": f"@{int(_midnight(found.deprecated_on).timestamp())}",
        "Sunset": format_datetime(_midnight(found.removed_on), usegmt=True),
    }


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
