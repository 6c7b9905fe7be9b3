"""The provider's keys: rotated, asked for by whoever makes up their names, and kept while it is away."""

import asyncio
import base64
import json

from shared.auth.published_keys import INTERVAL
from tests.integration.auth.conftest import HOUR, Desk


def _under(header: dict[str, str], token: str) -> str:
    """The token under another header."""
    made = base64.urlsafe_b64encode(json.dumps(header).encode()).decode().rstrip("=")
    return ".".join([made, *token.split(".")[1:]])


def _of_a_made_up_key(desk: Desk, name: str) -> str:
    return _under({"alg": "RS256", "kid": name}, desk.provider.token())


async def test_the_keys_are_fetched_once_for_many_tokens(desk: Desk) -> None:
    before = desk.provider.fetches
    tokens = [desk.provider.token() for _ in range(5)] * 10
    assert set(await asyncio.gather(*map(desk.status, tokens))) == {200}
    assert desk.provider.fetches == before + 1


async def test_a_new_key_is_known_at_once_and_the_old_one_as_long_as_it_is_published(desk: Desk) -> None:
    old = desk.provider.token()
    assert await desk.status(old) == 200
    desk.watch.seconds += INTERVAL
    desk.provider.rotate(keep=True)
    new = desk.provider.token()
    assert (await desk.status(new), await desk.status(old)) == (200, 200)
    desk.provider.rotate()
    desk.watch.seconds += INTERVAL
    assert await desk.status(desk.provider.token()) == 200
    assert (await desk.status(new), await desk.status(old)) == (401, 401)


async def test_a_key_that_is_gone_is_refused_once_the_keys_lifetime_is_over(desk: Desk) -> None:
    old = desk.provider.token()
    assert await desk.status(old) == 200
    desk.provider.rotate()
    desk.watch.seconds += HOUR - 1
    assert await desk.status(old) == 200
    desk.watch.seconds += 1
    assert await desk.status(old) == 401


async def test_made_up_keys_do_not_make_us_hammer_the_provider(desk: Desk) -> None:
    good = desk.provider.token()
    assert await desk.status(good) == 200
    before = desk.provider.fetches
    for step in range(3):
        desk.watch.seconds += INTERVAL
        made_up = [_of_a_made_up_key(desk, f"{step} {number}") for number in range(20)]
        assert set(await asyncio.gather(*map(desk.status, made_up))) == {401}
    assert desk.provider.fetches == before + 3
    assert await desk.status(good) == 200


async def test_what_can_never_be_valid_is_not_worth_a_fetch(desk: Desk) -> None:
    assert await desk.status(desk.provider.token()) == 200
    before = desk.provider.fetches
    desk.watch.seconds += INTERVAL
    for header in ({"alg": "HS256", "kid": "x"}, {"alg": "none", "kid": "x"}, {"alg": "RS256"}):
        assert await desk.status(_under(header, desk.provider.token())) == 401
    assert desk.provider.fetches == before


async def test_an_outage_is_bridged_with_the_keys_that_are_known_but_not_for_ever(lonely_desk: Desk) -> None:
    desk = lonely_desk
    token, later = desk.provider.token(exp=4_000_000_000), desk.provider.token(exp=4_000_000_000, sub="another")
    assert await desk.status(token) == 200
    desk.provider.stop()
    for _ in range(23):
        desk.watch.seconds += HOUR
        assert await desk.status(token) == 200
    assert await desk.status(later) == 200
    desk.watch.seconds += HOUR
    refused = await desk.ask(token)
    assert (refused.status_code, refused.json()["type"]) == (503, "/problems/provider-unreachable")
    assert await desk.status(later) == 503


async def test_after_an_outage_the_keys_of_now_count(lonely_desk: Desk) -> None:
    desk = lonely_desk
    old = desk.provider.token()
    assert await desk.status(old) == 200
    desk.provider.stop()
    desk.watch.seconds += HOUR
    assert await desk.status(old) == 200
    desk.provider.start()
    # It was asked a moment ago; its new key is known as soon as it may be asked again.
    desk.watch.seconds += INTERVAL
    assert await desk.status(desk.provider.token()) == 200
    assert await desk.status(old) == 401


async def test_a_provider_that_was_never_reached_is_no_reason_to_believe_a_token(lonely_desk: Desk) -> None:
    desk = lonely_desk
    token = desk.provider.token()
    desk.provider.stop()
    assert await desk.status(token) == 503
    desk.provider.start()
    assert await desk.status(desk.provider.token()) == 503
    desk.watch.seconds += INTERVAL
    assert await desk.status(desk.provider.token()) == 200


async def test_the_documents_of_another_issuer_are_not_taken(lonely_desk: Desk) -> None:
    desk = lonely_desk
    desk.provider.say_instead(metadata={"issuer": "https://elsewhere.example.org"})
    assert await desk.status(desk.provider.token()) == 503


async def test_a_provider_that_hangs_holds_nobody_up_who_is_known(lonely_desk: Desk) -> None:
    desk = lonely_desk
    token = desk.provider.token()
    made_up = _of_a_made_up_key(desk, "made up")
    assert await desk.status(token) == 200
    desk.watch.seconds += INTERVAL
    desk.provider.hang()
    waiting = asyncio.create_task(desk.status(made_up))
    await asyncio.sleep(0)
    assert await desk.status(token) == 200
    assert not waiting.done()
    assert await waiting == 401
