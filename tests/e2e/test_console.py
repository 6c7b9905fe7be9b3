"""The operators' console in a real browser, over the whole suite."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from services.embedded import EmbeddedSuite
from shared.web.access import SESSION_COOKIE
from tests.support.browser import PHONE, WIDE, chromium, tab
from tests.support.homeward import free_port
from tests.support.suite import OMAR, REGISTRATION, Operator, at_rest, embedded, sign_in

pytestmark = pytest.mark.asyncio(loop_scope="module")

LIST = Path(__file__).parents[2] / "examples" / "tripoli-islamabad-133.csv"
DECLARATION = {
    "place": "Tripoli office",
    "place_kind": "office",
    "language": "ur",
    "witness": "officer",
    "alternatives_explained": True,
    "data_consent": True,
    "given_by": "self",
}


@dataclass
class Console:
    """The suite on a port, and a browser."""

    suite: EmbeddedSuite
    browser: Browser
    caseworker: Operator
    admin: Operator
    tokens: dict[str, str] = field(default_factory=dict)

    async def token(self, role: str) -> str:
        if role not in self.tokens:
            name, password = self.suite.credentials[role]
            answer = await self.suite.gateway.post("/api/sign-in", json={"name": name, "password": password})
            self.tokens[role] = str(answer.json()["access_token"])
        return self.tokens[role]

    async def tab(self, role: str, **options: Any) -> AbstractAsyncContextManager[Page]:
        """A page for somebody who is signed in."""
        return tab(self.browser, self.suite.url, token=await self.token(role), **options)

    def stranger(self, **options: Any) -> AbstractAsyncContextManager[Page]:
        """A page for somebody who isn't."""
        return tab(self.browser, self.suite.url, **options)

    async def register(self, given_name: str) -> dict[str, Any]:
        """A case of a person who resembles nobody."""
        body = REGISTRATION | {"identity": OMAR | {"given_name": given_name, "family_name": f"{given_name}zai"}}
        answer = await self.caseworker.post("/api/screening/cases", body)
        answer.raise_for_status()
        return dict(answer.json())


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def console(module_path: Path) -> AsyncIterator[Console]:
    async with embedded(module_path, port=free_port()) as suite, chromium() as browser:
        found = Console(suite, browser, await sign_in(suite, "caseworker"), await sign_in(suite, "admin"))
        await _import(found)
        yield found


async def _import(console: Console) -> None:
    answer = await console.suite.gateway.post(
        "/api/screening/imports",
        data={"office": "tripoli"},
        files={"file": (LIST.name, LIST.read_bytes(), "text/csv")},
        headers={"Authorization": f"Bearer {await console.token('caseworker')}", "Idempotency-Key": str(uuid4())},
    )
    answer.raise_for_status()
    await at_rest(console.admin)


async def test_who_is_not_signed_in_is_sent_to_sign_in_and_then_where_they_wanted(console: Console) -> None:
    name, password = console.suite.credentials["manager"]
    async with console.stranger() as page:
        await page.goto("/cases?stage=registered")
        await expect(page).to_have_url(re.compile(r"/sign-in\?to="))
        await page.get_by_label("Name").fill(name)
        await page.get_by_label("Password").fill(password)
        await page.get_by_role("button", name="Sign in").click()
        await expect(page).to_have_url(re.compile(r"/cases\?stage=registered$"))
        cookie = next(each for each in await page.context.cookies() if each["name"] == SESSION_COOKIE)
        assert cookie["httpOnly"] and cookie["sameSite"] == "Strict"


@pytest.mark.parametrize("path", ["/", "/cases", "/cases/TRI-000001", "/flights"])
async def test_no_page_is_shown_without_a_token(console: Console, path: str) -> None:
    answer = await console.suite.gateway.get(path)
    assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, "/sign-in")
    part = await console.suite.gateway.get(path, headers={"HX-Request": "true"})
    assert (part.status_code, part.headers["hx-redirect"].partition("?")[0]) == (401, "/sign-in")


async def test_a_wrong_password_is_told_and_the_name_stays(console: Console) -> None:
    # Chromium itself tells the refused request.
    async with console.stranger(faults=1) as page:
        await page.goto("/sign-in")
        await page.get_by_label("Name").fill("nobody")
        await page.get_by_label("Password").fill("wrong")
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.get_by_role("alert")).to_be_visible()
        await expect(page.get_by_label("Name")).to_have_value("nobody")
        await expect(page.get_by_label("Password")).to_be_focused()
        assert await page.context.cookies() == []


async def test_signing_in_and_moving_on_needs_no_mouse(console: Console) -> None:
    name, password = console.suite.credentials["manager"]
    async with console.stranger() as page:
        await page.goto("/")
        await expect(page.get_by_label("Name")).to_be_focused()
        await page.keyboard.type(name)
        await page.keyboard.press("Tab")
        await page.keyboard.type(password)
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name="Pipeline")).to_be_visible()
        # Chromium focuses the target of a fragment once more when the page has been parsed.
        await page.wait_for_load_state()
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("main")).to_be_focused()
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("link", name=re.compile("Registered"))).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(page).to_have_url(re.compile(r"/cases\?stage=registered$"))


async def test_signing_out_ends_the_session_in_this_browser(console: Console) -> None:
    async with await console.tab("finance") as page:
        await page.goto("/")
        await page.get_by_role("button", name="Sign out").click()
        await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        await page.goto("/cases")
        await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


async def test_the_pipeline_changes_live_when_a_case_is_registered(console: Console) -> None:
    async with await console.tab("manager") as page:
        await page.goto("/")
        await expect(page.get_by_role("status")).to_have_text("Live")
        await page.evaluate("window.opened = 'once'")
        figures = (await console.caseworker.get("/api/figures")).json()
        registered, corridor = figures["stages"]["registered"], figures["corridors"]["tripoli-PK"]
        await expect(page.locator("[data-count='stages.registered']")).to_have_text(str(registered))
        await expect(page.locator("#flow canvas")).to_be_visible()

        await console.register("Zarmast")

        await expect(page.locator("[data-count='stages.registered']")).to_have_text(str(registered + 1))
        await expect(page.locator("[data-count='corridors.tripoli-PK']")).to_have_text(str(corridor + 1))
        assert await page.evaluate("window.opened") == "once"
        drawn = "echarts.getInstanceByDom(document.getElementById('flow')).getOption().series[0].data[0]"
        assert (await page.evaluate(drawn))["name"] == "registered"
        assert (await page.evaluate(drawn))["value"] == sum(figures["stages"].values()) + 1


async def test_a_new_corridor_appears_live(console: Console) -> None:
    async with await console.tab("manager") as page:
        await page.goto("/")
        await expect(page.get_by_role("status")).to_have_text("Live")
        body = REGISTRATION | {"identity": OMAR | {"given_name": "Kouassi", "family_name": "Yao", "nationality": "CI"}}
        (await console.caseworker.post("/api/screening/cases", body)).raise_for_status()
        await expect(page.get_by_role("link", name=re.compile("Tripoli to C.te d.Ivoire"))).to_be_visible()


async def test_cases_are_filtered_without_loading_the_page_anew(console: Console) -> None:
    async with await console.tab("manager") as page:
        await page.goto("/cases")
        await page.evaluate("window.opened = 'once'")
        await page.get_by_label("Stage").select_option("screening")
        await expect(page.get_by_text("No case fits.")).to_be_visible()
        await expect(page).to_have_url(re.compile(r"/cases\?stage=screening$"))
        await page.get_by_label("Stage").select_option("")
        await page.get_by_label("Name or reference").fill("TRI-000007")
        await expect(page.locator("#rows tr")).to_have_count(1)
        # Names are searched for too, and an address is kept in histories and logs.
        await expect(page).to_have_url(re.compile("/cases$"))
        assert await page.evaluate("window.opened") == "once"
        await page.get_by_role("link", name="TRI-000007").click()
        await expect(page.get_by_role("heading", level=1)).to_contain_text("TRI-000007")


async def test_cases_are_paged_and_the_keyboard_stays_where_the_new_ones_begin(console: Console) -> None:
    listed = (await console.caseworker.get("/api/cases", limit=500)).json()["cases"]
    async with await console.tab("manager") as page:
        await page.goto("/cases")
        rows = page.locator("#rows tr:not(#more)")
        await expect(rows).to_have_count(50)
        await page.get_by_role("button", name="Show more cases").press("Enter")
        await expect(rows).to_have_count(100)
        await expect(page.get_by_role("link", name=listed[50]["reference"], exact=True)).to_be_focused()
        await page.get_by_role("button", name="Show more cases").click()
        await expect(rows).to_have_count(len(listed))
        assert await rows.locator("th").all_inner_texts() == [each["reference"] for each in listed]


async def test_a_case_tells_its_gates_and_timeline_and_changes_live(console: Console) -> None:
    case = await console.register("Gulmina")
    await at_rest(console.admin)
    async with await console.tab("caseworker") as page:
        await page.goto(f"/cases/{case['reference']}")
        await expect(page.get_by_role("heading", level=1)).to_contain_text("Gulmina")
        consent = page.locator("[data-gate='consent']")
        await expect(consent).to_contain_text("missing")
        await expect(page.get_by_text(f"Registered as {case['reference']}")).to_be_visible()
        await expect(page.get_by_role("status")).to_have_text("Live")

        path = f"/api/screening/cases/{case['case_id']}/declaration"
        (await console.caseworker.post(path, DECLARATION)).raise_for_status()

        await expect(page.get_by_text("Signed the voluntary declaration.")).to_be_visible()
        await expect(consent).to_have_class(re.compile(r"\bmet\b"))
        await expect(page.locator(".title .badge")).to_have_text("Screening")


async def test_names_are_shown_to_those_alone_who_may_read_them(console: Console) -> None:
    case = await console.register("Spogmai")
    await at_rest(console.admin)
    pages = (f"/cases/{case['reference']}", f"/cases?q={case['reference']}&names=true")
    async with await console.tab("caseworker") as page:
        for path in pages:
            await page.goto(path)
            await expect(page.get_by_role("main")).to_contain_text("Spogmai")
    signed_in = {"Authorization": f"Bearer {await console.token('admin')}"}
    for path in pages:
        answer = await console.suite.gateway.get(path, headers=signed_in)
        assert answer.status_code == 403
        assert "Spogmai" not in answer.text and case["reference"] not in answer.text


async def test_a_service_that_is_down_is_named_on_the_page(console: Console) -> None:
    travel = console.suite.apps["travel"].state.service
    async with await console.tab("manager") as page:
        travel.started = False
        try:
            await page.goto("/cases/TRI-000001")
            await expect(page.get_by_text("Travel can’t be reached just now.")).to_be_visible()
            await expect(page.locator("[data-gate]")).to_have_count(12)
        finally:
            travel.started = True


async def test_a_flight_shows_its_figures(console: Console) -> None:
    movements = await sign_in(console.suite, "movements")
    flight = {"carrier": "UZ", "number": "133", "origin": "MJI", "destination": "ISB", "capacity": 150}
    plan = {"departs_at": "2026-01-26T10:00:00Z", "kind": "charter", "office": "tripoli", "country_of_origin": "PK"}
    (await movements.post("/api/travel/flights", flight | plan)).raise_for_status()
    await at_rest(console.admin)
    async with await console.tab("movements") as page:
        await page.goto("/flights")
        await page.get_by_role("link", name="UZ 133").click()
        await expect(page.locator(".tile", has_text="Seats free")).to_contain_text("150")
        await expect(page.get_by_text("Nobody has a seat on it yet.")).to_be_visible()


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
async def test_every_page_keeps_its_policy_and_fits_its_screen(console: Console, size: tuple[int, int]) -> None:
    async with await console.tab("manager", size=size) as page:
        for path in ("/", "/cases?names=true", "/cases/TRI-000001", "/flights", "/sign-in"):
            answer = await page.goto(path, wait_until="load")
            assert answer is not None and answer.ok
            headers = await answer.all_headers()
            policy = headers["content-security-policy"]
            assert policy.startswith("default-src 'none';") and "unsafe" not in policy
            assert headers["cache-control"] == "no-store"
            await expect(page.get_by_role("heading", level=1)).to_have_count(1)
            await expect(page.get_by_role("main")).to_be_visible()
            assert await page.evaluate("document.documentElement.scrollWidth") <= size[0]
            assert await page.evaluate(UNNAMED) == []


#: Whatever can be used and bears no name.
UNNAMED = """[...document.querySelectorAll("a, button, input:not([type=hidden]), select")]
    .filter((each) => !(each.textContent.trim() || each.labels?.length || each.getAttribute("aria-label")))
    .map((each) => each.outerHTML)"""


async def test_a_missing_case_is_told_as_a_page(console: Console) -> None:
    async with await console.tab("manager", faults=1) as page:
        answer = await page.goto("/cases/TRI-999999")
        assert answer is not None and answer.status == 404
        await expect(page.get_by_text("There is no such case")).to_be_visible()


async def test_another_site_can_sign_nobody_in_or_out(console: Console) -> None:
    name, password = console.suite.credentials["manager"]
    form = {"name": name, "password": password}
    for path, site in (("/sign-in", "cross-site"), ("/sign-in", "same-site"), ("/sign-out", "cross-site")):
        answer = await console.suite.gateway.post(path, data=form, headers={"Sec-Fetch-Site": site})
        assert (answer.status_code, "set-cookie" in answer.headers) == (403, False)


@pytest.mark.parametrize("target", ["//example.org/", "/\\example.org", "https://example.org/", "/\t/example.org"])
async def test_nobody_is_sent_elsewhere_after_signing_in(console: Console, target: str) -> None:
    name, password = console.suite.credentials["manager"]
    answer = await console.suite.gateway.post("/sign-in", data={"name": name, "password": password, "to": target})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


async def test_only_the_console_s_own_files_are_served(console: Console) -> None:
    async with httpx.AsyncClient(base_url=console.suite.url) as client:
        paths = ("/static/console.css", "/static/../pages.py", "/static/%2e%2e/pages.py", "/static/vendor/htmx.LICENSE")
        answers = await asyncio.gather(*(client.get(path) for path in paths))
    assert [answer.status_code for answer in answers] == [200, 404, 404, 404]
    assert answers[0].headers["content-encoding"] == "gzip"
