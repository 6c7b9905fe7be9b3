"""One service's telemetry: its tracer, its meter and where they export to."""

from importlib.metadata import PackageNotFoundError, version
from threading import Thread
from time import monotonic
from typing import TYPE_CHECKING

import httpx
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor, SpanExporter
from opentelemetry.semconv.attributes.service_attributes import SERVICE_NAME, SERVICE_NAMESPACE, SERVICE_VERSION

from shared.telemetry.http import UNTRACED_PATHS, TracedTransport, WithoutQuery, propagate, untraced
from shared.telemetry.metrics import Metrics
from shared.telemetry.passing import PassingTracerProvider

if TYPE_CHECKING:
    from fastapi.telemetry import TelemetryConfig

#: Seconds.
_LAST_EXPORT = 2.0


class Telemetry:
    """What a service's parts are given to trace and measure with.

    With neither an exporter nor an endpoint, spans record nothing but the trace context still travels: logs and
    events keep their trace ids. ``otlp_endpoint`` is the collector's base address (OTLP over HTTP), as in
    ``http://collector:4318``; sampling and headers follow OpenTelemetry's own environment variables.
    """

    def __init__(
        self,
        service: str,
        *,
        exporter: SpanExporter | None = None,
        otlp_endpoint: str | None = None,
        batch: bool = True,
        metric_reader: MetricReader | None = None,
    ) -> None:
        self.service = service
        spans = [exporter] if exporter else []
        readers = [metric_reader] if metric_reader else []
        if otlp_endpoint:
            span_exporter, reader = _over_otlp(otlp_endpoint.rstrip("/"))
            spans.append(span_exporter)
            readers.append(reader)
        self.provider = _tracer_provider(service, spans, batch=batch)
        self.meter_provider = _meter_provider(service, readers)
        self.tracer = self.provider.get_tracer("homeward")
        self.metrics = Metrics(self.meter_provider.get_meter("homeward"))

    def fastapi_config(self, untraced_paths: frozenset[str] = UNTRACED_PATHS) -> "TelemetryConfig":
        """For ``FastAPI(telemetry=…)``: a SERVER span per request, which continues the caller's trace."""
        return {
            "tracer_provider": self.provider,
            "meter_provider": self.meter_provider,
            "operation_spans": False,
            # They would hold exceptions' messages; ours are written by shared/web/problems.py.
            "logs": False,
            "auto_configure": False,
            "exclude": untraced(untraced_paths),
        }

    def transport(self, inner: httpx.AsyncBaseTransport | None = None) -> TracedTransport:
        """For ``httpx.AsyncClient(transport=…)``: a CLIENT span per request, which the called service continues."""
        return TracedTransport(self.tracer, inner or httpx.AsyncHTTPTransport())

    async def inject_context(self, request: httpx.Request) -> None:
        """An httpx request hook that passes the trace on without a span of its own."""
        propagate(request.headers)

    def shutdown(self) -> None:
        """Export what is left, if the collector takes it in two seconds."""
        closing = [
            Thread(target=provider.shutdown, daemon=True)
            for provider in (self.provider, self.meter_provider)
            if isinstance(provider, TracerProvider | MeterProvider)
        ]
        for thread in closing:
            thread.start()
        # Left to themselves the exporters try a dead collector again for 10 s, and a service could not stop meanwhile.
        deadline = monotonic() + _LAST_EXPORT
        for thread in closing:
            thread.join(max(0.0, deadline - monotonic()))


def _over_otlp(endpoint: str) -> tuple[SpanExporter, MetricReader]:
    # Imported when asked for: they bring an HTTP client and protobuf along.
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return (
        OTLPSpanExporter(f"{endpoint}/v1/traces"),
        PeriodicExportingMetricReader(OTLPMetricExporter(f"{endpoint}/v1/metrics")),
    )


def _tracer_provider(service: str, exporters: list[SpanExporter], *, batch: bool) -> trace.TracerProvider:
    if not exporters:
        return PassingTracerProvider()
    provider = TracerProvider(resource=_resource(service), shutdown_on_exit=False)
    provider.add_span_processor(WithoutQuery())
    for exporter in exporters:
        provider.add_span_processor(BatchSpanProcessor(exporter) if batch else SimpleSpanProcessor(exporter))
    return provider


def _meter_provider(service: str, readers: list[MetricReader]) -> metrics.MeterProvider:
    if not readers:
        return metrics.NoOpMeterProvider()
    return MeterProvider(readers, _resource(service), shutdown_on_exit=False)


def _resource(service: str) -> Resource:
    try:
        release = version("homeward")
    except PackageNotFoundError:
        release = "unknown"
    return Resource.create({SERVICE_NAME: service, SERVICE_VERSION: release, SERVICE_NAMESPACE: "homeward"})
