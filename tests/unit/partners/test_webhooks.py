"""When a webhook is tried again, and that a name which points elsewhere a moment later leads nowhere."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as some
from yarl import URL

from services.partners.settings import Settings
from services.partners.webhooks import schedule
from services.partners.webhooks.addresses import AddressRefused, Guard, Guards, Way
from services.partners.webhooks.calls import Caller, NotConnected
from services.partners.webhooks.schedule import Meaning, outcome
from tests.support.agency_broker import certificates

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
        ("9" * 400, timedelta(days=1)), ("Thu, 01 Jan 2026 00:00:00 +99999999999999999999", None),
        ("Thu, 01 Jan " + "9" * 30 + " 00:00:00 GMT", None),
    ],
)  # fmt: skip
def test_retry_after_is_a_number_or_a_date_or_nothing(said: str, wait: timedelta | None) -> None:
    assert outcome(503, said, "", NOW).wait == wait


def _opened(guard: Guard, host: str, port: int, address: str | None = None) -> str:
    """Where a connection to the place would go. Raises AddressRefused."""
    info = (socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM, 6, "", (address or host, port))
    Way(guard, (host, port)).open(info).close()
    return address or host


async def test_the_connection_goes_to_the_address_that_was_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [["93.184.215.14"], ["127.0.0.1"], ["93.184.215.14", "10.0.0.1"]]

    def resolve(_: str, port: int, **__: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in answers.pop(0)]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    guard = Guards().of("An agency")
    way = Way(guard, ("agency.example", 443))
    assert [each["host"] for each in await way.resolve("agency.example", 443)] == ["93.184.215.14"]
    for _ in range(2):
        with pytest.raises(AddressRefused):
            await way.resolve("agency.example", 443)
    assert _opened(guard, "agency.example", 443, "93.184.215.14")
    for inward in ("127.0.0.1", "127.1", "10.0.0.1"):
        with pytest.raises(AddressRefused):
            _opened(guard, "agency.example", 443, inward)


OURS = {"Clinic": ["127.0.0.1:8443", "[::1]:443", "clinic.intern:443"]}


def test_a_place_that_the_settings_name_for_an_agency_may_be_anywhere() -> None:
    guard = Guards(OURS).of("Clinic")
    for url in ("http://127.0.0.1:8443/events", "https://[::1]/events", "https://CLINIC.intern/events"):
        guard.check(url)
    assert _opened(guard, "127.0.0.1", 8443) == "127.0.0.1"
    assert _opened(guard, "::1", 443) == "::1"


@pytest.mark.parametrize("agency", ["Clinic", "Another", "clinic", ""])
def test_no_other_port_host_or_agency_comes_with_it(agency: str) -> None:
    guard = Guards(OURS).of(agency)
    other = [("127.0.0.1", 8444), ("127.0.0.2", 8443), ("127.0.0.1", 443), ("::1", 8443)]
    for host, port in [*other, *([] if agency == "Clinic" else [("127.0.0.1", 8443), ("::1", 443)])]:
        with pytest.raises(AddressRefused):
            _opened(guard, host, port)
        with pytest.raises(AddressRefused):
            guard.check(f"http://{f'[{host}]' if ':' in host else host}:{port}/events")


@pytest.fixture
async def over_tls(tmp_path: Path) -> AsyncIterator[tuple[int, Caller]]:
    """A receiver whose certificate is localhost's and 127.0.0.1's, and a caller that trusts its authority."""
    authority, certificate, key = certificates()
    (tmp_path / "server.pem").write_text(certificate + key)
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    theirs.load_cert_chain(tmp_path / "server.pem")

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(b"HTTP/1.1 204 .\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=theirs)
    port = server.sockets[0].getsockname()[1]
    places = {"Clinic": [f"127.0.0.1:{port}"], "Lab": [f"other.intern:{port}"]}
    caller = Caller(places, ssl.create_default_context(cadata=authority))
    yield port, caller
    await caller.close()
    server.close()


async def test_an_open_connection_into_our_network_is_no_other_agencys(over_tls: tuple[int, Caller]) -> None:
    port, caller = over_tls
    for _ in range(2):
        assert (await caller.call("Clinic", "POST", f"https://127.0.0.1:{port}/events", {})).status == 204
    with pytest.raises(AddressRefused):
        await caller.call("Another", "POST", f"https://127.0.0.1:{port}/events", {})


async def test_who_answers_proves_to_be_the_host_that_is_called(
    over_tls: tuple[int, Caller], monkeypatch: pytest.MonkeyPatch
) -> None:
    port, caller = over_tls
    resolve = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda _, *more, **named: resolve("127.0.0.1", *more, **named))
    with pytest.raises(NotConnected, match="Certificate"):
        await caller.call("Lab", "POST", f"https://other.intern:{port}/events", {})


async def test_connections_that_are_given_up_by_two_at_once_are_all_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    caller = Caller({})
    guard = caller.guards.of("Clinic")
    lines = [caller._line(guard, URL(f"https://clinic-{number}.example")) for number in range(8)]
    close = aiohttp.ClientSession.close

    async def late(session: aiohttp.ClientSession) -> None:
        await asyncio.sleep(0)
        await close(session)

    monkeypatch.setattr(aiohttp.ClientSession, "close", late)
    monkeypatch.setattr("services.partners.webhooks.calls._ORIGINS", 2)
    await asyncio.gather(caller._forget(), caller._forget())
    assert [line.session.closed for line in lines] == [True] * 6 + [False] * 2
    await caller.close()


@pytest.mark.parametrize(
    "place", ["clinic.intern", "clinic.intern:x", "http://clinic.intern:443", ":443", "a@b:443", "*"]
)
def test_what_names_no_port_of_a_host_is_no_setting(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOMEWARD_PARTNERS_WEBHOOK_PRIVATE_HOSTS", f'{{"Clinic": ["{place}"]}}')
    with pytest.raises(ValueError, match="host"):
        Settings(database_url="postgresql+asyncpg://nobody@nowhere/nothing", amqp_url="amqp://nowhere/")
