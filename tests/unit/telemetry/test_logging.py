"""Logs: one line per event, with trace, service and case, and without personal data."""

import asyncio
import json
import logging
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import structlog
from fastapi import FastAPI
from pydantic import BaseModel, ValidationError

from shared.contracts.envelope import GENESIS, Event
from shared.ids import new_id
from shared.telemetry import RunningAs, Telemetry, configure_logging, running_as, span_process


@pytest.fixture(autouse=True)
def logs_as_json() -> Iterator[None]:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    configure_logging("homeward", json=True)
    yield
    # As the other tests have it: structlog's own default writes to standard output.
    configure_logging("tests")
    root.handlers[:], root.level = before


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_structlog_and_the_standard_library_write_the_same_kind_of_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("homeward", json=True)
    structlog.get_logger("ours").info("flight locked", passengers=133)
    logging.getLogger("theirs").warning("pool of %s is full", 5)
    ours, theirs = lines(capsys)
    assert (ours["event"], ours["passengers"], ours["level"], ours["service"]) == (
        "flight locked",
        133,
        "info",
        "homeward",
    )
    assert (theirs["event"], theirs["logger"], theirs["level"]) == ("pool of 5 is full", "theirs", "warning")
    assert ours.keys() - {"passengers"} == theirs.keys()


def test_a_terminal_gets_lines_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("homeward", json=False)
    structlog.get_logger().info("flight locked", passengers=133)
    line = capsys.readouterr().err
    assert "flight locked" in line and "passengers=133" in line and not line.startswith("{")


def test_values_under_personal_keys_are_redacted_at_any_depth(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("homeward", json=True)
    members = [{"given_name": "Amina", "case": 1}, {"phone": "+92 300 0000000"}]
    structlog.get_logger().info("imported", family_name="Example", members=members, reason="she said so")
    (line,) = lines(capsys)
    assert line["family_name"] == line["reason"] == "[redacted]"
    assert line["members"] == [{"given_name": "[redacted]", "case": 1}, {"phone": "[redacted]"}]


class Person(BaseModel):
    age: int


def test_an_error_is_described_without_the_input_that_its_message_repeats(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("homeward", json=True)
    try:
        try:
            Person.model_validate({"age": "Amina Example"})
        except ValidationError as error:
            raise RuntimeError("row not taken\nDETAIL: Amina Example") from error
    except RuntimeError:
        structlog.get_logger().exception("import failed")
    (line,) = lines(capsys)
    assert line["error"] == "RuntimeError"
    assert "1 validation error for Person" in line["exception"] and "RuntimeError: row not taken" in line["exception"]
    assert f"{__file__}:" in line["exception"]
    assert "Amina" not in json.dumps(line)


def test_every_error_of_a_group_is_described(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("homeward", json=True)
    group = ExceptionGroup("two failed", [ValueError("one"), KeyError("two")])
    logging.getLogger("theirs").error("failed", exc_info=group)
    assert "ValueError: one" in (told := lines(capsys)[0]["exception"]) and "KeyError: 'two'" in told


def test_what_is_logged_while_an_event_is_handled_bears_its_ids_and_its_trace(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging("homeward", json=True)
    event = Event(
        id=new_id(),
        source="/homeward/travel",
        type="org.homeward.travel.departed.v1",
        subject=str(new_id()),
        sequence=1,
        time=datetime(2026, 3, 27, tzinfo=UTC),
        prevhash=GENESIS,
        data=b"{}",
        traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    )
    with span_process(Telemetry("travel").tracer, "homeward.travel", event):
        structlog.get_logger().info("opened")
    (line,) = lines(capsys)
    assert (line["event_id"], line["event_type"], line["subject"]) == (str(event.id), event.type, event.subject)
    assert (line["trace_id"], line["span_id"]) == ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7")


async def test_services_in_one_process_log_under_their_own_names(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("homeward", json=True)

    async def work() -> None:
        structlog.get_logger().info("working")

    with running_as("travel"):
        first = asyncio.create_task(work())
    with running_as("monitoring"):
        second = asyncio.create_task(work())
    await asyncio.gather(first, second, work())
    assert sorted(line["service"] for line in lines(capsys)) == ["homeward", "monitoring", "travel"]


async def test_a_requests_logs_bear_service_case_and_trace(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("homeward", json=True)
    app = FastAPI(telemetry=Telemetry("travel").fastapi_config())
    app.add_middleware(RunningAs, service="travel")

    @app.get("/cases/{case_id}")
    async def show(case_id: str) -> None:
        structlog.get_logger().info("shown")

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://travel") as http:
        await http.get("/cases/018f3f3c", params={"q": "Amina"})
    (line,) = lines(capsys)
    assert (line["service"], line["case_id"], line["path"]) == ("travel", "018f3f3c", "/cases/018f3f3c")
    assert len(line["trace_id"]) == 32 and "Amina" not in json.dumps(line)


def test_libraries_that_would_log_query_strings_are_kept_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("homeward", json=True)
    for name in ("uvicorn.access", "httpx"):
        logging.getLogger(name).info("GET /search?q=Amina")
    assert capsys.readouterr().err == ""
    assert not sys.stderr.isatty()
