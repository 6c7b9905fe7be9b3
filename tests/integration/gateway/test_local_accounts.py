"""Local accounts through the gateway: who waits, who has to do something first, what ends a session."""

import asyncio
import base64
from dataclasses import dataclass
from itertools import count
from typing import Any

import httpx
import pytest
from fastapi.routing import iter_route_contexts

from shared.auth import totp
from shared.auth.accounts import Whose
from shared.auth.roles import Role
from tests.integration.gateway.suite import Suite

pytestmark = pytest.mark.asyncio(loop_scope="package")

CHOSEN = "walk home slowly 7"
_numbers = count(1)


@dataclass
class Person:
    """Somebody with an account, at a gateway."""

    http: httpx.AsyncClient
    name: str
    password: str
    secret: bytes = b""
    step: int = 0

    async def sign_in(self, http: httpx.AsyncClient | None = None, **changes: Any) -> httpx.Response:
        body = {"name": self.name, "password": self.password} | changes
        return await (http or self.http).post("/api/sign-in", json=body)

    async def session(self, **changes: Any) -> dict[str, str]:
        """The header of a new session."""
        answer = await self.sign_in(**changes)
        assert answer.is_success, answer.text
        return {"Authorization": f"Bearer {answer.json()['access_token']}"}

    async def change(self, session: dict[str, str], new: str = CHOSEN, old: str | None = None) -> httpx.Response:
        body = {"old_password": old or self.password, "new_password": new}
        return await self.http.post("/api/password", json=body, headers=session)

    async def enrol(self, session: dict[str, str]) -> list[str]:
        """Recovery codes of a second factor."""
        begun = await self.http.post("/api/second-factor", json={"password": self.password}, headers=session)
        assert begun.is_success, begun.text
        self.secret = base64.b32decode(begun.json()["secret"])
        self.step = totp.present_step()
        body = {"code": totp.code_at(self.secret, self.step)}
        done = await self.http.post("/api/second-factor/confirmation", json=body, headers=session)
        assert done.is_success, done.text
        return list(done.json()["recovery_codes"])

    def next_code(self) -> str:
        """The code after the last one; a clock may be a step ahead."""
        self.step += 1
        return totp.code_at(self.secret, self.step)


def somebody(suite: Suite, *roles: Role, password: Whose = Whose.MACHINE) -> Person:
    """A new account; a machine's password is final in a test."""
    name = f"person-{next(_numbers)}"
    given = suite.accounts.create(name, roles or [Role.MANAGER], password=password)
    return Person(suite.stranger(), name, given)


def kind(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].removeprefix("/problems/")


@pytest.mark.parametrize("known", [True, False])
async def test_a_wait_outlives_a_restart_and_comes_for_unknown_names_alike(suite: Suite, known: bool) -> None:
    person = somebody(suite)
    name = person.name if known else "nobody-of-that-name"
    seen = [await person.sign_in(name=name, password="wrong") for _ in range(5)]
    assert {kind(each) for each in seen} == {(401, "wrong-credentials")}
    assert len({each.text for each in seen}) == 1
    async with suite.replica() as restarted:
        waiting = await person.sign_in(restarted, name=name)
    assert kind(waiting) == (429, "too-many-attempts")
    assert 0 < waiting.json()["retry_after"] == int(waiting.headers["retry-after"]) <= 10


async def test_an_administrator_unlocks_a_name_and_others_may_not(suite: Suite) -> None:
    person, path = somebody(suite), "/api/accounts"
    for _ in range(5):
        await person.sign_in(password="wrong")
    async with suite.user(Role.ADMIN) as admin, suite.user(Role.MANAGER, Role.AUDITOR) as manager:
        assert (await manager.post(f"{path}/{person.name}/unlock")).status_code == 403
        rows = (await admin.get(path)).json()["accounts"]
        assert next(row for row in rows if row["name"] == person.name)["waits"] in range(1, 11)
        assert (await person.sign_in()).status_code == 429
        assert (await admin.post(f"{path}/{person.name}/unlock")).status_code == 204
        assert (await admin.post(f"{path}/nobody/unlock")).status_code == 404
    await person.session()


async def test_a_first_password_opens_no_route_but_the_one_that_changes_it(suite: Suite) -> None:
    person = somebody(suite, *Role, password=Whose.FIRST)
    answer = (await person.sign_in()).json()
    assert answer["duties"] == ["change_password"]
    session = {"Authorization": f"Bearer {answer['access_token']}"}
    refused = await _every_route(suite, session)
    assert len(refused) > 40
    assert {each.status_code for each in refused.values()} <= {303, 403}
    told = {each.json()["type"] for each in refused.values() if each.status_code == 403}
    assert told == {"/problems/password-must-be-changed"}
    assert {each.headers["location"] for each in refused.values() if each.status_code == 303} == {"/account"}


#: What needs no session, and what a session with duties is for.
_OPEN = ("/openapi.json", "/api/sign-in", "/api/sign-out", "/sign-in", "/sign-out", "/static", "/healthz", "/readyz")
_OWN = ("/api/password", "/api/second-factor", "/account")


async def _every_route(suite: Suite, session: dict[str, str]) -> dict[str, httpx.Response]:
    found = {}
    async with suite.stranger() as http:
        for route in iter_route_contexts(suite.apps["gateway"].routes):
            # The internal routes stand at the root, as at every service, and are part of what is walked.
            if route.path is None or route.path.startswith((*_OPEN, *_OWN)):
                continue
            path = route.path.replace("{path:path}", "cases").replace("{service}", "screening")
            for method in sorted((route.methods or set()) - {"HEAD"}):
                # The live stream would not end, were it open.
                async with asyncio.timeout(10):
                    found[f"{method} {path}"] = await http.request(method, path, headers=session)
    return found


async def test_a_changed_password_opens_the_rest_and_ends_what_else_was_open(suite: Suite) -> None:
    person = somebody(suite, password=Whose.FIRST)
    here, there = await person.session(), await person.session()
    assert kind(await person.change(here, old="not the password")) == (401, "wrong-credentials")
    for refused, rule in (
        ("short", "password-too-short"),
        (f"i am {person.name}", "password-holds-name"),
        ("1qaz2wsx3edc", "password-too-common"),
        (person.password, "password-was-given"),
    ):
        assert kind(await person.change(here, refused)) == (422, rule)
    first, person.password = person.password, CHOSEN
    assert (await person.change(here, old=first)).status_code == 204
    assert (await person.http.get("/api/me", headers=here)).json()["name"] == person.name
    assert (await person.http.get("/api/flights", headers=here)).status_code == 200
    assert (await person.http.get("/api/me", headers=there)).status_code == 401
    assert kind(await person.sign_in(password=first)) == (401, "wrong-credentials")
    again = await person.session()
    assert kind(await person.change(again, first)) == (422, "password-was-given")


async def test_a_password_that_a_machine_had_is_a_first_one_where_people_are_real(suite: Suite) -> None:
    person = somebody(suite)
    async with suite.replica(environment="production", second_factor_roles=frozenset()) as production:
        assert (await person.sign_in(production)).json()["duties"] == ["change_password"]


async def test_a_role_that_sees_personal_data_needs_a_second_factor_in_production(suite: Suite) -> None:
    person, auditor = somebody(suite, password=Whose.FIRST), somebody(suite, Role.AUDITOR, password=Whose.FIRST)
    async with suite.replica(environment="production") as production:
        person.http = auditor.http = production
        session, other = await person.session(), await auditor.session()
        assert (await person.change(session)).status_code == 204
        assert (await auditor.change(other)).status_code == 204
        assert (await production.get("/api/me", headers=other)).status_code == 200
        person.password = CHOSEN
        for path in ("/api/me", "/api/figures", "/api/screening/duplicates"):
            assert kind(await production.get(path, headers=session)) == (403, "second-factor-must-be-enrolled")
        await person.enrol(session)
        assert (await production.get("/api/me", headers=session)).status_code == 200


async def test_an_account_with_a_second_factor_needs_both(suite: Suite) -> None:
    person = somebody(suite)
    here, there = await person.session(), await person.session()
    await person.enrol(here)
    assert (await person.http.get("/api/me", headers=here)).status_code == 200
    assert (await person.http.get("/api/me", headers=there)).status_code == 401
    assert kind(await person.sign_in()) == (401, "second-factor-needed")
    assert kind(await person.sign_in(password="wrong")) == (401, "wrong-credentials")
    code = person.next_code()
    assert kind(await person.sign_in(password="wrong", code=code)) == (401, "wrong-credentials")
    assert kind(await person.sign_in(code="000000" if code != "000000" else "111111")) == (401, "wrong-code")
    await person.session(code=f"{code[:3]} {code[3:]}")


async def test_a_code_works_once_also_after_a_restart_and_none_before_it_works_then(suite: Suite) -> None:
    person = somebody(suite)
    await person.enrol(await person.session())
    enrolled = totp.code_at(person.secret, person.step)
    code = person.next_code()
    await person.session(code=code)
    async with suite.replica() as restarted:
        for used in (code, enrolled):
            assert kind(await person.sign_in(code=used)) == (401, "wrong-code")
            assert kind(await person.sign_in(restarted, code=used)) == (401, "wrong-code")


async def test_codes_can_not_be_guessed_one_after_the_other(suite: Suite) -> None:
    person = somebody(suite)
    await person.enrol(await person.session())
    code = person.next_code()
    wrong = [f"{number:06}" for number in range(7) if f"{number:06}" != code][:5]
    for guess in wrong:
        assert kind(await person.sign_in(code=guess)) in {(401, "wrong-code")}
        if guess != wrong[-1]:
            # That the password is right forgives nothing.
            assert kind(await person.sign_in()) == (401, "second-factor-needed")
    assert kind(await person.sign_in(code=code)) == (429, "too-many-attempts")


async def test_a_recovery_code_works_once(suite: Suite) -> None:
    person = somebody(suite)
    codes = await person.enrol(await person.session())
    await person.session(code=codes[0].upper())
    assert kind(await person.sign_in(code=codes[0])) == (401, "wrong-code")
    async with suite.replica() as restarted:
        assert kind(await person.sign_in(restarted, code=codes[0])) == (401, "wrong-code")
    await person.session(code=codes[1])


async def test_another_second_factor_takes_the_password_and_the_present_one(suite: Suite) -> None:
    person = somebody(suite)
    session = await person.session()
    assert kind(await person.http.post("/api/second-factor", json={"password": "guess"}, headers=session)) == (
        401,
        "wrong-credentials",
    )
    codes = await person.enrol(session)
    body = {"password": person.password}
    assert kind(await person.http.post("/api/second-factor", json=body, headers=session)) == (
        401,
        "second-factor-needed",
    )
    assert (
        await person.http.post("/api/second-factor", json=body | {"code": codes[0]}, headers=session)
    ).status_code == 200


async def test_signing_out_ends_the_session_for_whoever_holds_its_token(suite: Suite) -> None:
    person = somebody(suite)
    here, there = await person.session(), await person.session()
    assert (await person.http.post("/api/sign-out", headers=here)).status_code == 204
    for path in ("/api/me", "/api/figures", "/api/screening/duplicates"):
        assert (await person.http.get(path, headers=here)).status_code == 401
    assert (await person.http.get("/api/me", headers=there)).status_code == 200
    async with suite.replica() as other:
        assert (await other.get("/api/me", headers=here)).status_code == 401
        assert (await other.get("/api/me", headers=there)).status_code == 200


async def test_a_disabled_account_is_refused_at_once(suite: Suite) -> None:
    person = somebody(suite)
    session = await person.session()
    async with suite.user(Role.ADMIN) as admin:
        assert (await admin.post(f"/api/accounts/{person.name}/disable")).status_code == 204
        for path in ("/api/me", "/api/figures", "/api/screening/duplicates"):
            assert (await person.http.get(path, headers=session)).status_code == 401
        assert kind(await person.sign_in()) == (401, "wrong-credentials")
        assert (await admin.post(f"/api/accounts/{person.name}/enable")).status_code == 204
    assert (await person.http.get("/api/me", headers=session)).status_code == 401
    await person.session()


async def test_a_reset_gives_a_first_password_and_ends_sessions(suite: Suite) -> None:
    person = somebody(suite)
    session = await person.session()
    await person.enrol(session)
    async with suite.user(Role.ADMIN) as admin:
        answer = await admin.post(f"/api/accounts/{person.name}/password")
        assert (await person.http.get("/api/me", headers=session)).status_code == 401
        assert kind(await person.sign_in()) == (401, "wrong-credentials")
        person.password = answer.json()["first_password"]
        assert kind(await person.sign_in()) == (401, "second-factor-needed")
        assert (await admin.post(f"/api/accounts/{person.name}/second-factor")).status_code == 204
    assert (await person.sign_in()).json()["duties"] == ["change_password"]


async def test_an_administrator_adds_people_and_no_services(suite: Suite) -> None:
    async with suite.user(Role.ADMIN) as admin:
        body = {"name": f"added-{next(_numbers)}", "roles": ["medical"], "offices": ["tripoli"]}
        added = await admin.post("/api/accounts", json=body)
        assert added.status_code == 201
        assert kind(await admin.post("/api/accounts", json=body)) == (409, "account-exists")
        refused = await admin.post("/api/accounts", json=body | {"name": "x", "roles": ["service"]})
        assert refused.status_code == 422
    person = Person(suite.stranger(), body["name"], added.json()["first_password"])  # type: ignore[arg-type]
    assert (await person.sign_in()).json()["roles"] == ["medical"]


async def test_no_service_takes_the_word_of_a_session_nor_the_gateway_anothers_for_one(suite: Suite) -> None:
    person = somebody(suite)
    session = await person.session()
    screening = httpx.ASGITransport(suite.apps["screening"])
    async with httpx.AsyncClient(transport=screening, base_url="http://screening") as direct:
        assert (await direct.get("/duplicates", headers=session)).status_code == 401
    forged = {"Authorization": session["Authorization"][:-3] + "abc"}
    assert (await person.http.get("/api/me", headers=forged)).status_code == 401
    async with suite.user(Role.MANAGER) as signed:
        assert kind(await signed.post("/api/sign-out")) == (409, "no-local-session")
