"""Requests for the services, passed on with the caller's token, and their answers passed back as they are."""

from typing import Annotated
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response

from services.gateway import break_glass
from services.gateway.clients import SERVICES, Neighbours
from shared.auth.permissions import Permission
from shared.auth.principal import Principal
from shared.auth.purposes import Purpose
from shared.errors import Forbidden, NotFound
from shared.web.access import access_token, require
from shared.web.emergency import case_ids_in, case_of
from shared.web.purpose import HEADER

router = APIRouter(prefix="/api", include_in_schema=False)

#: Who may use a service's internal routes from outside: the first segment of the path, per method. Others are hidden.
INTERNAL: dict[str, dict[str, Permission]] = {
    "audit": {"GET": Permission.AUDIT_READ, "POST": Permission.AUDIT_READ},
    "events": {"GET": Permission.EVENTS_VERIFY, "POST": Permission.EVENTS_VERIFY},
    "positions": {"GET": Permission.SUITE_READ},
    "lag": {"GET": Permission.REPAIR_READ},
    "dead-letters": {"GET": Permission.REPAIR_READ, "POST": Permission.REPAIR_DECIDE},
    "unreadable": {"GET": Permission.REPAIR_READ, "POST": Permission.REPAIR_DECIDE},
    "keys": {"GET": Permission.KEYS_READ, "POST": Permission.KEYS_WRAP},
    "restoration": {"GET": Permission.EVENTS_VERIFY, "POST": Permission.REPAIR_DECIDE},
    "replay": {"GET": Permission.REPAIR_READ, "POST": Permission.REPAIR_DECIDE},
}
#: Agencies claim their access at their own port, where their addresses are counted.
HIDDEN = frozenset({"clock", "rest", "health", "healthz", "readyz", "openapi.json", "docs", "redoc", "claims"})

_REQUEST_HEADERS = ("accept", "accept-language", "content-type", "idempotency-key", "if-none-match", "purpose")
_RESPONSE_HEADERS = ("content-type", "content-disposition", "location", "retry-after", "cache-control", "etag")


@router.api_route("/{service}/{path:path}", methods=["GET", "POST"])
async def pass_on(
    service: str,
    path: str,
    request: Request,
    principal: Annotated[Principal, Depends(require(Permission.REQUESTS_PASS))],
) -> Response:
    """Whatever the service answers."""
    check_path(service, path, request.method, principal)
    neighbours: Neighbours = request.app.state.neighbours
    url = "/" + quote(path, safe="/") + (f"?{request.url.query}" if request.url.query else "")
    content = await request.body()
    emergency = None
    if request.headers.get(HEADER) == Purpose.BREAK_GLASS:
        emergency = await break_glass.in_emergency(request, principal, _case_in(path, content))
    headers = {name: request.headers[name] for name in _REQUEST_HEADERS if name in request.headers}
    token = access_token(request)
    answer = await neighbours.send(
        service, request.method, url, token=token, emergency=emergency, headers=headers, content=content
    )
    passed = {name: answer.headers[name] for name in _RESPONSE_HEADERS if name in answer.headers}
    return Response(answer.content, answer.status_code, passed)


def _case_in(path: str, content: bytes) -> UUID | None:
    """The one case that is asked for; the services look again."""
    match path.split("/"):
        case ["cases", named, *_]:
            return case_of([named])
        case ["identities"]:
            return case_of(case_ids_in(content))
        case _:
            return None


def check_path(service: str, path: str, method: str, principal: Principal) -> None:
    """Raise NotFound for what isn't served here and Forbidden for internal routes that are not the caller's."""
    segments = path.split("/")
    # Dots and empty segments could lead a service's router elsewhere than to what was checked here.
    internal = INTERNAL.get(segments[0])
    # What the gateway mends of its own is asked for like any other service's.
    known = service in SERVICES or (service == "gateway" and internal is not None)
    if not known or segments[0] in HIDDEN or not all(segment.strip(".") for segment in segments):
        raise NotFound("There is no such address.")
    if internal is not None and not (method in internal and principal.may(internal[method])):
        raise Forbidden("This is for those who run the suite.")
