"""Signing in at the console with the organisation's account, in a real browser; the provider is another site to it."""

import re
from pathlib import Path

import pytest
from playwright.async_api import expect

from shared.web.access import SESSION_COOKIE
from tests.support.browser import chromium, tab
from tests.support.homeward import free_port
from tests.support.oidc_provider import provider_process
from tests.support.oidc_settings import settings_of
from tests.support.suite import embedded


async def test_an_operator_goes_to_the_provider_and_comes_back_to_where_they_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    with provider_process(tmp_path, f"http://127.0.0.1:{port}") as provider:
        for variable, value in settings_of(provider).items():
            monkeypatch.setenv(variable, value)
        async with (
            embedded(tmp_path / "data", port=port) as suite,
            chromium() as browser,
            tab(browser, suite.url) as page,
        ):
            await page.goto("/cases?stage=registered")
            await page.get_by_role("link", name="Sign in with your organisation’s account").click()
            await expect(page).to_have_url(re.compile(f"^{provider.issuer}/"))
            await page.get_by_role("button", name="Go on as Amina").click()
            await expect(page).to_have_url(f"{suite.url}/cases?stage=registered")
            await expect(page.get_by_text("Amina Benali")).to_be_visible()
            [cookie] = await page.context.cookies(suite.url)
            assert (cookie["name"], cookie["httpOnly"], cookie["sameSite"]) == (SESSION_COOKIE, True, "Strict")
            await page.get_by_role("button", name="Sign out").click()
            await expect(page).to_have_url(f"{suite.url}/sign-in?ended=here")
            assert await page.context.cookies(suite.url) == []
