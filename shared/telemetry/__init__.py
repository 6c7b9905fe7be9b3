"""Traces, metrics and structured logs. Nothing here is global but the log format: a service has its own `Telemetry`.

No body, name or document number goes into a span, log or metric: identifiers, types and counts only.
"""

from shared.telemetry.context import RunningAs, current_traceparent, recorded_context, running_as
from shared.telemetry.http import TracedTransport, propagate
from shared.telemetry.logging import configure_logging
from shared.telemetry.metrics import Metrics
from shared.telemetry.provider import Telemetry
from shared.telemetry.spans import span_database, span_process, span_publish

__all__ = [
    "Metrics",
    "RunningAs",
    "Telemetry",
    "TracedTransport",
    "configure_logging",
    "current_traceparent",
    "propagate",
    "recorded_context",
    "running_as",
    "span_database",
    "span_process",
    "span_publish",
]
