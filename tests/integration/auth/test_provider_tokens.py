"""Tokens of the identity provider are accepted only as it signed them, for us, and while they are valid."""

import base64
import hashlib
import hmac
import json
import time
from typing import Any
from uuid import UUID

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey, import_key

from shared.auth.published_keys import INTERVAL
from tests.integration.auth.conftest import Desk, own_token
from tests.support.oidc_provider import AUDIENCE, CLIENT, PERSON, SHARED, SUBJECT

NOW = int(time.time())


def _claims(desk: Desk, **changes: Any) -> dict[str, Any]:
    now = int(time.time())
    return {"iss": desk.provider.issuer, "aud": AUDIENCE, "sub": SUBJECT, "exp": now + 300, **PERSON, **changes}


def _part(content: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


async def test_a_token_of_the_provider_lets_its_person_in(desk: Desk) -> None:
    answer = await desk.ask(desk.provider.token())
    assert (answer.status_code, answer.json()["name"], answer.json()["offices"]) == (200, "Amina Benali", ["tripoli"])


async def test_the_suites_own_tokens_are_accepted_beside_it(desk: Desk) -> None:
    before = desk.provider.fetches
    answer = await desk.ask(own_token("local"))
    assert (answer.status_code, answer.json()["name"]) == (200, "local")
    assert desk.provider.fetches == before


async def test_a_persons_id_is_always_the_same_and_tells_nobody_who_it_is(desk: Desk) -> None:
    first = (await desk.ask(desk.provider.token())).json()["id"]
    desk.provider.rotate("EC", keep=True)
    desk.watch.seconds += INTERVAL
    again = (await desk.ask(desk.provider.token(name=None))).json()
    another = (await desk.ask(desk.provider.token(sub="somebody else"))).json()["id"]
    assert UUID(first) and SUBJECT not in first
    assert again == {"id": first, "name": "amina.b", "offices": ["tripoli"]}
    assert another != first


@pytest.mark.parametrize("kind", ["JWT", "at+jwt", "application/at+jwt", "AT+JWT"])
async def test_a_token_may_say_that_it_is_one_for_access(desk: Desk, kind: str) -> None:
    assert await desk.status(desk.provider.token({"typ": kind})) == 200


async def test_a_signature_with_an_elliptic_curve_does_as_well(desk: Desk) -> None:
    desk.provider.rotate("EC")
    assert await desk.status(desk.provider.token()) == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://elsewhere.example.org"},
        {"iss": None},
        {"aud": "another-service"},
        {"aud": [CLIENT, "another-service"]},
        {"aud": None},
        {"aud": []},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"exp": NOW - 3600},
        {"exp": None},
        {"exp": "tomorrow"},
        {"nbf": NOW + 3600},
        {"iat": NOW + 3600},
        {"typ": "ID"},
        {"typ": "Refresh"},
    ],
    ids=lambda changes: "".join(f"{name} {type(value).__name__}" for name, value in changes.items()),
)
async def test_a_token_with_a_wrong_or_missing_claim_is_refused(desk: Desk, changes: dict[str, Any]) -> None:
    answer = await desk.ask(desk.provider.token(**changes))
    assert (answer.status_code, answer.json()["type"]) == (401, "/problems/unauthenticated")


async def test_a_token_that_was_good_is_refused_once_its_time_is_over(desk: Desk) -> None:
    token = desk.provider.token()
    assert await desk.status(token) == 200
    desk.ahead += 400
    assert await desk.status(token) == 401


@pytest.mark.parametrize("header", [{"typ": "logout+jwt"}, {"typ": "dpop+jwt"}, {"kid": "made up"}], ids=str)
async def test_a_token_of_another_kind_or_key_is_refused(desk: Desk, header: dict[str, Any]) -> None:
    assert await desk.status(desk.provider.token(header)) == 401


@pytest.mark.parametrize("algorithm", ["RS384", "PS512"])
async def test_a_good_signature_with_an_algorithm_that_is_not_on_the_list_is_refused(
    desk: Desk, algorithm: str
) -> None:
    assert await desk.status(desk.provider.token({"alg": algorithm})) == 401
    assert await desk.status(desk.provider.token({"alg": "PS256"})) == 200


async def test_a_list_of_audiences_with_ours_and_a_clock_a_little_ahead_are_well(desk: Desk) -> None:
    ahead = int(time.time()) + 20
    assert await desk.status(desk.provider.token(aud=["another-service", AUDIENCE], nbf=ahead, iat=ahead)) == 200


async def test_a_forged_signature_is_refused(desk: Desk) -> None:
    header, claims, signature = desk.provider.token().split(".")
    forged = _part(_claims(desk, sub="the director"))
    assert await desk.status(f"{header}.{forged}.{signature}") == 401
    assert await desk.status(f"{header}.{claims}.{signature[:-8]}AAAAAAAA") == 401
    assert await desk.status(f"{header}.{claims}.") == 401


async def test_a_key_that_merely_bears_a_published_keys_name_is_refused(desk: Desk) -> None:
    [published] = desk.provider.public_keys()
    own = RSAKey.generate_key(2048)
    header = {"alg": "RS256", "kid": published["kid"]}
    assert await desk.status(jwt.encode(header, _claims(desk), own, ["RS256"])) == 401
    # The key that came along in the token is nobody's.
    header["jwk"] = own.as_dict(private=False)
    assert await desk.status(jwt.encode(header, _claims(desk), own, ["RS256"])) == 401


@pytest.mark.parametrize("name", ["none", "None", "nOnE"])
async def test_a_token_without_a_signature_is_refused(desk: Desk, name: str) -> None:
    [published] = desk.provider.public_keys()
    for header in ({"alg": name}, {"alg": name, "kid": published["kid"]}):
        assert await desk.status(f"{_part(header)}.{_part(_claims(desk))}.") == 401


async def test_a_token_that_takes_the_public_key_for_a_shared_secret_is_refused(desk: Desk) -> None:
    [published] = desk.provider.public_keys()
    key = import_key(published)
    assert isinstance(key, RSAKey)
    for secret in (key.as_pem(private=False), key.as_der(private=False), json.dumps(published).encode()):
        header = {"alg": "HS256", "kid": published["kid"]}
        assert await desk.status(_hmac(header, _claims(desk), secret)) == 401


async def test_a_shared_secret_among_the_published_keys_is_no_key(desk: Desk) -> None:
    for name in ("HS256", "RS256"):
        assert await desk.status(_hmac({"alg": name, "kid": "shared"}, _claims(desk), SHARED)) == 401


def _hmac(header: dict[str, Any], claims: dict[str, Any], secret: bytes) -> str:
    signed = f"{_part(header)}.{_part(claims)}"
    signature = hmac.digest(secret, signed.encode(), hashlib.sha256)
    return f"{signed}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


@pytest.mark.parametrize(
    "header",
    [
        [],
        ["alg"],
        "alg",
        {},
        {"alg": ["RS256"]},
        {"alg": "RS256", "kid": 7},
        {"alg": "RS256", "typ": 7},
        {"alg": "RS256", "crit": 5},
        {"alg": "RS256", "crit": ["b64"], "b64": False},
        {"alg": "RS256", "x5u": 5},
    ],
    ids=str,
)
async def test_a_strange_header_is_refused_like_any_other(desk: Desk, header: object) -> None:
    assert await desk.status(f"{_part(header)}.{_part(_claims(desk))}.AAAA") == 401


async def test_what_is_nested_without_end_is_refused(desk: Desk) -> None:
    deep = base64.urlsafe_b64encode(b"[" * 20_000).decode().rstrip("=")
    assert await desk.status(f"{_part({'alg': 'RS256'})}.{deep}.AAAA") == 401


@pytest.mark.parametrize(
    "groups", [None, [], "HQ", ["manager"], ["admin", "*"], ["HQ/Homeward Managers/x"], {"manager": True}, [7]], ids=str
)
async def test_who_has_no_group_of_the_table_may_do_nothing(desk: Desk, groups: object) -> None:
    answer = await desk.ask(desk.provider.token(groups=groups))
    assert (answer.status_code, answer.json()["type"]) == (403, "/problems/forbidden")


async def test_every_office_is_nothing_that_a_claim_can_ask_for(desk: Desk) -> None:
    answer = await desk.ask(desk.provider.token(offices=["*", "sebha", 7]))
    assert answer.json()["offices"] == ["sebha"]
