"""Every error answered as problem details (RFC 9457), ``application/problem+json``.

Operators read ``title`` and ``detail``; programs read ``type``, ``status`` and further members such as ``missing``.
"""

import inspect
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import orjson
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from opentelemetry.semconv.attributes.exception_attributes import EXCEPTION_TYPE
from opentelemetry.trace import get_current_span
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.errors import Away, HomewardError, Invalid, Refused, Unstorable
from shared.persistence.database import is_transient
from shared.telemetry.context import trace_id

log = structlog.get_logger()

MEDIA_TYPE = "application/problem+json"
#: Seconds after which to come again, where nobody knows better.
_AGAIN = 1
#: SQLSTATE's class of values that a column can't hold: a zero character, a number or a date out of range.
_DATA_EXCEPTION = "22"


def install_problem_handlers(app: FastAPI) -> None:
    """Answer every error of the application as a problem."""
    app.add_exception_handler(HTTPException, _answer)
    app.add_exception_handler(RequestValidationError, _answer)
    app.add_middleware(Problems)


class Problems:
    """ASGI middleware that answers whatever no handler has; Starlette's own would raise it again after the answer.

    Once the response has started there is no other answer to give: the error is raised, and the connection cut.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def watched_send(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, watched_send)
        except Exception as error:
            if started:
                raise
            await problem_response(error, scope["path"])(scope, receive, send)


async def _answer(request: Request, error: Exception) -> Response:
    response = problem_response(error, request.url.path)
    if response.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        # Starlette names the methods of the first route with this path, where each method has a route of its own.
        response.headers["Allow"] = ", ".join(sorted(_methods(request)))
    return response


def _methods(request: Request) -> set[str]:
    routes = [route for route in iter_route_contexts(request.app.routes) if route.endpoint is not None]
    found = [route.methods for route in routes if route.path_regex.fullmatch(request.url.path)]
    return set[str]().union(*(methods or () for methods in found))


def problem_response(error: Exception, path: str) -> Response:
    """The error as a response."""
    problem = {**problem_of(error), "instance": path}
    headers = dict(getattr(error, "headers", None) or {})
    if problem["status"] == 401:
        headers.setdefault("WWW-Authenticate", "Bearer")
    if "retry_after" in problem:
        headers.setdefault("Retry-After", str(problem["retry_after"]))
    elif problem["status"] == 503:
        headers.setdefault("Retry-After", str(_AGAIN))
    # An answer to one may not be kept for another.
    headers.setdefault("Cache-Control", "no-store")
    return Response(orjson.dumps(problem, default=_plain), problem["status"], headers, MEDIA_TYPE)


def problem_of(error: Exception) -> dict[str, Any]:
    """The problem's members, without ``instance``."""
    if getattr(type(error), "rule_broken", False):
        return _named(error, 409, getattr(error, "fields", None))
    match error:
        case Refused():
            return error.problem
        case HomewardError():
            if error.status >= 500:
                log.warning("request not answered", error=type(error).__name__, status=error.status)
            elif error.status in (401, 403):
                log.info("request refused", error=type(error).__name__, status=error.status)
            return _named(error, error.status, getattr(error, "detail_fields", None))
        case RequestValidationError():
            return _named(Invalid(), 422, {"errors": [_fault(each) for each in error.errors()]})
        case HTTPException():
            return _of_http(error)
        case DBAPIError() if str(getattr(error.orig, "sqlstate", "")).startswith(_DATA_EXCEPTION):
            return _named(Unstorable(), 422, None)
        case _ if is_transient(error):
            # It was tried again, and stayed away for longer than that.
            log.warning("request not answered", error=type(error).__name__, status=Away.status)
            return _named(Away(), Away.status, None)
        case _:
            return _unexpected(error)


def _named(error: Exception, status: int, fields: Mapping[str, Any] | None) -> dict[str, Any]:
    title = _first_sentence(type(error))
    return {
        **(fields or {}),
        "type": f"/problems/{_kebab(type(error).__name__)}",
        "title": title,
        "status": status,
        "detail": str(error) or title,
    }


def _of_http(error: HTTPException) -> dict[str, Any]:
    phrase = HTTPStatus(error.status_code).phrase
    return {
        "type": f"/problems/{_kebab(phrase)}",
        "title": phrase,
        "status": error.status_code,
        "detail": str(error.detail),
    }


def _unexpected(error: Exception) -> dict[str, Any]:
    log.error("request failed", exc_info=error)
    get_current_span().add_event("exception", {EXCEPTION_TYPE: type(error).__qualname__})
    return {
        "type": "/problems/unexpected",
        "title": "Something went wrong on our side.",
        "status": 500,
        "detail": "The error is recorded. Try again with the same Idempotency-Key; if it persists report the trace id.",
        "trace_id": trace_id(),
    }


def _first_sentence(cls: type) -> str:
    """The first paragraph of the class's docstring, or its parent's."""
    paragraph = (inspect.getdoc(cls) or cls.__name__).partition("\n\n")[0]
    return " ".join(paragraph.split())


def _kebab(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[^A-Za-z0-9]+", "-", name).strip("-").lower()


def _fault(error: Mapping[str, Any]) -> dict[str, str]:
    """Where the request is wrong (a JSON pointer into the body, or ``query/limit``) and how; never the value itself."""
    part, *rest = map(str, error["loc"])
    if error["type"] == "json_invalid":
        rest = []  # It would be an offset into text that is no document.
    escaped = [step.replace("~", "~0").replace("/", "~1") for step in rest]
    detail = error["msg"]
    if _repeats(detail, error.get("input")):
        detail = f"The value is not valid ({error['type']})."
    return {"pointer": "/".join(["#" if part == "body" else part, *escaped]), "detail": detail}


def _repeats(message: str, given: object) -> bool:
    # Not by recursion: what is given may be as deep as JSON allows.
    waiting = [given]
    while waiting:
        match waiting.pop():
            # One letter is in any message.
            case str(text) if len(text) > 1 and text in message:
                return True
            case Mapping() as inner:
                waiting += inner.values()
            case list() | tuple() as inner:
                waiting += inner
            case int() | float() as number if not isinstance(number, bool) and len(str(number)) > 3:
                if str(number) in message:
                    return True
    return False


def _plain(value: Any) -> Any:
    if isinstance(value, set | frozenset):
        return sorted(value, key=str)
    return str(value)
