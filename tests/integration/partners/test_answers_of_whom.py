"""Only who was asked for a paper says that it is there; where nobody knows whether an agency was, a person decides."""

import pytest

from tests.integration.partners.answerers import Agency, World, written
from tests.integration.partners.test_answers import DOCUMENT

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def asked(programme: World, embassy: Agency, authority: str) -> tuple[str, str]:
    """A case for which this authority was asked for a document, and the embassy's subject for it."""
    case_id = await programme.person()
    await programme.does("movements", f"travel/cases/{case_id}/document/request", {"authority": authority})
    await programme.rests()
    return case_id, await embassy.subject()


async def status(programme: World, case_id: str, gate: str = "document") -> str:
    paper = await programme.paper(case_id, gate)
    return str(paper and paper["status"])


async def test_an_embassy_answers_about_no_paper_that_another_was_asked_for(programme: World) -> None:
    tripoli = await programme.agency("embassy", authorities=["embassy-pk-tripoli"])
    tunis = await programme.agency("embassy", authorities=["embassy-pk-tunis"])
    case_id, subject = await asked(programme, tripoli, "embassy-pk-tunis")
    refused = await tripoli.answers("document-issued", DOCUMENT, subject=subject)
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/not-asked-of-you")
    assert "tunis" not in written(refused) and await status(programme, case_id) == "requested"
    applied = await tunis.answers("document-issued", DOCUMENT, subject=await tunis.subject())
    assert (applied.json()["state"], await status(programme, case_id)) == ("applied", "issued")


async def test_an_exit_authority_grants_no_visa_that_another_was_asked_for(programme: World) -> None:
    police = await programme.agency("exit_authority", country="LY", authorities=["passport-police-ly"])
    await programme.agency("exit_authority", country="LY")
    case_id = await programme.person()
    await programme.refers(case_id, police, "exit_visa")
    await programme.asks(case_id, "exit-visa")
    visa = {"reference": "EV-1", "issued_on": "2026-01-05"}
    refused = await police.answers("visa-granted", visa, subject=await police.subject())
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/not-asked-of-you")
    assert await status(programme, case_id, "exit_visa") == "requested"


async def test_how_an_authority_is_written_does_not_matter(programme: World) -> None:
    embassy = await programme.agency("embassy", authorities=["Embassy of Pakistan"])
    case_id, subject = await asked(programme, embassy, "embassy of  PAKISTAN ")
    applied = await embassy.answers("document-issued", DOCUMENT, subject=subject)
    assert (applied.json()["state"], await status(programme, case_id)) == ("applied", "issued")


async def test_where_nobody_knows_who_was_asked_a_person_decides(programme: World) -> None:
    embassy = await programme.agency("embassy", authorities=[])
    case_id, subject = await asked(programme, embassy, "the consul")
    answer = await embassy.answers("document-issued", DOCUMENT, subject=subject, id="consul")
    assert (answer.status_code, answer.json()["state"]) == (202, "waiting")
    assert await status(programme, case_id) == "requested"
    receipt = answer.json()["receipt"]
    assert (await programme.listed("waiting"))[receipt]["authority"] == "the consul"
    movements = programme.operators["movements"]
    shown = (await movements.get(f"/api/partners/answers/{receipt}/candidates")).json()
    assert (shown["candidates"], shown["authority"]) == ([case_id], "the consul")
    decision = {"case_id": case_id, "reason": "the consul works there"}
    # Meanwhile another is asked: about that one nobody has decided.
    await programme.does("movements", f"travel/cases/{case_id}/document/request", {"authority": "the vice consul"})
    path = f"/api/partners/answers/{receipt}/decision"
    again = await movements.post(path, decision)
    assert (again.json()["state"], await status(programme, case_id)) == ("waiting", "requested")
    assert (await programme.listed("waiting"))[receipt]["authority"] == "the vice consul"
    decided = await movements.post(path, decision)
    assert (decided.json()["state"], await status(programme, case_id)) == ("applied", "issued")
    assert (await embassy.client.get("/answers/consul")).json()["state"] == "applied"


async def test_a_person_says_that_the_agency_was_not_asked(programme: World) -> None:
    embassy = await programme.agency("embassy", authorities=[])
    case_id, subject = await asked(programme, embassy, "somebody")
    receipt = (await embassy.answers("document-issued", DOCUMENT, subject=subject)).json()["receipt"]
    path = f"/api/partners/answers/{receipt}/decision"
    decided = await programme.operators["movements"].post(path, {"reject": True, "reason": "was somebody else"})
    assert decided.json()["problem"]["type"] == "/problems/not-asked-of-you"
    assert await status(programme, case_id) == "requested"


async def test_the_liaison_says_as_whom_an_agency_is_asked(programme: World) -> None:
    embassy = await programme.agency("embassy", authorities=[])
    liaison = programme.operators["partner_liaison"]
    await programme.does("partner_liaison", f"partners/agencies/{embassy.id}/authorities", {"authorities": ["here"]})
    listed = (await liaison.get("/api/partners/agencies")).json()["agencies"]
    assert [each["authorities"] for each in listed if each["agency_id"] == embassy.id] == [["here"]]
    case_id, subject = await asked(programme, embassy, "here")
    applied = await embassy.answers("document-issued", DOCUMENT, subject=subject)
    assert (applied.json()["state"], await status(programme, case_id)) == ("applied", "issued")
    clinic = await programme.agency("health_partner")
    named = await liaison.post(f"/api/partners/agencies/{clinic.id}/authorities", {"authorities": ["here"]})
    assert (named.status_code, named.json()["type"]) == (409, "/problems/asked-for-no-papers")
