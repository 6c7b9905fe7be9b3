"""Signing in at the console with the organisation's account, through the provider and back, over the whole suite."""

import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
import pytest_asyncio

from services.embedded import EmbeddedSuite
from shared.web.access import SESSION_COOKIE
from tests.support.homeward import free_port
from tests.support.oidc_provider import CLIENT, ProviderProcess, provider_process
from tests.support.oidc_settings import settings_of
from tests.support.suite import embedded

pytestmark = pytest.mark.asyncio(loop_scope="module")

COOKIE = "homeward_sign_in"


@dataclass
class Office:
    """The suite with a provider."""

    suite: EmbeddedSuite
    provider: ProviderProcess

    def browser(self) -> "Browser":
        return Browser(self)


class Browser:
    """Follows the flow step by step, with cookies of its own."""

    def __init__(self, office: Office) -> None:
        self.http = httpx.AsyncClient(base_url=office.suite.url)
        self._provider = office.provider

    async def __aenter__(self) -> "Browser":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.aclose()

    async def begin(self, to: str = "/") -> str:
        """The provider's address to which the console leads."""
        answer = await self.http.get("/sign-in/provider", params={"to": to})
        assert answer.status_code == 303
        return str(answer.headers["location"])

    async def log_in(self, address: str) -> str:
        """Log in at the provider; the address to which it leads back."""
        form = await self.http.get(address)
        fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', form.raise_for_status().text))
        answer = await self.http.post(f"{self._provider.issuer}/log-in", data=fields)
        assert answer.status_code == 303
        return str(answer.headers["location"])

    async def sign_in(self, to: str = "/") -> httpx.Response:
        """The whole way; what the console says at its end."""
        return await self.http.get(await self.log_in(await self.begin(to)))

    def keep(self, note: str) -> None:
        """Hold nothing but this for the way."""
        self.http.cookies.clear()
        self.http.cookies.set(COOKIE, note, domain="127.0.0.1", path="/sign-in/provider")

    @property
    def session(self) -> str | None:
        return self.http.cookies.get(SESSION_COOKIE)


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProviderProcess]:
    with provider_process(tmp_path_factory.mktemp("provider"), f"http://127.0.0.1:{free_port()}") as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def office(tmp_path_factory: pytest.TempPathFactory, provider: ProviderProcess) -> AsyncIterator[Office]:
    data: Path = tmp_path_factory.mktemp("office")
    port = int(provider.console.rpartition(":")[2])
    with pytest.MonkeyPatch.context() as environment:
        for variable, value in settings_of(provider).items():
            environment.setenv(variable, value)
        async with embedded(data, port=port) as suite:
            yield Office(suite, provider)


async def test_the_sign_in_page_offers_both_ways(office: Office) -> None:
    page = (await office.suite.gateway.get("/sign-in", params={"to": "/cases?stage=booked"})).text
    assert "Sign in with your organisation’s account" in page
    assert 'href="/sign-in/provider?to=/cases%3Fstage%3Dbooked"' in page
    assert 'name="password"' in page


async def test_who_has_signed_in_with_the_provider_is_known_to_the_gateway_and_every_service(office: Office) -> None:
    async with office.browser() as browser:
        landed = await browser.sign_in("/cases")
        assert landed.status_code == 200
        assert '<meta http-equiv="refresh" content="0;url=/cases">' in landed.text
        assert "Amina Benali" in (await browser.http.get("/cases")).text
        assert (await browser.http.get("/api/me")).json()["roles"] == ["manager"]
        bearer = {"Authorization": f"Bearer {browser.session}"}
        for path in ("/api/travel/flights", "/api/reintegration/funds"):
            assert (await browser.http.get(path)).status_code == 200
            assert (await browser.http.get(path, headers=bearer)).status_code == 200


async def test_cookies_are_out_of_reach_of_scripts_and_the_one_for_the_way_is_gone_afterwards(office: Office) -> None:
    async with office.browser() as browser:
        begun = await browser.http.get("/sign-in/provider")
        kept = begun.headers["set-cookie"]
        assert {"HttpOnly", "Max-Age=600", "Path=/sign-in/provider", "SameSite=lax"} <= set(kept.split("; "))
        landed = await browser.http.get(await browser.log_in(begun.headers["location"]))
        cookies = landed.headers.get_list("set-cookie")
        assert any(
            each.startswith(SESSION_COOKIE) and {"HttpOnly", "SameSite=strict"} <= set(each.split("; "))
            for each in cookies
        )
        assert COOKIE not in browser.http.cookies


async def test_the_code_is_asked_for_with_pkce_state_and_nonce_that_never_repeat(office: Office) -> None:
    async with office.browser() as browser:
        first, second = dict(_query(await browser.begin())), dict(_query(await browser.begin()))
    assert (first["response_type"], first["client_id"], first["scope"]) == ("code", CLIENT, "openid profile")
    assert first["code_challenge_method"] == "S256"
    for name in ("state", "nonce", "code_challenge"):
        assert len(first[name]) == 43 and first[name] != second[name]


@pytest.mark.parametrize("to", ["https://elsewhere.example.org/", "//elsewhere.example.org", "/\\elsewhere", "x"])
async def test_nobody_is_led_elsewhere_afterwards(office: Office, to: str) -> None:
    async with office.browser() as browser:
        assert 'content="0;url=/"' in (await browser.sign_in(to)).text


def _query(address: str) -> list[tuple[str, str]]:
    return parse_qsl(urlsplit(address).query)


async def _is_refused(browser: Browser, answer: httpx.Response, status: int = 401) -> None:
    assert (answer.status_code, browser.session) == (status, None)
    assert 'role="alert"' in answer.text
    assert COOKIE not in browser.http.cookies


async def test_another_state_is_refused_before_the_provider_is_asked(office: Office) -> None:
    async with office.browser() as browser:
        back = await browser.log_in(await browser.begin())
        await _is_refused(browser, await browser.http.get(back.replace("state=", "state=x")))
        assert (await browser.http.get(back)).status_code == 401


async def test_who_did_not_begin_the_sign_in_cant_end_it(office: Office) -> None:
    async with office.browser() as begun, office.browser() as victim:
        back = await begun.log_in(await begun.begin())
        await _is_refused(victim, await victim.http.get(back))
        await victim.begin()
        await _is_refused(victim, await victim.http.get(back))


async def test_a_code_is_good_once(office: Office) -> None:
    async with office.browser() as browser:
        back = await browser.log_in(await browser.begin())
        kept = browser.http.cookies[COOKIE]
        assert (await browser.http.get(back)).status_code == 200
        browser.keep(kept)
        await _is_refused(browser, await browser.http.get(back))


async def test_a_code_for_another_sign_in_is_refused_by_its_challenge(office: Office) -> None:
    async with office.browser() as thief, office.browser() as victim:
        stolen = dict(_query(await victim.log_in(await victim.begin())))["code"]
        back = await thief.log_in(await thief.begin())
        await _is_refused(thief, await thief.http.get(re.sub(r"code=[^&]+", f"code={stolen}", back)))


async def test_what_the_browser_keeps_can_be_neither_changed_nor_made(office: Office) -> None:
    async with office.browser() as browser:
        back = await browser.log_in(await browser.begin())
        header, claims, signature = browser.http.cookies[COOKIE].split(".")
        for made in (f"{header}.{claims[:-2]}AA.{signature}", "nonsense", ""):
            browser.keep(made)
            await _is_refused(browser, await browser.http.get(back))


async def test_what_the_browser_keeps_is_no_access_token(office: Office) -> None:
    async with office.browser() as browser:
        await browser.begin()
        answer = await browser.http.get("/api/me", headers={"Authorization": f"Bearer {browser.http.cookies[COOKIE]}"})
    assert answer.status_code == 401


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": {"nonce": "another"}},
        {"id": {"nonce": None}},
        {"id": {"aud": "another-client"}},
        {"id": {"aud": [CLIENT, "another-client"]}},
        {"id": {"azp": "another-client"}},
        {"id": {"iss": "https://elsewhere.example.org"}},
        {"id": {"exp": 1}},
        {"id": {"sub": "somebody else"}},
        {"access": {"aud": CLIENT}},
        {"access": {"exp": 1}},
        {"access": {"name": "N" * 5000}},
        {"answer": {"iss": "https://elsewhere.example.org"}},
        {"answer": {"iss": ""}},
        {"answer": {"error": "access_denied"}},
    ],
    ids=str,
)
async def test_tokens_of_another_sign_in_or_for_somebody_else_open_no_session(
    office: Office, wrong: dict[str, dict[str, object]]
) -> None:
    office.provider.say_instead(**wrong)
    async with office.browser() as browser:
        await _is_refused(browser, await browser.sign_in())


async def test_who_has_no_role_is_signed_in_and_may_do_nothing(office: Office) -> None:
    office.provider.say_instead(access={"groups": ["everyone"]})
    async with office.browser() as browser:
        assert (await browser.sign_in()).status_code == 200
        assert (await browser.http.get("/cases")).status_code == 403
        assert (await browser.http.get("/api/me")).status_code == 403


async def test_signing_out_ends_the_session_here_and_at_the_provider(office: Office) -> None:
    async with office.browser() as browser:
        await browser.sign_in()
        left = await browser.http.post("/sign-out")
        assert browser.session is None
        [onward] = re.findall(r'http-equiv="refresh" content="0;url=([^"]+)"', left.text)
        assert onward.startswith(f"{office.provider.issuer}/end_session?")
        ended = await browser.http.get(onward.replace("&amp;", "&"))
        assert ended.headers["location"] == f"{office.suite.url}/sign-in?ended=here"


async def test_a_local_account_signs_in_and_out_as_ever(office: Office) -> None:
    name, password = office.suite.credentials["manager"]
    async with office.browser() as browser:
        assert (await browser.http.post("/sign-in", data={"name": name, "password": password})).status_code == 303
        assert (await browser.http.get("/cases")).status_code == 200
        left = await browser.http.post("/sign-out")
        assert (left.status_code, left.headers["location"], browser.session) == (303, "/sign-in", None)
