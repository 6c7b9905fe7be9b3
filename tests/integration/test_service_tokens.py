"""A service takes from another what that one signed for it, for what the table grants the pair, and nothing else."""

import time
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import orjson
import pytest
import pytest_asyncio
from joserfc import jwt
from joserfc.jwk import OctKey

from services.embedded import SERVICES
from shared.auth.grants import SERVICE_GRANTS
from shared.auth.keys import generate_key, public_pem
from shared.auth.permissions import Permission
from shared.auth.principal import EVERY_OFFICE, Principal
from shared.auth.roles import Role
from shared.auth.services import LIFETIME_SECONDS, Identity
from shared.auth.tokens import ALGORITHM
from tests.integration.gateway.suite import Suite, running_suite

pytestmark = pytest.mark.asyncio(loop_scope="module")

CONSENT, IDENTITIES = f"/cases/{uuid4()}/consent", "/identities"
LOG, HEADS, CLOCK = "/events/last", "/events/heads", "/clock"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def suite(tmp_path_factory: pytest.TempPathFactory, postgres_url: str) -> AsyncIterator[Suite]:
    async with running_suite(tmp_path_factory.mktemp("service-tokens"), postgres_url) as running:
        yield running


def claims(**changes: Any) -> dict[str, Any]:
    """What travel says when it calls screening; a claim of None is left out."""
    now = int(time.time())
    made = {
        "iss": "/homeward/travel",
        "sub": "service:travel",
        "aud": "homeward/screening",
        "iat": now,
        "exp": now + 60,
    }
    scope = " ".join(SERVICE_GRANTS["travel", "screening"])
    return {name: value for name, value in {**made, "scope": scope, **changes}.items() if value is not None}


def signed(key: Any, algorithm: str = ALGORITHM, kid: str | None = "travel", **changes: Any) -> str:
    header = {"alg": algorithm} | ({"kid": kid} if kid else {})
    return jwt.encode(header, claims(**changes), key, algorithms=[algorithm])


def unsigned(**changes: Any) -> str:
    parts = ({"alg": "none", "kid": "travel"}, claims(**changes))
    return ".".join([*(urlsafe_b64encode(orjson.dumps(each)).rstrip(b"=").decode() for each in parts), ""])


async def status(suite: Suite, token: str, path: str = CONSENT, *, service: str = "screening", **more: Any) -> int:
    headers = {"Authorization": f"Bearer {token}", "Purpose": "boarding", **more}
    async with suite.client(service) as client:
        return (await client.get(path, headers=headers)).status_code


async def test_travel_asks_screening_what_it_must_know_and_no_more(suite: Suite) -> None:
    token = signed(suite.identities["travel"])
    assert [await status(suite, token, path) for path in (CONSENT, LOG)] == [404, 200]
    refused = [f"/cases/{uuid4()}", "/search?q=Omar", "/duplicates", "/positions", "/dead-letters", CLOCK]
    assert {await status(suite, token, path) for path in refused} == {403}


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "homeward/travel"},
        {"aud": "homeward"},
        {"iss": "homeward"},
        {"iss": "/homeward/gateway"},
        {"iss": "/homeward/nobody"},
        {"sub": "service:gateway"},
        {"iat": 1, "exp": 100},
        {"iat": int(time.time()) + 3600, "exp": int(time.time()) + 3660},
        {"exp": int(time.time()) + 365 * 24 * 3600},
        *({name: None} for name in ("iss", "sub", "aud", "iat", "exp", "scope")),
    ],
    ids=lambda changes: " ".join(f"{name} {len(str(value))}" for name, value in changes.items()),
)
async def test_a_token_with_a_wrong_or_missing_claim_is_refused(suite: Suite, changes: dict[str, Any]) -> None:
    assert await status(suite, signed(suite.identities["travel"], **changes)) == 401


async def test_a_forged_token_is_refused(suite: Suite) -> None:
    travel = suite.identities["travel"]
    secret = OctKey.import_key(public_pem(travel).encode().hex())
    forged = {
        "of another key": signed(generate_key()),
        "of the key that signs operators' tokens": signed(suite.key),
        "of another service": signed(suite.identities["gateway"]),
        "of another service that names its own key": signed(suite.identities["gateway"], kid="gateway"),
        "that names another service's key": signed(travel, kid="gateway"),
        "that names no key": signed(travel, kid=None),
        "that is not signed": unsigned(),
        "that takes the public key for a shared secret": signed(secret, "HS256"),
    }
    assert {how: await status(suite, token) for how, token in forged.items()} == dict.fromkeys(forged, 401)


async def test_a_token_is_good_at_one_service_only(suite: Suite) -> None:
    for_screening = Identity("gateway", suite.identities["gateway"]).token_for("screening")
    assert await status(suite, for_screening, LOG) == 200
    others = [name for name in SERVICES if name != "screening"]
    assert {await status(suite, for_screening, LOG, service=name) for name in others} == {401}


async def test_a_scope_narrows_what_is_granted_and_never_widens_it(suite: Suite) -> None:
    key = suite.identities["travel"]
    narrow = signed(key, scope="events:verify")
    assert [await status(suite, narrow, path) for path in (LOG, CONSENT)] == [200, 403]
    wide = signed(key, scope=" ".join(Permission), roles=list(Role), offices=[EVERY_OFFICE], name="admin")
    assert [await status(suite, wide, path) for path in (CONSENT, CLOCK, "/duplicates")] == [404, 403, 403]


async def test_who_has_no_business_with_another_service_gets_nothing_there(suite: Suite) -> None:
    token = Identity("screening", suite.identities["screening"]).token_for("reintegration")
    assert {await status(suite, token, path, service="reintegration") for path in (LOG, "/funds", CLOCK)} == {403}


async def test_an_operators_token_is_no_services_token(suite: Suite) -> None:
    admin = Principal("service:travel", "travel", frozenset(Role), frozenset({EVERY_OFFICE}))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(suite.apps["travel"])) as client:
        answer = await client.post(
            "http://travel/events/subjects",
            json={"wanted": []},
            headers={"Authorization": f"Bearer {suite.signer.issue(admin, audience='travel')}"},
        )
    assert answer.status_code == 403


async def test_no_header_that_a_client_can_set_makes_somebody_of_it(suite: Suite) -> None:
    claimed = {"X-Service": "travel", "X-Forwarded-User": "admin", "X-Roles": "admin", "X-Homeward-Principal": "admin"}
    async with suite.client("screening") as client:
        assert (await client.get(LOG, headers=claimed)).status_code == 401


async def test_a_service_makes_a_new_token_before_the_old_one_ends(
    suite: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    identity, now = Identity("travel", suite.identities["travel"]), time.time()
    first = identity.token_for("screening")
    assert identity.token_for("screening") == first
    assert identity.token_for("reintegration") != first
    monkeypatch.setattr(time, "time", lambda: now + LIFETIME_SECONDS - 30)
    renewed = identity.token_for("screening")
    assert renewed != first
    monkeypatch.setattr(time, "time", lambda: now + LIFETIME_SECONDS + 31)
    assert [await status(suite, token) for token in (first, renewed)] == [401, 404]


async def test_a_service_is_granted_the_logs_that_it_follows_and_no_other(suite: Suite) -> None:
    follows = {
        (name, source.rpartition("/")[2]) for name, app in suite.apps.items() for source in app.state.service.follows
    }
    assert SERVICE_GRANTS.keys() == follows
    assert all(Permission.EVENTS_FOLLOW in granted for granted in SERVICE_GRANTS.values())
