"""What an agency's developer finds at the partners' service, and that the events are what it says."""

from datetime import date
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import jsonschema_rs
import orjson
import pytest
import pytest_asyncio
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from services.embedded import EmbeddedSuite
from services.partners.api import contracts
from services.partners.contracts import answers, published
from services.partners.contracts.deprecations import Deprecation
from tests.integration.partners.told import Told, tell
from tests.support.browser import chromium, tab
from tests.support.served_suite import served

pytestmark = pytest.mark.asyncio(loop_scope="module")

ISSUED = "org.homeward.travel.document-issued.v1"
PUBLIC = ("/asyncapi.json", f"/schemas/{ISSUED}.json", "/events-guide", "/events-guide.css")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def told(suite: EmbeddedSuite) -> Told:
    return await tell(suite)


@pytest.fixture
def anybody(suite: EmbeddedSuite) -> httpx.AsyncClient:
    client = suite._client("partners")
    client.headers.pop("Authorization", None)
    return client


@pytest.mark.parametrize("path", PUBLIC)
async def test_whoever_asks_gets_it_once_and_keeps_it(anybody: httpx.AsyncClient, path: str) -> None:
    first = await anybody.get(path)
    assert first.status_code == 200 and first.content
    assert first.headers["Cache-Control"] == "public, max-age=3600"
    again = await anybody.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", first.headers["ETag"])
    assert (await anybody.get(path, headers={"If-None-Match": '"another"'})).status_code == 200


async def test_each_event_s_dataschema_resolves_and_its_data_fit_it(anybody: httpx.AsyncClient, told: Told) -> None:
    events = await told.events()
    assert [each["type"].split(".")[2] for each in events] == ["partners", "travel"]
    for event in events:
        found = await anybody.get(urlsplit(event["dataschema"]).path)
        assert found.headers["Content-Type"] == "application/schema+json"
        schema = found.json()
        assert schema["$id"] == event["dataschema"]
        jsonschema_rs.validator_for(schema, validate_formats=True).validate(event["data"])
        assert event["data"].keys() <= schema["properties"].keys()


async def test_each_event_fits_the_asyncapi_document(anybody: httpx.AsyncClient, told: Told) -> None:
    document = (await anybody.get("/asyncapi.json")).json()
    schema = {"$ref": "#/components/messages/page/payload", "components": document["components"]}
    page = (await told.embassy.get("/feed", params={"subscription": told.subscription})).json()
    jsonschema_rs.validator_for(schema, validate_formats=True).validate(page)


async def test_the_cloudevents_sdk_reads_each_event(told: Told) -> None:
    for event in await told.events():
        read = JSONFormat().read(CloudEvent, orjson.dumps(event))
        assert (read.get_id(), read.get_type(), read.get_subject()) == (event["id"], event["type"], event["subject"])
        assert read.get_extension("sequence") == event["sequence"]
        assert read.get_data() == event["data"]


@pytest.mark.parametrize("type", ["org.homeward.screening.hold-placed.v1", "none", "..%2Fguide"])
async def test_what_is_not_offered_has_no_schema(anybody: httpx.AsyncClient, type: str) -> None:
    assert (await anybody.get(f"/schemas/{type}.json")).status_code == 404


@pytest.mark.parametrize("type", answers.TYPES)
async def test_the_schema_of_an_answer_is_the_published_one(anybody: httpx.AsyncClient, type: str) -> None:
    found = (await anybody.get(f"/schemas/{type}.json")).json()
    committed = orjson.loads((published.FOLDER / f"{type}.json").read_bytes())
    assert found == committed | {"$id": found["$id"]} and found["$id"].endswith(committed["$id"])


async def test_a_type_that_goes_says_so_with_its_schema(
    anybody: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    going = Deprecation(ISSUED, None, date(2026, 1, 1), date(2026, 12, 1), "document-issued.v2")
    monkeypatch.setattr(contracts, "CALENDAR", [going])
    headers = (await anybody.get(f"/schemas/{ISSUED}.json")).headers
    assert headers["Deprecation"] == "@1767225600"
    assert headers["Sunset"] == "Tue, 01 Dec 2026 00:00:00 GMT"


async def test_a_browser_shows_the_page_in_its_own_style(tmp_path: Path) -> None:
    with served(tmp_path / "data", nothing) as running:
        async with chromium() as browser, tab(browser, running.url("partners")) as page:
            await page.goto("/events-guide")
            await page.get_by_role("link", name="Document issued", exact=True).click()
            article = page.locator(f"[id='{ISSUED}']")
            await article.get_by_text("Example").click()
            assert '"given_name": "Omar"' in await article.locator("pre").inner_text()
            width = await page.evaluate("getComputedStyle(document.body).maxWidth")
            assert width == "896px"
            await page.screenshot(path=tmp_path / "guide.png")


async def nothing(_: EmbeddedSuite) -> None:
    """The page is there before anybody is."""
