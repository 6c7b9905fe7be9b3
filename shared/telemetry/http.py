"""HTTP from service to service: the trace goes on in the ``traceparent`` header, and no query string is recorded."""

from collections.abc import Callable, MutableMapping

import httpx
from opentelemetry.context import Context
from opentelemetry.sdk.trace import Span, SpanProcessor
from opentelemetry.semconv.attributes import error_attributes, http_attributes, server_attributes, url_attributes
from opentelemetry.trace import SpanKind, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from shared.telemetry.spans import current_span

#: Asked every few seconds by whoever keeps the process alive.
UNTRACED_PATHS = frozenset({"/healthz", "/readyz"})


def propagate(headers: MutableMapping[str, str]) -> MutableMapping[str, str]:
    """Put the current trace context into the headers, and return them."""
    TraceContextTextMapPropagator().inject(headers)
    return headers


class TracedTransport(httpx.AsyncBaseTransport):
    """A transport in a CLIENT span: ``httpx.AsyncClient(transport=TracedTransport(telemetry.tracer, inner))``."""

    def __init__(self, tracer: Tracer, inner: httpx.AsyncBaseTransport) -> None:
        self.tracer = tracer
        self.inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        with current_span(self.tracer.start_span(request.method, kind=SpanKind.CLIENT)) as span:
            if span.is_recording():
                span.set_attributes(_attributes(request))
            propagate(request.headers)
            response = await self.inner.handle_async_request(request)
            span.set_attribute(http_attributes.HTTP_RESPONSE_STATUS_CODE, response.status_code)
            if response.status_code >= 400:
                span.set_attribute(error_attributes.ERROR_TYPE, str(response.status_code))
                span.set_status(StatusCode.ERROR)
            return response

    async def aclose(self) -> None:
        await self.inner.aclose()


def _attributes(request: httpx.Request) -> dict[str, str | int]:
    url = request.url
    return {
        http_attributes.HTTP_REQUEST_METHOD: request.method,
        server_attributes.SERVER_ADDRESS: url.host,
        server_attributes.SERVER_PORT: url.port or {"https": 443}.get(url.scheme, 80),
        # Operators search by name: a query string may hold personal data.
        url_attributes.URL_FULL: str(url.copy_with(query=None, fragment=None, username=None, password=None)),
    }


class WithoutQuery(SpanProcessor):
    """FastAPI's spans bear the whole query string, in which operators search by name: it is taken out."""

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        if span.attributes and url_attributes.URL_QUERY in span.attributes:
            span.set_attribute(url_attributes.URL_QUERY, "REDACTED")


def untraced(paths: frozenset[str]) -> Callable[[MutableMapping[str, object]], bool]:
    """Whether a request (an ASGI scope) is to these paths."""
    return lambda scope: scope["path"] in paths
