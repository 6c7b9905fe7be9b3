"""Structured logs: one line per event, JSON where no person reads along, with trace, service and case."""

import logging
import sys
from collections.abc import Mapping
from types import TracebackType
from typing import Any

import orjson
import structlog
from opentelemetry.trace import get_current_span
from structlog.types import EventDict, Processor

from shared.telemetry.context import HANDLING, REQUEST, SERVICE

#: Keys whose values may be personal data, wherever they stand.
PERSONAL = frozenset(
    {"given_name", "family_name", "name", "phone", "document_number", "document_numbers", "date_of_birth", "note"}
    | {"reason", "identity", "email", "address", "password", "access_token", "authorization"}
)

#: At "info" these write the addresses of requests, whose query strings may hold names; spans tell as much.
_TALKATIVE = ("alembic", "uvicorn.access", "httpx", "httpcore", "aio_pika", "aiormq")


def configure_logging(service: str, json: bool | None = None, *, level: int = logging.INFO) -> None:
    """Send structlog's and the standard library's logs to stderr; ``service`` names what runs as no service.

    ``json=None``: JSON unless stderr is a terminal.
    """
    as_json = not sys.stderr.isatty() if json is None else json
    shared = _processors(service)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _renderer(as_json)],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))


def _processors(service: str) -> list[Processor]:
    def add_service(_: Any, __: str, event: EventDict) -> EventDict:
        event["service"] = SERVICE.get() or service
        return event

    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        add_service,
        add_surroundings,
        describe_error,
        redact,
    ]


def _renderer(as_json: bool) -> Processor:
    if as_json:
        return structlog.processors.JSONRenderer(serializer=_dump)
    return structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())


def _dump(event: EventDict, **_: Any) -> str:
    return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


def add_surroundings(_: Any, __: str, event: EventDict) -> EventDict:
    """The trace, the case in the request's path, and the event that is being handled."""
    span = get_current_span().get_span_context()
    if span.is_valid:
        event["trace_id"] = f"{span.trace_id:032x}"
        event["span_id"] = f"{span.span_id:016x}"
    if request := REQUEST.get():
        event.setdefault("path", request.get("path"))
        if "case_id" in request.get("path_params", ()):
            event.setdefault("case_id", str(request["path_params"]["case_id"]))
    if handling := HANDLING.get():
        event.setdefault("event_id", str(handling.id))
        event.setdefault("event_type", handling.type)
        event.setdefault("subject", handling.subject)
    return event


def redact(_: Any, __: str, event: EventDict) -> EventDict:
    """Values under keys that may hold personal data are replaced, at any depth."""
    return {key: _redacted(key, value) for key, value in event.items()}


def _redacted(key: object, value: Any) -> Any:
    if key in PERSONAL:
        return "[redacted]"
    if isinstance(value, Mapping):
        return {key: _redacted(key, inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_redacted(None, inner) for inner in value]
    return value


def describe_error(_: Any, __: str, event: EventDict) -> EventDict:
    """``exc_info`` as text: of each error its type, the first line of its message and where it was raised.

    The further lines are where pydantic puts the input, PostgreSQL the row and SQLAlchemy the parameters.
    """
    info: Any = event.pop("exc_info", None)
    if info is True:
        info = sys.exc_info()
    error = info[1] if isinstance(info, tuple) else info
    if isinstance(error, BaseException):
        event["error"] = type(error).__qualname__
        event["exception"] = "\n".join(_lines(error, set()))
    return event


def _lines(error: BaseException, seen: set[int]) -> list[str]:
    seen.add(id(error))
    lines = []
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if before is not None and id(before) not in seen:
        lines += [*_lines(before, seen), "which led to:"]
    lines += _frames(error.__traceback__)
    lines.append(f"{type(error).__qualname__}: {str(error).partition(chr(10))[0]}")
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            lines += [f"  {line}" for line in _lines(inner, seen)]
    return lines


def _frames(trace: TracebackType | None) -> list[str]:
    lines = []
    while trace is not None:
        code = trace.tb_frame.f_code
        lines.append(f"  {code.co_filename}:{trace.tb_lineno} in {code.co_qualname}")
        trace = trace.tb_next
    return lines
