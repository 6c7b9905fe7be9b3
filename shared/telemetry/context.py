"""What surrounds the code that runs: the trace, the service, the request and the event in hand."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, get_current_span, set_span_in_context
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.contracts.envelope import Event

#: In the embedded suite all services share one process, so the service is known by context, not by process.
SERVICE: ContextVar[str | None] = ContextVar("service", default=None)
#: Kept as they are, and read only when something is logged: most requests and events log nothing.
REQUEST: ContextVar[Scope | None] = ContextVar("request", default=None)
HANDLING: ContextVar[Event | None] = ContextVar("handling", default=None)


@contextmanager
def running_as(service: str) -> Iterator[None]:
    """Logs made inside, and in tasks started inside, bear this service's name."""
    token = SERVICE.set(service)
    try:
        yield
    finally:
        SERVICE.reset(token)


class RunningAs:
    """ASGI middleware: a request's logs bear the service's name and the ids in the request's path."""

    def __init__(self, app: ASGIApp, service: str) -> None:
        self.app = app
        self.service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        token = REQUEST.set(scope)
        try:
            with running_as(self.service):
                await self.app(scope, receive, send)
        finally:
            REQUEST.reset(token)


_TRACEPARENT = re.compile("00-((?!0{32})[0-9a-f]{32})-((?!0{16})[0-9a-f]{16})-([0-9a-f]{2})").fullmatch
_NOWHERE = Context()


class RecordedSpan(NonRecordingSpan):
    """The span in which an event was recorded, read from its ``traceparent`` when someone asks.

    Most often no one does: the event's handler records the next event with the same text. Reading and writing
    it by OpenTelemetry's propagator took 15 us of the 150 us that an event takes.
    """

    def __init__(self, traceparent: str) -> None:
        self.traceparent = traceparent

    def get_span_context(self) -> SpanContext:
        _, trace, span, flags = self.traceparent.split("-")
        return SpanContext(int(trace, 16), int(span, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16)))

    def __repr__(self) -> str:
        return f"RecordedSpan({self.traceparent})"


def current_traceparent() -> str | None:
    """The current span as a W3C ``traceparent``; None outside any trace."""
    span = get_current_span()
    # Not isinstance, for which an abstract class is asked at length.
    if type(span) is RecordedSpan:
        return span.traceparent
    context = span.get_span_context()
    if not context.is_valid:
        return None
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


def recorded_context(traceparent: str | None) -> Context:
    """The context in which an event was recorded; an empty one when the event has no (valid) trace context."""
    if traceparent is None or not _TRACEPARENT(traceparent):
        return _NOWHERE
    return set_span_in_context(RecordedSpan(traceparent), _NOWHERE)


def trace_id() -> str | None:
    """The current trace's id in hex; None outside any trace."""
    context = get_current_span().get_span_context()
    return f"{context.trace_id:032x}" if context.is_valid else None
