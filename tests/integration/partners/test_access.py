"""Nobody of the programme gets an agency's access alone: two people tell a code each, and the agency claims its key."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio

from services.embedded import EmbeddedSuite
from services.partners import keys
from shared.clock import ProgrammeClock
from shared.persistence.database import rows, run
from tests.support.liaison import Liaison
from tests.support.suite import Operator, sign_in

pytestmark = pytest.mark.asyncio(loop_scope="module")

WANTED = {"contact": "the consul, Ms Example", "reason": "a first key"}
KEEPERS = "/api/partners/agencies"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def keeper(suite: EmbeddedSuite) -> AsyncIterator[Liaison]:
    yield Liaison(suite, await sign_in(suite, "partner_liaison"), await sign_in(suite, "manager"))


@pytest_asyncio.fixture(loop_scope="module")
async def agency(keeper: Liaison, request: pytest.FixtureRequest) -> str:
    """One that has no key yet."""
    entered = {"name": f"Embassy, {request.node.name}", "kind": "embassy", "country": "PK"}
    return str((await keeper.liaison.post(KEEPERS, entered)).json()["agency_id"])


async def shown(operator: Operator, agency: str) -> dict[str, Any]:
    """How the agency is listed."""
    found = (await operator.get(KEEPERS)).json()["agencies"]
    return dict(next(each for each in found if each["agency_id"] == agency))


async def claimed(suite: EmbeddedSuite, codes: dict[str, str], address: str = "198.51.100.1") -> httpx.Response:
    """What a stranger is answered at the agencies' port."""
    transport = httpx.ASGITransport(suite.apps["partners"], client=(address, 4000))
    async with httpx.AsyncClient(transport=transport, base_url="http://partners") as stranger:
        return await stranger.post("/claims", json=codes)


async def works(suite: EmbeddedSuite, key: str) -> bool:
    """Whether who has the key is let in."""
    client = suite._client("partners")
    return (await client.get("/access/keys", headers={"Authorization": f"Bearer {key}"})).is_success


async def test_two_people_and_the_agency_make_its_key_and_nobody_else_is_told_it(
    suite: EmbeddedSuite, keeper: Liaison, agency: str
) -> None:
    base = f"{KEEPERS}/{agency}/access-requests"
    opened = (await keeper.liaison.post(base, WANTED)).json()
    assert (await shown(keeper.liaison, agency))["access_requests"][0]["state"] == "waiting"
    approved = (await keeper.manager.post(f"{base}/{opened['request_id']}/approval", {})).json()
    [waiting] = (await shown(keeper.liaison, agency))["access_requests"]
    assert (waiting["state"], waiting["contact"], waiting["claimed_at"]) == ("approved", WANTED["contact"], None)
    until = datetime.fromisoformat(approved["expires_at"]) - datetime.now(UTC)
    assert timedelta(hours=71) < until <= timedelta(hours=72)

    codes = {"request_code": opened["request_code"], "claim_code": approved["claim_code"]}
    answer = await claimed(suite, codes)
    made = answer.json()
    assert (answer.status_code, made["agency_id"]) == (201, agency)
    assert answer.headers["cache-control"] == "no-store"
    assert await works(suite, made["key"])
    view = await shown(keeper.liaison, agency)
    [request], [key] = view["access_requests"], view["keys"]
    assert (request["state"], request["request_id"]) == ("claimed", opened["request_id"])
    assert (key["key_id"], key["request_id"]) == (made["key_id"], opened["request_id"])
    assert datetime.fromisoformat(request["claimed_at"]) > datetime.now(UTC) - timedelta(minutes=5)

    auditor = await sign_in(suite, "auditor")
    audit = (await auditor.get("/api/audit", actor=f"agency:{agency}")).json()["entries"]
    [claim] = [each for each in audit if each["action"] == "claim access"]
    assert {agency, opened["request_id"], made["key_id"]} == set(claim["subjects"])
    for actions in ("open access request", "approve access request"):
        found = (await auditor.get("/api/audit", case=opened["request_id"])).json()["entries"]
        assert actions in {each["action"] for each in found}
    for word in (*codes.values(), made["key"]):
        assert word not in await everything_kept(suite)


async def everything_kept(suite: EmbeddedSuite) -> str:
    """What the tables of access and of answers hold."""
    async with suite.apps["partners"].state.service.database.transaction() as connection:
        found = [
            row.kept
            for table in ("access_request", "agency_key", "idempotency")
            for row in await rows(connection, f"SELECT CAST({table} AS text) AS kept FROM {table}")
        ]
        answers = await rows(connection, "SELECT convert_from(answer, 'UTF8') AS answer FROM idempotency")
    return "\n".join([*found, *(each.answer or "" for each in answers)])


async def test_who_opened_a_request_does_not_approve_it_and_no_liaison_does(
    suite: EmbeddedSuite, keeper: Liaison, agency: str
) -> None:
    base = f"{KEEPERS}/{agency}/access-requests"
    request = (await keeper.liaison.post(base, WANTED)).json()["request_id"]
    assert (await keeper.liaison.post(f"{base}/{request}/approval", {})).status_code == 403
    assert (await keeper.manager.post(base, WANTED)).status_code == 403
    both = await somebody_with_both(suite)
    own = (await both.post(base, json=WANTED)).json()["request_id"]
    refused = await both.post(f"{base}/{own}/approval")
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/own-request")
    # Opening it has taken the one before back.
    over = await keeper.manager.post(f"{base}/{request}/approval", {})
    assert (over.status_code, over.json()["type"]) == (409, "/problems/request-over")
    elsewhere = f"{KEEPERS}/{await another(keeper)}/access-requests/{own}/approval"
    assert (await keeper.manager.post(elsewhere, {})).status_code == 404


async def somebody_with_both(suite: EmbeddedSuite) -> httpx.AsyncClient:
    """An account that has both roles."""
    admin = await sign_in(suite, "admin")
    made = await admin.post("/api/accounts", {"name": "both", "roles": ["partner_liaison", "manager"]})
    assert made.is_success, made.text
    first = {"name": "both", "password": made.json()["first_password"]}
    token = (await suite.gateway.post("/api/sign-in", json=first)).json()["access_token"]
    client = suite._client("gateway")
    client.headers["Authorization"] = f"Bearer {token}"
    new = {"old_password": first["password"], "new_password": "a much longer password 7"}
    assert (await client.post("/api/password", json=new)).is_success
    again = await suite.gateway.post("/api/sign-in", json={"name": "both", "password": new["new_password"]})
    client.headers["Authorization"] = f"Bearer {again.json()['access_token']}"
    return client


async def another(keeper: Liaison) -> str:
    entered = {"name": "Another embassy", "kind": "embassy", "country": "CI"}
    return str((await keeper.liaison.post(KEEPERS, entered)).json()["agency_id"])


async def test_whatever_is_wrong_with_the_codes_the_answer_is_the_same(
    suite: EmbeddedSuite, keeper: Liaison, agency: str
) -> None:
    used = await keeper.codes(agency)
    assert (await claimed(suite, used)).is_success
    good = await keeper.codes(agency)
    late, back = await keeper.codes(await another_named(keeper, "late")), None
    base = f"{KEEPERS}/{agency}/access-requests"
    wrong = [
        used,
        {"request_code": "mistyped", "claim_code": "mistyped"},
        good | {"request_code": used["request_code"]},
        good | {"claim_code": used["claim_code"]},
        # Neither of the two gets in with what that one was told.
        {"request_code": good["request_code"], "claim_code": good["request_code"]},
        {"request_code": good["claim_code"], "claim_code": good["claim_code"]},
    ]
    answers = [await claimed(suite, each) for each in wrong]
    with pytest.MonkeyPatch.context() as patch:
        clock = ProgrammeClock(datetime.now(UTC) + timedelta(hours=73))
        patch.setattr(suite.apps["partners"].state.access, "clock", clock)
        answers.append(await claimed(suite, late))
    back = (await shown(keeper.liaison, agency))["access_requests"][0]["request_id"]
    assert (await keeper.liaison.post(f"{base}/{back}/end", {})).status_code == 204
    answers.append(await claimed(suite, good))
    assert {each.status_code for each in answers} == {404}
    assert len({each.content for each in answers}) == 1
    assert answers[0].json()["type"] == "/problems/claim-unusable"
    # In time it would have been good.
    assert (await claimed(suite, late)).is_success


async def another_named(keeper: Liaison, name: str) -> str:
    entered = {"name": f"Embassy that is {name}", "kind": "embassy", "country": "CI"}
    return str((await keeper.liaison.post(KEEPERS, entered)).json()["agency_id"])


async def test_a_code_that_is_too_old_or_was_lost_is_made_anew_and_the_one_before_opens_nothing(
    suite: EmbeddedSuite, keeper: Liaison, agency: str
) -> None:
    before = await keeper.codes(agency)
    request = (await shown(keeper.liaison, agency))["access_requests"][0]["request_id"]
    with pytest.MonkeyPatch.context() as patch:
        clock = ProgrammeClock(datetime.now(UTC) + timedelta(hours=73))
        patch.setattr(suite.apps["partners"].state.access, "clock", clock)
        assert (await shown(keeper.liaison, agency))["access_requests"][0]["state"] == "expired"
    again = await keeper.manager.post(f"{KEEPERS}/{agency}/access-requests/{request}/approval", {})
    assert (await claimed(suite, before)).status_code == 404
    assert (await claimed(suite, before | {"claim_code": again.json()["claim_code"]})).is_success


async def test_who_guesses_waits_also_with_what_would_be_right_and_nobody_else_does(
    suite: EmbeddedSuite, keeper: Liaison, agency: str
) -> None:
    codes = await keeper.codes(agency)
    guess = {"request_code": "guessed", "claim_code": "guessed"}
    answers = [(await claimed(suite, guess, "203.0.113.7")).status_code for _ in range(21)]
    assert answers == [404] * 20 + [429]
    refused = await claimed(suite, codes, "203.0.113.7")
    assert refused.status_code == 429 and int(refused.headers["retry-after"]) > 20
    assert (await claimed(suite, codes, "203.0.113.8")).is_success


async def test_nobody_claims_through_the_gateway(keeper: Liaison, agency: str) -> None:
    codes = await keeper.codes(agency)
    assert (await keeper.liaison.post("/api/partners/claims", codes)).status_code == 404


async def test_an_agency_makes_itself_another_key_and_ends_its_own(
    suite: EmbeddedSuite, keeper: Liaison, agency: str
) -> None:
    client = await keeper.access(agency)
    first = client.headers["Authorization"].removeprefix("Bearer ")
    made = await client.post("/access/keys")
    second = made.json()
    assert (made.status_code, second["agency_id"]) == (201, agency) and second["key"] != first
    listed = (await client.get("/access/keys")).json()["keys"]
    assert [each["key_id"] for each in listed][1:] == [second["key_id"]]
    assert len({each["request_id"] for each in listed}) == 1

    other = await keeper.access(await another_named(keeper, "another one"))
    assert (await other.post(f"/access/keys/{second['key_id']}/end")).status_code == 404
    assert (await keeper.liaison.post("/api/partners/access/keys", {})).status_code == 403
    assert (await client.post(f"/access/keys/{listed[0]['key_id']}/end")).status_code == 204
    assert (await works(suite, first), await works(suite, second["key"])) == (False, True)
    assert (await client.post("/access/keys")).status_code == 401


async def test_an_agency_has_only_so_many_keys(keeper: Liaison, agency: str) -> None:
    client = await keeper.access(agency)
    answers = [(await client.post("/access/keys")).status_code for _ in range(20)]
    assert answers == [201] * 19 + [409]


async def test_an_unexpected_claim_is_ended_with_all_that_came_of_it(
    suite: EmbeddedSuite, keeper: Liaison, agency: str
) -> None:
    expected, unexpected = await keeper.access(agency), await keeper.access(agency)
    more = (await unexpected.post("/access/keys")).json()["key"]
    last = (await unexpected.post("/access/keys", headers={"Authorization": f"Bearer {more}"})).json()["key"]
    request = (await shown(keeper.liaison, agency))["access_requests"][0]
    assert request["state"] == "claimed"
    assert (await keeper.liaison.post(f"{KEEPERS}/{agency}/access-requests/{request['request_id']}/end", {})).is_success
    for key in (unexpected.headers["Authorization"].removeprefix("Bearer "), more, last):
        assert not await works(suite, key)
    assert (await expected.get("/access/keys")).is_success
    view = await shown(keeper.liaison, agency)
    assert (len(view["keys"]), len(view["access_requests"])) == (1, 1)


async def test_all_access_of_an_agency_ends_at_once_and_no_code_that_was_told_opens_it_again(
    suite: EmbeddedSuite, keeper: Liaison, agency: str
) -> None:
    clients = [await keeper.access(agency) for _ in range(2)]
    other, told = await keeper.access(await another_named(keeper, "not meant")), await keeper.codes(agency)
    await is_older_than_requests(suite, clients[0])
    path = f"{KEEPERS}/{agency}/access/end"
    assert (await keeper.manager.post(path, {})).status_code == 403
    assert (await keeper.liaison.post(path, {})).status_code == 204
    assert [(await each.get("/access/keys")).status_code for each in (*clients, other)] == [401, 401, 200]
    assert (await claimed(suite, told)).status_code == 404
    view = await shown(keeper.liaison, agency)
    assert view["keys"] == view["access_requests"] == []
    auditor = await sign_in(suite, "auditor")
    [entry] = (await auditor.get("/api/audit", action="end all access")).json()["entries"]
    assert entry["subjects"] == [agency]
    assert (await keeper.access(agency)).headers["Authorization"]


async def is_older_than_requests(suite: EmbeddedSuite, client: httpx.AsyncClient) -> None:
    """Its key was made before there were any."""
    digest = keys.digest_of(client.headers["Authorization"].removeprefix("Bearer "))
    async with suite.apps["partners"].state.service.database.transaction() as connection:
        assert await run(connection, "UPDATE agency_key SET request_id = NULL WHERE digest = :digest", digest=digest)


async def test_with_a_key_that_is_older_than_requests_no_other_is_made(
    suite: EmbeddedSuite, keeper: Liaison, agency: str
) -> None:
    client = await keeper.access(agency)
    await is_older_than_requests(suite, client)
    refused = await client.post("/access/keys")
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/key-without-request")
    assert "ask the partner liaison" in refused.json()["detail"]
    [key] = (await client.get("/access/keys")).json()["keys"]
    assert key["request_id"] is None


async def test_who_looks_after_an_agency_is_told_no_secret_of_it_and_has_nothing_sent_elsewhere(
    keeper: Liaison, agency: str
) -> None:
    client, agreement = await keeper.access(agency), await keeper.approved(agency)
    wanted = {"agreement_id": agreement, "way": "webhook", "url": "https://example.org/events"}
    refused = await keeper.liaison.post("/api/partners/subscriptions", wanted)
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/agency-names-url")
    made = await client.post("/subscriptions", json=wanted, headers={"Idempotency-Key": "its-own-url"})
    path = f"subscriptions/{made.json()['subscription_id']}/secret"
    assert made.json()["secret"]
    assert (await keeper.liaison.post(f"/api/partners/{path}", {})).json()["secret"] is None
    own = await client.post(f"/{path}", headers={"Idempotency-Key": "its-own-secret"})
    assert own.json()["secret"] not in (None, made.json()["secret"])
