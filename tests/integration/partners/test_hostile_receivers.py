"""Whatever a receiver answers, and wherever it says that it is: nothing of ours is reached or kept busy by it."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from services.embedded import EmbeddedSuite
from services.partners.webhooks.schedule import Outcome
from shared.persistence.database import run
from tests.integration.partners.world import Airline, airline
from tests.support.bench import eventually
from tests.support.liaison import Liaison
from tests.support.receivers import Call, Receiver, answer, receiving

pytestmark = pytest.mark.asyncio(loop_scope="module")

#: Ways to write addresses of this machine, of a private network, of a cloud's own service.
INWARD = (
    "https://localhost:{port}/events",
    "https://127.1:{port}/events",
    "https://2130706433:{port}/events",
    "https://0x7f.0.0.1:{port}/events",
    "https://0.0.0.0:{port}/events",
    "https://[::1]:{port}/events",
    "https://[::]:{port}/events",
    "https://[::ffff:127.0.0.1]:{port}/events",
    "https://[::ffff:7f00:1]:{port}/events",
    "https://[64:ff9b::7f00:1]:{port}/events",
    "https://[2002:7f00:1::]:{port}/events",
    "https://[fe80::1]:{port}/events",
    "https://[fec0::1]:{port}/events",
    "https://[fd00:ec2::254]:{port}/events",
    "https://10.0.0.1:{port}/events",
    "https://172.16.0.1:{port}/events",
    "https://192.168.0.1:{port}/events",
    "https://100.64.0.1:{port}/events",
    "https://169.254.169.254:{port}/latest/meta-data/",
    "https://168.63.129.16:{port}/machine",
    "https://224.0.0.1:{port}/events",
    "https://255.255.255.255:{port}/events",
)
_REFUSED = "/problems/address-refused"
#: These aren't even asked whether they want to be called.
ILLFORMED = (
    "http://agency.example/events",
    "http://localhost:{port}/events",
    "ftp://127.0.0.1:{port}/events",
    "file:///etc/passwd",
    "https://user:secret@agency.example/events",
    "https://agency.example:99999/events",
    "https:///events",
    "https://agency.example/events#fragment",
)


async def test_no_address_of_our_own_network_is_called(suite: EmbeddedSuite) -> None:
    async with receiving() as receiver:
        agency = await airline(suite, receiver)
        for number, url in enumerate(INWARD):
            answered = await _subscribe(agency, url.format(port=receiver.port), f"inward-{number}")
            assert answered.is_success, answered.text
            agency.subscription = answered.json()["subscription_id"]
            refused = await agency.shake_hands()
            assert refused.json()["type"] == "/problems/address-refused", url
        assert receiver.calls == []


async def test_a_place_in_our_network_is_one_agencys_alone(suite: EmbeddedSuite) -> None:
    async with receiving() as receiver:
        named = await airline(suite, receiver)
        assert (await named.shake_hands()).is_success
        liaison = Liaison(suite, named.operators["partner_liaison"], named.operators["manager"])
        id, client = await liaison.agency("An airline that no setting names", "carrier", carrier="ZZ")
        await liaison.approved(id, purpose="flying people home")
        other = Airline(suite, client, "ZZ", "", "", named.operators)
        path = f"127.0.0.1:{receiver.port}/events"
        assert (await _subscribe(other, f"http://{path}", "in-plain")).json()["type"] == _REFUSED
        made = await _subscribe(other, f"https://{path}", "over-tls")
        other.subscription = made.json()["subscription_id"]
        assert (await other.shake_hands()).json()["type"] == _REFUSED
        elsewhere = await _subscribe(named, "http://127.0.0.1:1/events", "elsewhere")
        assert elsewhere.json()["type"] == _REFUSED
        assert len(receiver.calls) == 1


async def test_an_address_that_is_none_is_refused_at_once(suite: EmbeddedSuite) -> None:
    async with receiving() as receiver:
        agency = await airline(suite, receiver)
        for number, url in enumerate(ILLFORMED):
            answered = await _subscribe(agency, url.format(port=receiver.port), f"illformed-{number}")
            assert answered.json()["type"] == "/problems/address-refused", url


async def test_redirects_are_not_followed(suite: EmbeddedSuite) -> None:
    async with receiving() as inside, receiving() as receiver:
        receiver.reply = lambda _: answer(307, location=inside.url)
        agency = await airline(suite, receiver)
        await agency.shake_hands()
        await agency.post("test")
        await agency.until_failing("307")
        assert inside.calls == []


async def test_huge_headers_are_refused(suite: EmbeddedSuite) -> None:
    sent = 0

    def huge(_: Call) -> Iterator[bytes]:
        nonlocal sent
        yield b"HTTP/1.1 200 OK\r\n"
        for number in range(100_000):
            sent = number
            yield b"X-%d: %s\r\n" % (number, b"x" * 1000)

    async with receiving(reply=huge) as receiver:
        await _fails(suite, receiver, "no connection or no HTTP: ClientResponseError")
        assert 100 <= sent < 50_000


async def test_an_answer_that_is_no_http_is_refused(suite: EmbeddedSuite) -> None:
    async with receiving(reply=lambda _: b"220 smtp.example ESMTP\r\n") as receiver:
        await _fails(suite, receiver, "no connection or no HTTP: ClientResponseError")


async def test_a_time_that_no_calendar_has_is_none(suite: EmbeddedSuite) -> None:
    later = "Thu, 01 Jan 2026 00:00:00 +99999999999999999999"
    async with receiving(reply=lambda _: answer(503, retry_after=later)) as receiver:
        await _fails(suite, receiver, "503")


async def test_an_answer_that_nobody_thought_of_is_a_failed_attempt(
    suite: EmbeddedSuite, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unthought_of(*_: Any) -> Outcome:
        raise RecursionError

    monkeypatch.setattr("services.partners.webhooks.sender.outcome", unthought_of)
    async with receiving() as receiver:
        await _fails(suite, receiver, "an answer that we do not understand")


async def test_headers_of_a_handshake_may_be_any_bytes(suite: EmbeddedSuite) -> None:
    async with receiving() as receiver:
        agency = await airline(suite, receiver)
        receiver.handshake = lambda _: b"HTTP/1.1 200 OK\r\nWebHook-Allowed-Origin: \xff\xfe\x80 there\r\n\r\n"
        refused = await agency.shake_hands()
        assert refused.json()["type"] == "/problems/handshake-refused"
        assert refused.json()["cause"] == "200, allowed origin there"


async def test_what_a_newer_version_agreed_upon_stops_no_delivery_for_good(suite: EmbeddedSuite) -> None:
    writes = """UPDATE agreement SET state = replace(state::text, CAST(:word AS text), CAST(:other AS text))::json"""

    async def written(word: str, other: str) -> None:
        async with suite.apps["partners"].state.service.database.transaction() as connection:
            assert await run(connection, writes, word=f'"{word}"', other=f'"{other}"')
            await run(connection, "UPDATE partner_registry SET version = version + 1")

    async with receiving() as receiver:
        agency = await airline(suite, receiver)
        await agency.shake_hands()
        with capture_logs() as logs:
            await written("own_flights", "own_moons")

            async def stumbled() -> bool:
                return any(each.get("error") == "OfNewerBuild" for each in logs)

            await eventually(stumbled, seconds=30)
        await written("own_moons", "own_flights")
        await agency.post("test")
        await receiver.got(1)


async def test_an_endless_body_is_dropped_and_its_status_counts(suite: EmbeddedSuite) -> None:
    sent = 0

    def endless(_: Call) -> Iterator[bytes]:
        nonlocal sent
        yield b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        while True:
            sent += 1
            yield b"10000\r\n" + b"x" * 65536 + b"\r\n"

    async with receiving(reply=endless) as receiver:
        agency = await airline(suite, receiver)
        await agency.shake_hands()
        await agency.post("test")
        await receiver.got(1)
        await agency.until(waiting=0)
        # What the system's own buffers have taken is no more than some megabytes.
        assert sent < 500


async def _fails(suite: EmbeddedSuite, receiver: Receiver, reason: str) -> None:
    agency = await airline(suite, receiver)
    await agency.shake_hands()
    await agency.post("test")
    await agency.until_failing(reason)
    assert len(receiver.posted) == 1


async def _subscribe(agency: Airline, url: str, key: str) -> httpx.Response:
    found = (await agency.client.get("/agreements")).json()["agreements"]
    body = {"agreement_id": found[0]["agreement_id"], "way": "webhook", "url": url}
    headers = {"Idempotency-Key": f"{agency.carrier}-{key}"}
    return await agency.client.post("/subscriptions", json=body, headers=headers)
