"""Data go to an authority or a carrier only if the person consents to that, as screening says now."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from tests.integration.travel.office import Office

pytestmark = pytest.mark.asyncio(loop_scope="module")

ASK = {"document": {"authority": "embassy-pk", "kind": "laissez_passer"}, "exit-visa": {"authority": "migration-ly"}}
RECIPIENTS = {"document": "embassy", "exit-visa": "exit_authority"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def office(postgres_url: str) -> AsyncIterator[Office]:
    async with Office(postgres_url) as running:
        yield running


@pytest.fixture(autouse=True)
def mended(office: Office) -> Iterator[None]:
    yield
    office.kept_from, office.line.cut = None, False


@pytest.mark.parametrize("paper", ASK)
async def test_no_paper_is_asked_for_without_consent_to_the_authority(office: Office, paper: str) -> None:
    case_id = await office.person(papers=False)
    office.kept_from = RECIPIENTS[paper]
    answer = await office.movements.post(f"/cases/{case_id}/{paper}/request", ASK[paper])
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/no-consent-to-transfer")
    assert answer.json()["recipient"] == RECIPIENTS[paper]
    office.line.cut = True
    assert (await office.movements.post(f"/cases/{case_id}/{paper}/request", ASK[paper])).status_code == 503
    office.kept_from, office.line.cut = None, False
    await office.movements.does(f"/cases/{case_id}/{paper}/request", ASK[paper])


async def test_a_manifest_is_not_locked_with_somebody_who_does_not_consent_to_the_carrier(office: Office) -> None:
    case_id, flight_id = await office.person(), await office.flight()
    chosen = {"case_ids": [str(case_id)], "override_reason": "the test's"}
    await office.movements.does(f"/flights/{flight_id}/seats", chosen)
    office.kept_from = "carrier"
    answer = await office.movements.post(f"/flights/{flight_id}/manifest/lock", {})
    assert (answer.status_code, answer.json()["cases"]) == (409, [str(case_id)])
    office.kept_from = None
    await office.movements.does(f"/flights/{flight_id}/manifest/lock")
