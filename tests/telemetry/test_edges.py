"""One trace runs from the operator's request through outbox and bus to every service that reacts."""

from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
import pytest_asyncio
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from shared.telemetry import Telemetry
from tests.support.bench import eventually
from tests.support.suite import REGISTRATION, at_rest, embedded, sign_in

REGISTERED = "process org.homeward.screening.registered.v1"
GATES = "process org.homeward.travel.gates-evaluated.v1"

#: (service, span) and the (service, span) that must be its parent.
EDGES = [
    (("gateway", "POST"), ("gateway", "POST /api/{service}/{path}")),
    (("screening", "POST /cases"), ("gateway", "POST")),
    (("screening", "publish homeward.screening"), ("screening", "POST /cases")),
    (("travel", REGISTERED), ("screening", "POST /cases")),
    (("reintegration", REGISTERED), ("screening", "POST /cases")),
    (("gateway", REGISTERED), ("screening", "POST /cases")),
    (("travel", "publish homeward.travel"), ("travel", REGISTERED)),
    (("gateway", GATES), ("travel", REGISTERED)),
]

#: Who calls whom over HTTP: what a request needs, and what follows a log compares itself with its producer.
CALLS = {
    "gateway": {"screening", "travel", "reintegration", "monitoring", "partners"},
    "screening": {"travel", "monitoring"},
    "travel": {"screening"},
    "reintegration": {"screening", "travel"},
    "monitoring": {"screening", "reintegration"},
    "partners": {"screening", "travel", "reintegration", "monitoring"},
}


class Traces:
    """The spans of all services, by service and name."""

    def __init__(self) -> None:
        self.exporters: dict[str, InMemorySpanExporter] = {}

    def telemetry(self, service: str) -> Telemetry:
        self.exporters[service] = InMemorySpanExporter()
        return Telemetry(service, exporter=self.exporters[service], batch=False)

    def of_trace(self, trace_id: int) -> dict[tuple[str, str], ReadableSpan]:
        return {
            (service, span.name): span
            for service, exporter in self.exporters.items()
            for span in exporter.get_finished_spans()
            if span.context.trace_id == trace_id
        }

    def calls(self) -> dict[str, set[str]]:
        """By caller: whose spans go on with a request of its own."""
        spans = [(service, each) for service in self.exporters for each in self.exporters[service].get_finished_spans()]
        asking = {each.context.span_id: service for service, each in spans if each.kind is SpanKind.CLIENT}
        found: dict[str, set[str]] = {}
        for service, each in spans:
            if each.kind is SpanKind.SERVER and each.parent and each.parent.span_id in asking:
                found.setdefault(asking[each.parent.span_id], set()).add(service)
        return found

    def spans(self) -> list[ReadableSpan]:
        return [span for exporter in self.exporters.values() for span in exporter.get_finished_spans()]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def traces(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Traces]:
    """The spans of one registration, which came with a trace of the operator's own."""
    found = Traces()
    async with embedded(_data(tmp_path_factory), telemetry=found.telemetry) as suite:
        caseworker, admin = await sign_in(suite, "caseworker"), await sign_in(suite, "admin")
        await at_rest(admin)
        answer = await caseworker.post("/api/screening/cases", REGISTRATION, traceparent=OPERATOR)
        assert answer.status_code == 201, answer.text

        async def complete() -> bool:
            return ("gateway", GATES) in found.of_trace(TRACE)

        await eventually(complete)
        await at_rest(admin)

        async def compared() -> bool:
            return found.calls() == CALLS

        # Who is missing is told by the test.
        with suppress(AssertionError):
            await eventually(compared)
    yield found


TRACE = 0x0AF7651916CD43DD8448EB211C80319C
OPERATOR = f"00-{TRACE:032x}-b7ad6b7169203331-01"


def _data(factory: pytest.TempPathFactory) -> Path:
    return factory.mktemp("traces")


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(("child", "parent"), EDGES, ids=" ".join)
async def test_each_span_is_the_child_of_the_one_that_caused_it(
    traces: Traces, child: tuple[str, str], parent: tuple[str, str]
) -> None:
    spans = traces.of_trace(TRACE)
    assert child in spans, f"there is no span {child}; there are {sorted(spans)}"
    assert parent in spans, f"there is no span {parent}; there are {sorted(spans)}"
    found = spans[child].parent
    assert found is not None
    assert found.span_id == spans[parent].context.span_id


@pytest.mark.asyncio(loop_scope="module")
async def test_exactly_these_services_call_one_another(traces: Traces) -> None:
    assert traces.calls() == CALLS


@pytest.mark.asyncio(loop_scope="module")
async def test_no_span_holds_personal_data(traces: Traces) -> None:
    for span in traces.spans():
        text = f"{span.name} {dict(span.attributes or {})} {[event.attributes for event in span.events]}"
        assert "Testman" not in text
        assert "1991-02-03" not in text
