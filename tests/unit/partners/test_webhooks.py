"""When a webhook is tried again, and that a name which points elsewhere a moment later leads nowhere."""

import socket
from datetime import UTC, datetime, timedelta
from typing import Any

import httpcore
import pytest
from hypothesis import given
from hypothesis import strategies as some

from services.partners.settings import Settings
from services.partners.webhooks import schedule
from services.partners.webhooks.addresses import AddressRefused, Guards
from services.partners.webhooks.calls import Caller
from services.partners.webhooks.schedule import Meaning, outcome

NOW = datetime(2026, 1, 5, 8, tzinfo=UTC)


@given(some.integers(1, 10_000), some.none() | some.timedeltas(timedelta(), timedelta(days=900)))
def test_attempts_are_seconds_apart_at_first_and_hours_at_last(attempts: int, asked: timedelta | None) -> None:
    found = schedule.pause(attempts, asked)
    least = min(timedelta(hours=3), timedelta(seconds=2.5) * 2 ** min(attempts - 1, 20))
    assert least <= found <= timedelta(days=1)
    if asked is not None:
        assert found >= min(asked, timedelta(days=1))


def test_three_days_hold_no_more_than_some_dozen_attempts() -> None:
    waited, attempts = timedelta(), 0
    while waited < schedule.TRIED_FOR:
        attempts += 1
        waited += schedule.pause(attempts)
    assert 15 <= attempts <= 40


@pytest.mark.parametrize(
    ("status", "meaning"),
    [
        (200, Meaning.DELIVERED), (204, Meaning.DELIVERED), (301, Meaning.FAILED), (400, Meaning.FAILED),
        (401, Meaning.FAILED), (404, Meaning.FAILED), (410, Meaning.GONE), (429, Meaning.RESTING),
        (500, Meaning.FAILED), (503, Meaning.RESTING), (999, Meaning.FAILED), (100, Meaning.FAILED),
    ],
)  # fmt: skip
def test_a_status_means_one_thing(status: int, meaning: Meaning) -> None:
    assert outcome(status, None, "", NOW).meaning is meaning


@pytest.mark.parametrize(
    ("said", "wait"),
    [
        ("120", timedelta(minutes=2)), ("Mon, 05 Jan 2026 08:10:00 GMT", timedelta(minutes=10)),
        ("Mon, 05 Jan 2026 07:00:00 GMT", timedelta()), ("soon", None), ("", None), ("-5", None), ("²", None),
        ("9" * 400, timedelta(days=1)),
    ],
)  # fmt: skip
def test_retry_after_is_a_number_or_a_date_or_nothing(said: str, wait: timedelta | None) -> None:
    assert outcome(503, said, "", NOW).wait == wait


class Recording(httpcore.AsyncNetworkBackend):
    """Stands for the network: it writes down where connections would go."""

    def __init__(self) -> None:
        self.hosts: list[str] = []

    async def connect_tcp(self, host: str, *_: Any, **__: Any) -> httpcore.AsyncNetworkStream:
        self.hosts.append(host)
        return httpcore.AsyncMockStream([])


async def test_the_connection_goes_to_the_address_that_was_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [["93.184.215.14"], ["127.0.0.1"], ["93.184.215.14", "10.0.0.1"]]

    def resolve(_: str, port: int, **__: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in answers.pop(0)]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    network = Recording()
    guarded = Guards(inner=network).of("An agency")
    await guarded.connect_tcp("agency.example", 443)
    for _ in range(2):
        with pytest.raises(AddressRefused):
            await guarded.connect_tcp("agency.example", 443)
    assert network.hosts == ["93.184.215.14"]


OURS = {"Clinic": ["127.0.0.1:8443", "[::1]:443", "clinic.intern:443"]}


async def test_a_place_that_the_settings_name_for_an_agency_may_be_anywhere() -> None:
    network = Recording()
    guarded = Guards(OURS, network).of("Clinic")
    for url in ("http://127.0.0.1:8443/events", "https://[::1]/events", "https://CLINIC.intern/events"):
        guarded.check(url)
    await guarded.connect_tcp("127.0.0.1", 8443)
    await guarded.connect_tcp("::1", 443)
    assert network.hosts == ["127.0.0.1", "::1"]


@pytest.mark.parametrize("agency", ["Clinic", "Another", "clinic", ""])
async def test_no_other_port_host_or_agency_comes_with_it(agency: str) -> None:
    network = Recording()
    guarded = Guards(OURS, network).of(agency)
    other = [("127.0.0.1", 8444), ("127.0.0.2", 8443), ("127.0.0.1", 443), ("::1", 8443)]
    for host, port in [*other, *([] if agency == "Clinic" else [("127.0.0.1", 8443), ("::1", 443)])]:
        with pytest.raises(AddressRefused):
            await guarded.connect_tcp(host, port)
        with pytest.raises(AddressRefused):
            guarded.check(f"http://{f'[{host}]' if ':' in host else host}:{port}/events")
    assert network.hosts == []


class Answering(Recording):
    """Stands for the network, where whoever is called answers, and stays connected."""

    async def connect_tcp(self, host: str, *_: Any, **__: Any) -> httpcore.AsyncNetworkStream:
        self.hosts.append(host)
        return httpcore.AsyncMockStream([b"HTTP/1.1 204 .\r\n\r\n"] * 3)


async def test_an_open_connection_into_our_network_is_no_other_agencys() -> None:
    caller = Caller(OURS, Answering())
    for _ in range(2):
        assert (await caller.call("Clinic", "POST", "https://127.0.0.1:8443/events", {})).status == 204
    with pytest.raises(AddressRefused):
        await caller.call("Another", "POST", "https://127.0.0.1:8443/events", {})
    await caller.close()


@pytest.mark.parametrize(
    "place", ["clinic.intern", "clinic.intern:x", "http://clinic.intern:443", ":443", "a@b:443", "*"]
)
def test_what_names_no_port_of_a_host_is_no_setting(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOMEWARD_PARTNERS_WEBHOOK_PRIVATE_HOSTS", f'{{"Clinic": ["{place}"]}}')
    with pytest.raises(ValueError, match="host"):
        Settings(database_url="postgresql+asyncpg://nobody@nowhere/nothing", amqp_url="amqp://nowhere/")
