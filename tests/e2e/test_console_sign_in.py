"""A first sign-in in a real browser: another password, a second factor, and what both change."""

import base64
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from services.embedded import EmbeddedSuite
from shared.auth import totp
from shared.auth.roles import Role
from tests.support.browser import PHONE, WIDE, chromium, tab
from tests.support.homeward import free_port
from tests.support.suite import embedded

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHOSEN = "walk home slowly 7"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def suite(module_path: Path) -> AsyncIterator[EmbeddedSuite]:
    async with embedded(module_path, port=free_port()) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as running:
        yield running


def newcomer(suite: EmbeddedSuite, name: str) -> str:
    """The first password of a new account."""
    return str(suite.apps["gateway"].state.sessions.administration.add(name, [Role.MANAGER]))


async def sign_in(page: Page, name: str, password: str, code: str = "") -> None:
    await page.goto("/sign-in")
    await page.get_by_label("Name").fill(name)
    await page.get_by_label("Password").fill(password)
    await page.get_by_label("Code").fill(code)
    await page.get_by_role("button", name="Sign in").click()


async def choose(page: Page, old: str, new: str, again: str) -> None:
    await page.get_by_label("First password").fill(old)
    await page.get_by_label("New password", exact=True).fill(new)
    await page.get_by_label("New password again").fill(again)
    await page.get_by_role("button", name="Change the password").click()


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
async def test_a_newcomer_chooses_a_password_enrols_and_needs_both_from_then_on(
    suite: EmbeddedSuite, browser: Browser, size: tuple[int, int]
) -> None:
    name = f"newcomer-{size[0]}"
    first = newcomer(suite, name)
    async with tab(browser, suite.url, size=size, faults=3) as page:
        await sign_in(page, name, first)
        await expect(page).to_have_url(re.compile("/account$"))
        await _fits(page, size)
        await page.goto("/cases")
        await expect(page).to_have_url(re.compile("/account$"))
        await expect(page.get_by_role("navigation")).to_have_count(0)

        # Chromium itself tells each refused request.
        await choose(page, first, CHOSEN, "something else 77")
        await expect(page.get_by_role("alert")).to_contain_text("not repeated")
        await choose(page, first, CHOSEN, CHOSEN)
        await expect(page.get_by_role("heading", name="Pipeline")).to_be_visible()

        await page.get_by_role("link", name="Add a second factor").click()
        await page.get_by_role("textbox", name="Your password").fill(CHOSEN)
        await page.get_by_role("button", name="Enrol a second factor").click()
        await expect(page.locator(".qr svg")).to_be_visible()
        await _fits(page, size)
        secret = base64.b32decode(await page.locator(".secret").inner_text())
        step = totp.present_step()
        await page.get_by_role("textbox", name="Code").fill(totp.code_at(secret, step + 5))
        await page.get_by_role("button", name="Confirm").click()
        await expect(page.get_by_role("alert")).to_contain_text("The code is wrong")
        await page.get_by_role("textbox", name="Code").fill(totp.code_at(secret, step))
        await page.get_by_role("button", name="Confirm").click()
        await expect(page.locator(".codes li")).to_have_count(10)
        await _fits(page, size)
        await page.get_by_role("link", name="I have kept them").click()
        await expect(page.locator("[data-nag]")).to_have_count(0)

        cookie = next(each for each in await page.context.cookies())
        await page.get_by_role("button", name="Sign out").click()
        await page.context.add_cookies([{"name": cookie["name"], "value": cookie["value"], "url": suite.url}])
        await page.goto("/cases")
        await expect(page).to_have_url(re.compile("/sign-in"))

        await sign_in(page, name, CHOSEN)
        await expect(page.get_by_role("alert")).to_contain_text("second factor")
        await sign_in(page, name, CHOSEN, totp.code_at(secret, step + 1))
        await expect(page.get_by_role("heading", name="Pipeline")).to_be_visible()


async def _fits(page: Page, size: tuple[int, int]) -> None:
    await expect(page.get_by_role("heading", level=1)).to_have_count(1)
    assert await page.evaluate("document.documentElement.scrollWidth") <= size[0]
