"""What people do that has to do with no case is in the audit too: coming and going, mending, keys, the clock."""

import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from services.gateway.clients import SERVICES
from shared.auth.accounts import Whose
from shared.auth.roles import Role
from tests.integration.gateway.suite import Suite

pytestmark = pytest.mark.asyncio(loop_scope="package")

PASSWORD = "a word of the right length"


async def entries(suite: Suite, service: str = "gateway", **sought: str) -> list[dict[str, Any]]:
    """What an auditor finds there."""
    auditor = suite.user(Role.AUDITOR, name="auditor")
    prefix = "/api/gateway" if service == "gateway" else f"/api/{service}"
    answer = await auditor.get(f"{prefix}/audit/entries", params={"limit": 1000, **sought})
    found: list[dict[str, Any]] = answer.raise_for_status().json()["entries"]
    return found


async def test_signing_in_and_out_is_in_the_audit_of_the_persons_office(suite: Suite) -> None:
    password = suite.accounts.create("goes-in-and-out", [Role.MANAGER], ["tripoli"], password=Whose.MACHINE)
    account = suite.accounts.get("goes-in-and-out")
    person, body = suite.stranger(), {"name": account.name, "password": password}
    session = {"Authorization": f"Bearer {(await person.post('/api/sign-in', json=body)).json()['access_token']}"}
    assert (await person.post("/api/sign-out", headers=session)).status_code == 204
    assert (await person.post("/sign-in", data=body)).status_code == 303
    assert (await person.post("/sign-out")).status_code == 303
    found = await entries(suite, actor=account.principal.id)
    assert [(each["action"], each["office"]) for each in found] == [("sign-in", "tripoli"), ("sign-out", "tripoli")] * 2


async def test_a_failed_sign_in_names_the_account_and_never_what_was_typed(suite: Suite) -> None:
    suite.accounts.create("tried-in-vain", [Role.MANAGER], ["tripoli"], password=Whose.MACHINE)
    account, person = suite.accounts.get("tried-in-vain"), suite.stranger()
    before = len(await entries(suite, action="sign-in failed"))
    for name in (account.name, "typed-by-a-stranger"):
        await person.post("/api/sign-in", json={"name": name, "password": PASSWORD})
    known, unknown = sorted((await entries(suite, action="sign-in failed")), key=lambda each: each["at"])[before:]
    assert (known["actor"], known["office"], known["subjects"]) == ("unknown", "tripoli", [account.id])
    assert (unknown["actor"], unknown["office"], unknown["subjects"]) == ("unknown", "programme", [])
    assert "typed" not in json.dumps(unknown) and PASSWORD not in json.dumps([known, unknown])


async def test_another_password_is_in_the_audit_also_when_it_was_refused(suite: Suite) -> None:
    password = suite.accounts.create("changes-it", [Role.MANAGER], ["tripoli"], password=Whose.MACHINE)
    account, person = suite.accounts.get("changes-it"), suite.stranger()
    signed_in = await person.post("/api/sign-in", json={"name": account.name, "password": password})
    session = {"Authorization": f"Bearer {signed_in.json()['access_token']}"}
    for old, status in (("wrong", 401), (password, 204)):
        body = {"old_password": old, "new_password": "a wholly different one"}
        assert (await person.post("/api/password", json=body, headers=session)).status_code == status
    body = {"password": "a wholly different one"}
    assert (await person.post("/api/second-factor", json=body, headers=session)).status_code == 200
    found = await entries(suite, actor=account.principal.id)
    assert [each["action"] for each in found] == ["sign-in", *["change_password"] * 2, "begin_second_factor"]


async def test_who_has_to_wait_leaves_no_entry(suite: Suite) -> None:
    suite.accounts.create("has-to-wait", [Role.MANAGER], password=Whose.MACHINE)
    account, person = suite.accounts.get("has-to-wait"), suite.stranger()
    body = {"name": account.name, "password": "wrong"}
    assert [(await person.post("/api/sign-in", json=body)).status_code for _ in range(8)] == [401] * 5 + [429] * 3
    assert len(await entries(suite, action="sign-in failed", case=account.id)) == 5


async def test_what_mends_a_service_is_in_its_audit(suite: Suite) -> None:
    admin = suite.user(Role.ADMIN, name="mends")
    await suite.at_rest(admin)
    nothing = {"subject": str(uuid4())}
    await admin.post("/api/travel/dead-letters/replay", json=nothing)
    await admin.post("/api/travel/dead-letters/skip", json=nothing | {"reason": "nothing is there", "count": 1})
    await admin.post("/api/travel/unreadable/1/dismiss", json={"reason": "nothing is there"})
    assert (await admin.post("/api/travel/replay")).status_code == 200
    assert (await admin.post("/api/travel/keys/wrap")).status_code == 200
    assert [each["action"] for each in await entries(suite, "travel", actor="user:mends")] == [
        *("replay_letters", "skip_letters", "dismiss", "compare_logs", "wrap_again")
    ]
    assert (await admin.post("/api/gateway/replay?from_nothing=true")).status_code == 200
    assert "rebuild" in [each["action"] for each in await entries(suite, actor="user:mends")]


async def test_who_asks_for_another_time_is_in_every_services_audit(suite: Suite) -> None:
    admin = suite.user(Role.ADMIN, name="conducts")
    await suite.at_rest(admin)
    # Refused, for a clock that is set stands still, and other tests' would with it.
    earlier = suite.apps["gateway"].state.service.clock.now() - timedelta(days=1)
    assert (await admin.post("/api/clock", json={"now": earlier.isoformat()})).status_code == 409
    for service in (*SERVICES, "gateway"):
        found = await entries(suite, service, actor="user:conducts")
        assert [(each["action"], each["office"]) for each in found] == [("set_clock", "programme")], service
