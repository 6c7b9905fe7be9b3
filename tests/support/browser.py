"""A real browser for tests of the console: Chromium without a window, driven by Playwright."""

import ctypes.util
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, async_playwright

from services.servers.debian import NotInstalled, install, may_install

_NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
#: Nothing of these is of use in a test, and some of it calls home.
_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WIDE, PHONE = (1280, 800), (390, 844)


class NoBrowser(Exception):
    """Chromium or Playwright's libatomic is missing: install them (on Debian: apt-get install chromium libatomic1)."""


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """The browser. Raises NoBrowser where there is none and it can't be installed."""
    program = _installed() if _driver_runs() else None
    program = program or _install()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=_ARGUMENTS)
        try:
            yield browser
        finally:
            await browser.close()


def _installed() -> str | None:
    return next((found for name in _NAMES if (found := shutil.which(name))), None)


def _driver_runs() -> bool:
    # Playwright brings its own Node.js, which is linked against it.
    return ctypes.util.find_library("atomic") is not None


def _install() -> str:
    if may_install():
        try:
            install("chromium", _installed)
            install("libatomic1", _driver_runs)
        except NotInstalled as error:
            raise NoBrowser(f"{NoBrowser.__doc__} {error}") from error
    program = _installed()
    if program is None or not _driver_runs():
        raise NoBrowser(NoBrowser.__doc__)
    return program


@dataclass
class Tab:
    """A page, and whatever went wrong in it."""

    page: Page
    faults: list[str] = field(default_factory=list)

    def watch(self) -> None:
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))

    def _heard(self, message: ConsoleMessage) -> None:
        # A refused content security policy is told here too.
        if message.type in ("error", "warning"):
            self.faults.append(message.text)


@asynccontextmanager
async def tab(
    browser: Browser, url: str, *, token: str | None = None, size: tuple[int, int] = WIDE, faults: int = 0
) -> AsyncIterator[Page]:
    """A page of its own, signed in with the token; fails unless exactly so many faults were told by the browser."""
    context = await browser.new_context(base_url=url, viewport={"width": size[0], "height": size[1]})
    context.set_default_timeout(10_000)
    try:
        if token:
            await _sign_in(context, url, token)
        opened = Tab(await context.new_page())
        opened.watch()
        yield opened.page
        assert len(opened.faults) == faults, opened.faults
    finally:
        await context.close()


async def _sign_in(context: BrowserContext, url: str, token: str) -> None:
    await context.add_cookies(
        [{"name": "homeward_session", "value": token, "url": url, "httpOnly": True, "sameSite": "Strict"}]
    )
