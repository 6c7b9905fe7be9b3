"""The tracer of a service that exports nothing: it passes the trace on and records nothing."""

from typing import Any

from opentelemetry.context import Context
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import NonRecordingSpan, NoOpTracer, Span, SpanContext, TraceFlags, Tracer, TracerProvider

from shared.telemetry.context import RecordedSpan


class PassingTracer(NoOpTracer):
    """Its spans are their parents, so that an incoming ``traceparent`` leaves unchanged; without a parent, new ids."""

    def __init__(self) -> None:
        self._ids = RandomIdGenerator()

    def start_span(self, name: str, context: Context | None = None, *args: Any, **kwargs: Any) -> Span:
        span = super().start_span(name, context)
        return span if type(span) is RecordedSpan or span.get_span_context().is_valid else self._root()

    def _root(self) -> Span:
        # Sampled: a trace is sampled as a whole. Otherwise one service without an exporter would turn tracing off
        # for all services behind it that have one.
        return NonRecordingSpan(
            SpanContext(
                self._ids.generate_trace_id(),
                self._ids.generate_span_id(),
                is_remote=False,
                trace_flags=TraceFlags(TraceFlags.SAMPLED),
            )
        )


class PassingTracerProvider(TracerProvider):
    """Gives passing tracers."""

    def __init__(self) -> None:
        self._tracer = PassingTracer()

    def get_tracer(self, instrumenting_module_name: str, *args: Any, **kwargs: Any) -> Tracer:
        return self._tracer
