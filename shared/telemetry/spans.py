"""Spans for messages and database work, by OpenTelemetry's semantic conventions (messaging, CloudEvents, database).

Attributes are set only on a span that records: without an exporter a span costs a few microseconds.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice

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


@contextmanager
def current_span(span: Span) -> Iterator[Span]:
    """Make the span current, and end it. Of an error it keeps the type alone: the message may hold personal data."""
    token = attach(set_span_in_context(span))
    try:
        yield span
    except Exception as error:
        # A wrapper says less than what it wraps.
        span.set_attribute(ERROR_TYPE, type(error.__cause__ or error).__qualname__)
        span.set_status(StatusCode.ERROR)
        raise
    finally:
        detach(token)
        span.end()


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


@contextmanager
def span_process(tracer: Tracer, queue: str, event: Event, *, system: str = "homeward_inprocess") -> Iterator[Span]:
    """CONSUMER span ``process <event type>``, a child of the span in which the event was recorded."""
    span = tracer.start_span(f"process {event.type}", recorded_context(event.traceparent), SpanKind.CONSUMER)
    if span.is_recording():
        span.set_attributes(_messaging(system, queue, "process", _PROCESS) | _one(event))
    token = HANDLING.set(event)
    try:
        with current_span(span):
            yield span
    finally:
        HANDLING.reset(token)


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
