"""What surrounds the code that runs: the trace, the service, the request and the event in hand."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from opentelemetry.context import Context
from opentelemetry.trace import get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
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


def current_traceparent() -> str | None:
    """The current span as a W3C ``traceparent``; None outside any trace."""
    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    return carrier.get("traceparent")


def recorded_context(traceparent: str | None) -> Context:
    """The context in which an event was recorded; an empty one when the event has no (valid) trace context."""
    carrier = {"traceparent": traceparent} if traceparent else {}
    return TraceContextTextMapPropagator().extract(carrier, Context())


def trace_id() -> str | None:
    """The current trace's id in hex; None outside any trace."""
    context = get_current_span().get_span_context()
    return f"{context.trace_id:032x}" if context.is_valid else None
