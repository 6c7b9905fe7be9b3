"""The liaison follows delivery to agencies in a real browser, and calls before they do."""

import re
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from services.embedded import EmbeddedSuite
from tests.integration.partners.world import AIRLINES, Airline, airline, go_on
from tests.support.browser import PHONE, WIDE, chromium, tab
from tests.support.homeward import free_port
from tests.support.receivers import Call, Receiver, answer, private_hosts, receiving
from tests.support.suite import embedded

pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass
class Desk:
    """The suite on a port, a browser, and agencies: one that is called and refuses, one that asks and is late."""

    suite: EmbeddedSuite
    browser: Browser
    receiver: Receiver
    called: Airline
    asking: Airline

    async def tab(self, role: str, **options: Any) -> AbstractAsyncContextManager[Page]:
        name, password = self.suite.credentials[role]
        signed_in = await self.suite.gateway.post("/api/sign-in", json={"name": name, "password": password})
        return tab(self.browser, self.suite.url, token=signed_in.json()["access_token"], **options)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(module_path: Path) -> AsyncIterator[Desk]:
    module_path.chmod(0o711)
    with pytest.MonkeyPatch.context() as environment, private_hosts(AIRLINES, count=1) as setting:
        environment.setenv("HOMEWARD_PARTNERS_WEBHOOK_PRIVATE_HOSTS", setting)
        async with (
            embedded(module_path / "data", port=free_port()) as suite,
            chromium() as browser,
            receiving(reply=_refuse) as receiver,
        ):
            called, asking = await airline(suite, receiver), await airline(suite, None, kind="embassy")
            await called.shake_hands()
            flight = await called.flight()
            await called.moved(flight, times=3)
            case_id = await asking.hears_of_somebody()
            await asking.asks()
            await asking.withdraws(case_id)
            await go_on(suite, days=16)
            await called.flight()
            await called.until_failing("500: out of order", "500: out of order")
            yield Desk(suite, browser, receiver, called, asking)


def _refuse(_: Call) -> bytes:
    return answer(500, b"out of order")


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
async def test_the_pages_fit_their_screen_and_name_what_can_be_used(desk: Desk, size: tuple[int, int]) -> None:
    async with await desk.tab("partner_liaison", size=size) as page:
        for path in ("", f"/{desk.called.subscription}", f"/{desk.asking.subscription}"):
            shown = await page.goto(f"/agencies{path}", wait_until="load")
            assert shown is not None and shown.ok
            await expect(page.get_by_role("heading", level=1)).to_have_count(1)
            assert await page.evaluate("document.documentElement.scrollWidth") <= size[0]
            unnamed = """[...document.querySelectorAll("a, button, input:not([type=hidden])")]
                .filter((each) => !(each.textContent.trim() || each.labels?.length)).map((each) => each.outerHTML)"""
            assert await page.evaluate(unnamed) == []


async def test_the_liaison_sees_who_needs_attention_and_why_and_mends_it(desk: Desk) -> None:
    async with await desk.tab("partner_liaison") as page:
        await page.goto("/")
        await page.get_by_role("link", name="Agencies").click()
        rows = page.locator("tbody tr")
        await expect(rows.nth(0)).to_contain_text("1 tombstone is not acknowledged, due since 12 Jan 2026")
        await expect(rows.nth(1)).to_contain_text("Answers 500 (out of order) since")
        await expect(page.get_by_text("Data protection was told.")).to_be_visible()

        await rows.nth(1).get_by_role("link").click()
        await expect(page.get_by_text("the consul")).to_be_visible()
        await expect(page.locator("[aria-labelledby='failures'] tbody tr")).to_have_count(2)
        desk.receiver.reply = lambda _: answer(204)
        await page.get_by_role("button", name="Try again now").click()
        await expect(page.get_by_role("status")).to_have_text("What had failed is tried now.")
        await desk.called.until(waiting=0)
        await page.get_by_role("button", name="Pause").click()
        await expect(page.get_by_text("Paused since 21 Jan 2026, nothing waits")).to_be_visible()
        await page.get_by_role("button", name="Send a test event").click()
        await expect(page.get_by_text("Paused since 21 Jan 2026, 1 event waits")).to_be_visible()
        await page.get_by_role("button", name="Resume").click()
        await desk.called.until(waiting=0)

        sent = len(desk.receiver.posted)
        await page.get_by_label("From").fill("2026-01-06")
        await page.get_by_role("button", name="Deliver again").click()
        await expect(page.get_by_role("status")).to_have_text("2 events are delivered again.")
        await desk.receiver.got(sent + 2)


async def test_what_an_agency_has_destroyed_is_written_down(desk: Desk) -> None:
    async with await desk.tab("partner_liaison") as page:
        await page.goto(f"/agencies/{desk.asking.subscription}")
        await expect(page.get_by_text("Partner liaison, Data protection")).to_be_visible()
        await page.get_by_label("Told by").select_option("Telephone")
        await page.get_by_label("Who there").fill("Consul Rahman")
        await page.get_by_label("On", exact=True).fill("2026-01-20")
        await page.get_by_role("button", name="Write down").click()
        await expect(page.get_by_role("status")).to_contain_text("the agency has destroyed what it held")
        await expect(page.get_by_role("button", name="Write down")).to_have_count(0)
        await expect(page.get_by_text("by telephone to Consul Rahman, 20 Jan 2026")).to_be_visible()
        assert (await desk.asking.deliveries())["tombstones_due"] == 0


async def test_what_the_service_refuses_is_told_on_the_page(desk: Desk) -> None:
    # Chromium itself tells the refused request.
    async with await desk.tab("partner_liaison", faults=1) as page:
        await page.goto(f"/agencies/{desk.called.subscription}")
        await page.get_by_label("From").fill("2025-12-31")
        await page.get_by_role("button", name="Deliver again").click()
        await expect(page.get_by_role("alert")).to_contain_text("Nothing was told before the agreement")


async def test_the_liaison_reads_what_an_agency_has_answered_that_was_refused(desk: Desk) -> None:
    hostile = b'{"id": "x-1", "type": "<b>of nobody</b>", "key": "homeward-agency.not-to-be-seen"}'
    refused = await desk.asking.client.post("/answers", content=hostile)
    assert refused.status_code == 422
    async with await desk.tab("partner_liaison") as page:
        await page.goto("/agencies")
        row = page.locator("[aria-labelledby='refused'] tbody tr").first
        await expect(row).to_contain_text("not understood")
        await row.get_by_role("link").click()
        await expect(page.get_by_text(refused.json()["receipt"])).to_be_visible()
        sent = page.locator("pre.sent")
        await expect(sent).to_contain_text('"type": "<b>of nobody</b>", "key": "homeward-agency.[hidden]"')
        assert await page.evaluate("document.documentElement.scrollWidth") <= WIDE[0]
        await expect(page.locator("li").filter(has_text="#/data")).to_be_visible()
    async with await desk.tab("manager", faults=1) as page:
        await page.goto("/agencies")
        await expect(page.locator("[aria-labelledby='refused'] tbody tr")).to_have_count(1)
        await expect(page.locator("[aria-labelledby='refused'] a")).to_have_count(0)
        shown = await page.goto(f"/agencies/answers/{refused.json()['receipt']}")
        assert shown is not None and shown.status == 403


async def test_an_agencys_access_is_opened_by_one_and_approved_by_another_and_ended(desk: Desk) -> None:
    id = desk.asking.id
    async with await desk.tab("partner_liaison") as page:
        await page.goto("/agencies")
        await page.locator("details", has_text=f"Agency {desk.asking.carrier}").locator("summary").click()
        await page.locator(f"#open-contact-{id}").fill("the consul")
        await page.locator(f"#open-reason-{id}").fill("a laptop was lost")
        await page.locator(f"form[action$='{id}/access/open']").get_by_role("button").click()
        await expect(page.get_by_role("status")).to_contain_text("Tell the contact this request code")
        request_code = await page.locator(".secret").inner_text()
    async with await desk.tab("manager") as page:
        await page.goto("/agencies")
        await page.locator("details", has_text=f"Agency {desk.asking.carrier}").locator("summary").click()
        await expect(page.get_by_text("Waiting: the consul, a laptop was lost.")).to_be_visible()
        await page.get_by_role("button", name="Approve").click()
        await expect(page.get_by_role("status")).to_contain_text("Tell the contact this claim code")
        claim_code = await page.locator(".secret").inner_text()
    codes = {"request_code": request_code, "claim_code": claim_code}
    stranger = desk.suite._client("partners")
    key = (await stranger.post("/claims", json=codes)).json()["key"]
    async with await desk.tab("partner_liaison") as page:
        await page.goto("/agencies")
        shown = page.locator("details", has_text=f"Agency {desk.asking.carrier}")
        await expect(shown.locator("summary")).to_contain_text("2 keys")
        await shown.locator("summary").click()
        claimed = shown.locator(".advised", has_text="a laptop was lost")
        await expect(claimed).to_contain_text("Claimed: the consul")
        await claimed.get_by_role("button", name="End these keys").click()
        await expect(page.get_by_role("status")).to_have_text("Ended, with every key that came of it.")
    answered = await stranger.get("/access/keys", headers={"Authorization": f"Bearer {key}"})
    assert answered.status_code == 401


async def test_an_agency_is_suspended_by_one_and_resumed_by_another(desk: Desk) -> None:
    id = desk.asking.id
    async with await desk.tab("partner_liaison") as page:
        await page.goto("/agencies")
        await page.locator("details", has_text=f"Agency {desk.asking.carrier}").locator("summary").click()
        await page.locator(f"#suspend-reason-{id}").fill("its keys were stolen")
        await page.get_by_role("button", name="Suspend").locator("visible=true").click()
        await expect(page.get_by_role("status")).to_have_text("Suspended: nothing leaves to the agency.")
        await expect(page.get_by_text("its keys were stolen")).to_be_visible()
        await expect(page.locator("tbody").first).to_contain_text("Suspended since 21 Jan 2026: nothing leaves")
        await expect(page.get_by_role("button", name="Resume")).to_have_count(0)
        await page.goto(f"/agencies/{desk.asking.subscription}")
        await expect(page.locator(".title .badge")).to_have_text("Suspended")
    assert (await desk.asking.client.get("/deliveries")).status_code == 403
    async with await desk.tab("manager") as page:
        await page.goto("/agencies")
        await page.get_by_role("button", name="Resume").click()
        await expect(page.get_by_role("status")).to_have_text("Resumed: what was kept leaves now.")
    assert (await desk.asking.client.get("/deliveries")).is_success


async def test_data_protection_looks_and_changes_no_subscription(desk: Desk) -> None:
    async with await desk.tab("data_protection") as page:
        await page.goto("/agencies")
        await page.locator("tbody").get_by_role("link").first.click()
        await expect(page.get_by_role("heading", name="Needs attention")).to_be_visible()
        await expect(page.get_by_role("main").get_by_role("button")).to_have_count(0)


async def test_a_caseworker_sees_no_agency(desk: Desk) -> None:
    async with await desk.tab("caseworker", faults=2) as page:
        await page.goto("/cases")
        await expect(page.get_by_role("link", name="Agencies")).to_have_count(0)
        for path in ("/agencies", f"/agencies/{desk.called.subscription}"):
            shown = await page.goto(path)
            assert shown is not None and shown.status == 403
            await expect(page.get_by_role("main")).not_to_contain_text(re.compile("Agency [A-Z][0-9]|consul"))


async def test_all_keys_of_an_agency_are_ended_at_once(desk: Desk) -> None:
    async with await desk.tab("partner_liaison") as page:
        await page.goto("/agencies")
        shown = page.locator("details", has_text=f"Agency {desk.asking.carrier}")
        await shown.locator("summary").click()
        await shown.get_by_role("button", name="End all keys").click()
        told = page.get_by_role("status").filter(has_text="Ended: the agency has no key any more")
        await expect(told).to_be_visible()
        await expect(shown.locator("summary")).to_contain_text("0 keys")
    assert (await desk.asking.client.get("/deliveries")).status_code == 401
