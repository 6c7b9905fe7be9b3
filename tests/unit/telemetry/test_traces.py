"""One trace runs from the operator's request through the log, the bus and each reacting service."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import httpx
import pytest
from fastapi import FastAPI
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode, get_current_span

from shared.contracts.envelope import GENESIS, Event
from shared.ids import new_id
from shared.telemetry import Telemetry, current_traceparent, span_database, span_process, span_publish

INCOMING = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


def traced(service: str, exporter: InMemorySpanExporter) -> Telemetry:
    return Telemetry(service, exporter=exporter, batch=False)


def event(traceparent: str | None) -> Event:
    return Event(
        id=new_id(),
        source="/homeward/travel",
        type="org.homeward.travel.departed.v1",
        subject=str(new_id()),
        sequence=1,
        time=datetime(2026, 3, 27, tzinfo=UTC),
        prevhash=GENESIS,
        data=b'{"document_number": "AB1234567"}',
        traceparent=traceparent,
    )


def application(telemetry: Telemetry) -> FastAPI:
    app = FastAPI(telemetry=telemetry.fastapi_config())

    @app.get("/search")
    async def search() -> dict[str, str | None]:
        return {"traceparent": current_traceparent()}

    @app.get("/fails")
    async def fails() -> None:
        raise ValueError("Amina Example")

    @app.get("/healthz")
    async def healthz() -> dict[str, bool]:
        return {"traced": get_current_span().get_span_context().is_valid}

    return app


def client(app: FastAPI, telemetry: Telemetry | None = None) -> httpx.AsyncClient:
    inner = httpx.ASGITransport(app)
    return httpx.AsyncClient(transport=telemetry.transport(inner) if telemetry else inner, base_url="http://travel")


def named(spans: Sequence[ReadableSpan]) -> dict[str, ReadableSpan]:
    return {f"{span.resource.attributes['service.name']!s}: {span.name}": span for span in spans}


def edges(spans: Sequence[ReadableSpan]) -> dict[str, str | None]:
    """Child -> parent, as ``service: span``."""
    by_id = {span.context.span_id: name for name, span in named(spans).items() if span.context}
    return {name: span.parent and by_id.get(span.parent.span_id) for name, span in named(spans).items()}


async def test_one_trace_runs_from_the_gateways_request_through_the_bus_to_the_reacting_services(
    exporter: InMemorySpanExporter,
) -> None:
    gateway, travel, monitoring = (traced(name, exporter) for name in ("gateway", "travel", "monitoring"))
    depart = FastAPI(telemetry=travel.fastapi_config())
    recorded: list[Event] = []

    @depart.post("/departure")
    async def departure() -> None:
        with span_database(travel.tracer, "INSERT event_log"):
            recorded.append(event(current_traceparent()))

    operator = FastAPI(telemetry=gateway.fastapi_config())

    @operator.post("/api/travel/departure")
    async def passed_on() -> int:
        async with client(depart, gateway) as http:
            return (await http.post("/departure")).status_code

    async with client(operator) as http:
        assert (await http.post("/api/travel/departure")).json() == 200
    with span_publish(travel.tracer, "homeward.travel", recorded):
        pass
    with span_process(monitoring.tracer, "homeward.monitoring", recorded[0]):
        follow_up = event(current_traceparent())
    with span_process(gateway.tracer, "homeward.gateway", follow_up):
        pass

    spans = exporter.get_finished_spans()
    assert edges(spans) == {
        "gateway: POST /api/travel/departure": None,
        "gateway: POST": "gateway: POST /api/travel/departure",
        "travel: POST /departure": "gateway: POST",
        "travel: INSERT event_log": "travel: POST /departure",
        "travel: publish homeward.travel": "travel: INSERT event_log",
        "monitoring: process org.homeward.travel.departed.v1": "travel: INSERT event_log",
        "gateway: process org.homeward.travel.departed.v1": "monitoring: process org.homeward.travel.departed.v1",
    }
    assert len({span.context.trace_id for span in spans if span.context}) == 1


def test_a_span_of_an_event_names_it_and_holds_nothing_of_its_data(exporter: InMemorySpanExporter) -> None:
    departed = event(INCOMING)
    with span_process(traced("travel", exporter).tracer, "homeward.travel", departed, system="rabbitmq"):
        pass
    (span,) = exporter.get_finished_spans()
    assert span.kind is SpanKind.CONSUMER
    assert dict(span.attributes or {}) == {
        "messaging.system": "rabbitmq",
        "messaging.destination.name": "homeward.travel",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.message.id": str(departed.id),
        "cloudevents.event_id": str(departed.id),
        "cloudevents.event_type": departed.type,
        "cloudevents.event_source": "/homeward/travel",
        "cloudevents.event_subject": departed.subject,
    }


def test_a_published_batch_is_linked_once_to_each_trace_in_it(exporter: InMemorySpanExporter) -> None:
    other = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
    batch = [event(INCOMING), event(INCOMING), event(other), event(None), event("not a traceparent")]
    with span_publish(traced("travel", exporter).tracer, "homeward.travel", batch, system="rabbitmq"):
        pass
    (span,) = exporter.get_finished_spans()
    assert span.kind is SpanKind.PRODUCER and span.parent is None
    assert [f"{link.context.trace_id:032x}" for link in span.links] == [INCOMING[3:35], "a" * 32]
    assert span.attributes and span.attributes["messaging.batch.message_count"] == 5


def test_a_failure_leaves_its_type_in_the_span_and_never_its_message(exporter: InMemorySpanExporter) -> None:
    with (
        pytest.raises(RuntimeError),
        span_process(traced("travel", exporter).tracer, "homeward.travel", event(None)),
    ):
        raise RuntimeError("handler failed") from LookupError("Amina Example")
    (span,) = exporter.get_finished_spans()
    assert span.status.status_code is StatusCode.ERROR
    assert span.attributes and span.attributes["error.type"] == "LookupError"
    assert "Amina" not in span.to_json()


def test_database_work_outside_a_recorded_trace_makes_no_trace(exporter: InMemorySpanExporter) -> None:
    with span_database(traced("travel", exporter).tracer, "SELECT event_log"):
        pass
    assert exporter.get_finished_spans() == ()


async def test_a_request_continues_the_callers_trace_and_its_query_is_not_recorded(
    exporter: InMemorySpanExporter,
) -> None:
    telemetry = traced("screening", exporter)
    async with client(application(telemetry)) as http:
        answer = await http.get("/search", params={"q": "Amina"}, headers={"traceparent": INCOMING})
    (span,) = exporter.get_finished_spans()
    assert span.parent and f"{span.parent.span_id:016x}" == INCOMING[36:52]
    assert answer.json()["traceparent"][3:35] == INCOMING[3:35]
    assert "Amina" not in span.to_json()


async def test_a_call_to_a_neighbour_records_no_query_and_shows_its_failure(exporter: InMemorySpanExporter) -> None:
    gateway = traced("gateway", exporter)

    def refuse(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/down":
            raise httpx.ConnectError("no route to Amina")
        return httpx.Response(404)

    async with httpx.AsyncClient(transport=gateway.transport(httpx.MockTransport(refuse))) as http:
        await http.get("http://user:secret@screening:8001/search", params={"q": "Amina"})
        with pytest.raises(httpx.ConnectError):
            await http.get("http://screening:8001/down")
    missing, down = exporter.get_finished_spans()
    assert missing.attributes and missing.attributes["url.full"] == "http://screening:8001/search"
    assert missing.attributes["http.response.status_code"] == 404
    assert down.attributes and down.attributes["error.type"] == "ConnectError"
    assert not any(word in span.to_json() for span in (missing, down) for word in ("Amina", "secret"))


async def test_health_checks_leave_no_spans(exporter: InMemorySpanExporter) -> None:
    async with client(application(traced("travel", exporter))) as http:
        assert (await http.get("/healthz")).json() == {"traced": False}
    assert exporter.get_finished_spans() == ()


@pytest.mark.parametrize("given", [INCOMING, INCOMING[:-2] + "00"])
async def test_a_service_without_an_exporter_passes_the_trace_on_unchanged(given: str) -> None:
    async with client(application(Telemetry("travel"))) as http:
        answer = await http.get("/search", headers={"traceparent": given})
    assert answer.json() == {"traceparent": given}


async def test_a_service_without_an_exporter_still_gives_each_request_a_trace_of_its_own() -> None:
    async with client(application(Telemetry("travel"))) as http:
        first, second = [(await http.get("/search")).json()["traceparent"] for _ in range(2)]
    assert first != second and first.endswith("-01")


def test_a_service_without_an_exporter_leaves_the_recorded_span_around_it_open(exporter: InMemorySpanExporter) -> None:
    with traced("gateway", exporter).tracer.start_as_current_span("request"):
        around = current_traceparent()
        with Telemetry("travel").tracer.start_as_current_span("inside"):
            assert current_traceparent() == around
        assert exporter.get_finished_spans() == ()
    assert len(exporter.get_finished_spans()) == 1


async def test_an_httpx_hook_passes_the_trace_on() -> None:
    telemetry = Telemetry("travel")

    async def echo(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, text=request.headers["traceparent"])

    hooks = {"request": [telemetry.inject_context]}
    with span_process(telemetry.tracer, "homeward.travel", event(INCOMING)):
        async with httpx.AsyncClient(transport=httpx.MockTransport(echo), event_hooks=hooks) as http:
            assert (await http.get("http://screening/")).text == INCOMING


def test_there_is_no_traceparent_outside_a_trace() -> None:
    assert current_traceparent() is None


def test_counters_gauges_and_durations_are_exported_under_the_services_name() -> None:
    reader = InMemoryMetricReader()
    metrics = Telemetry("travel", metric_reader=reader).metrics
    metrics.handled.add(3, {"queue": "homeward.travel"})
    metrics.handling.record(0.02, {"queue": "homeward.travel"})
    metrics.observe("homeward.relay.backlog", lambda: [(7, {"exchange": "homeward.travel"})], unit="{event}")
    assert dict(measured(reader)) == {
        "homeward.events.handled": 3,
        "homeward.events.handling.duration": 0.02,
        "homeward.relay.backlog": 7,
    }


def measured(reader: InMemoryMetricReader) -> Iterator[tuple[str, float]]:
    data = reader.get_metrics_data()
    assert data
    for resource in data.resource_metrics:
        assert resource.resource.attributes["service.name"] == "travel"
        for metric in resource.scope_metrics[0].metrics:
            (point,) = metric.data.data_points
            yield metric.name, point.sum if hasattr(point, "sum") else point.value


def test_spans_go_to_the_collector_that_is_configured() -> None:
    telemetry = Telemetry("travel", otlp_endpoint="http://127.0.0.1:1/")
    assert telemetry.tracer.start_span("request").is_recording()
