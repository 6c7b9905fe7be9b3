"""Spans for messages and database work, by OpenTelemetry's semantic conventions (messaging, CloudEvents, database).

Attributes are set only on a span that records: without an exporter a span costs a few microseconds.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from types import TracebackType

from opentelemetry.context import Context, attach, detach
from opentelemetry.semconv._incubating.attributes import cloudevents_attributes as cloudevents
from opentelemetry.semconv._incubating.attributes import messaging_attributes as messaging
from opentelemetry.semconv.attributes import db_attributes as db
from opentelemetry.semconv.attributes.error_attributes import ERROR_TYPE
from opentelemetry.trace import INVALID_SPAN, Span, SpanKind, StatusCode, Tracer, get_current_span, set_span_in_context

from shared.contracts.envelope import Event
from shared.telemetry.context import HANDLING, recorded_context

_PUBLISH = messaging.MessagingOperationTypeValues.SEND.value
_PROCESS = messaging.MessagingOperationTypeValues.PROCESS.value
#: More would be dropped by the SDK, at 13 us each.
_LINKS = 128
Attributes = dict[str, str | int]


class current_span:
    """Make the span current, and end it. Of an error it keeps the type alone: the message may hold personal data."""

    __slots__ = ("_span", "_token")

    def __init__(self, span: Span) -> None:
        self._span = span

    def __enter__(self) -> Span:
        self._token = attach(set_span_in_context(self._span))
        return self._span

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, Exception):
            # A wrapper says less than what it wraps.
            self._span.set_attribute(ERROR_TYPE, type(error.__cause__ or error).__qualname__)
            self._span.set_status(StatusCode.ERROR)
        detach(self._token)
        self._span.end()


@contextmanager
def span_publish(
    tracer: Tracer, exchange: str, events: Sequence[Event], *, system: str = "homeward_inprocess"
) -> Iterator[Span]:
    """PRODUCER span ``publish <exchange>``: a lone event's span is in its trace, a batch's is linked to each trace."""
    parent = recorded_context(events[0].traceparent) if len(events) == 1 else Context()
    span = tracer.start_span(f"publish {exchange}", parent, SpanKind.PRODUCER)
    if span.is_recording():
        span.set_attributes(_messaging(system, exchange, "publish", _PUBLISH))
        if len(events) == 1:
            span.set_attributes(_one(events[0]))
        else:
            span.set_attribute(messaging.MESSAGING_BATCH_MESSAGE_COUNT, len(events))
            _link(span, events)
    with current_span(span):
        yield span


def span_process(tracer: Tracer, queue: str, event: Event, *, system: str = "homeward_inprocess") -> "Handled":
    """CONSUMER span ``process <event type>``, a child of the span in which the event was recorded."""
    span = tracer.start_span(f"process {event.type}", recorded_context(event.traceparent), SpanKind.CONSUMER)
    if span.is_recording():
        span.set_attributes(_messaging(system, queue, "process", _PROCESS) | _one(event))
    return Handled(span, event)


class Handled(current_span):
    """The span in which an event is handled; what is logged meanwhile names the event."""

    __slots__ = ("_event", "_handling")

    def __init__(self, span: Span, event: Event) -> None:
        super().__init__(span)
        self._event = event

    def __enter__(self) -> Span:
        self._handling = HANDLING.set(self._event)
        return super().__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        HANDLING.reset(self._handling)


@contextmanager
def span_database(tracer: Tracer, summary: str) -> Iterator[Span]:
    """CLIENT span for database work, ``summary`` being its operation and tables: ``SELECT travel_case``.

    Only inside a trace that is recorded: polling makes no traces of its own.
    """
    if not get_current_span().is_recording():
        yield INVALID_SPAN
        return
    attributes = {db.DB_SYSTEM_NAME: db.DbSystemNameValues.POSTGRESQL.value, db.DB_QUERY_SUMMARY: summary}
    with current_span(tracer.start_span(summary, kind=SpanKind.CLIENT, attributes=attributes)) as span:
        yield span


def _messaging(system: str, destination: str, operation: str, operation_type: str) -> Attributes:
    return {
        messaging.MESSAGING_SYSTEM: system,
        messaging.MESSAGING_DESTINATION_NAME: destination,
        messaging.MESSAGING_OPERATION_NAME: operation,
        messaging.MESSAGING_OPERATION_TYPE: operation_type,
    }


def _one(event: Event) -> Attributes:
    return {
        messaging.MESSAGING_MESSAGE_ID: str(event.id),
        cloudevents.CLOUDEVENTS_EVENT_ID: str(event.id),
        cloudevents.CLOUDEVENTS_EVENT_TYPE: event.type,
        cloudevents.CLOUDEVENTS_EVENT_SOURCE: event.source,
        cloudevents.CLOUDEVENTS_EVENT_SUBJECT: event.subject,
    }


def _link(span: Span, events: Sequence[Event]) -> None:
    """One link per trace context: a request that records ten events is linked once."""
    for traceparent in islice(dict.fromkeys(event.traceparent for event in events), _LINKS):
        recorded = get_current_span(recorded_context(traceparent)).get_span_context()
        if recorded.is_valid:
            span.add_link(recorded)
