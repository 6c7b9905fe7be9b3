"""What an agency has sent and was refused is seen by who helps it and by itself, bounded, and not for ever."""

import json
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio

from shared.audit.search import Sought, search
from tests.integration.partners.answerers import Agency, World
from tests.integration.partners.test_answers import DOCUMENT, asked
from tests.integration.partners.test_answers_about_whom import erased

pytestmark = pytest.mark.asyncio(loop_scope="module")

REFUSED = DOCUMENT | {"kind": "pasport"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def embassy(programme: World) -> Agency:
    return await programme.agency("embassy")


async def inspected(programme: World, receipt: str, role: str = "partner_liaison", **headers: str) -> httpx.Response:
    """What the liaison is shown."""
    sent = programme.operators[role]._headers | headers
    return await programme.suite.gateway.get(f"/api/partners/answers/{receipt}/content", headers=sent)


async def entries(programme: World, about: str, action: str) -> list[dict[str, Any]]:
    """Of the audit."""
    async with programme.suite.apps["partners"].state.service.database.transaction() as connection:
        found = await search(connection, Sought(case=UUID(about)), None, ("", 0), 100)
    return [each for each in found if each["action"] == action]


async def test_the_liaison_reads_for_a_purpose_what_was_refused(programme: World, embassy: Agency) -> None:
    case_id, subject = await asked(programme, embassy)
    await programme.does("movements", f"travel/cases/{case_id}/document/issue", {"number": "LP-1"})
    receipt = (await embassy.answers("document-issued", DOCUMENT, subject=subject)).json()["receipt"]
    shown = (await inspected(programme, receipt)).json()
    assert json.loads(shown["content"])["data"] == DOCUMENT
    assert (shown["agency_id"], shown["problem"]["type"]) == (embassy.id, "/problems/not-in-this-state")
    [entry] = await entries(programme, case_id, "show_content")
    assert (entry["purpose"], entry["office"]) == ("transfer", "tripoli")
    without = await inspected(programme, receipt, Purpose="")
    assert (without.status_code, without.json()["purposes"]) == (422, ["transfer"])
    assert (await inspected(programme, receipt, "movements")).status_code == 403


async def test_what_nobody_could_read_is_shown_without_secrets_and_without_what_hides(
    programme: World, embassy: Agency
) -> None:
    key = str(embassy.client.headers["Authorization"])
    sent = f'{{"Authorization": "{key}", "password": "hunter2", "url": "amqps://us:er-pass@host/", "x": "a\u202eb\x07"'
    receipt = (await embassy.client.post("/answers", content=sent.encode() + b"\xff")).json()["receipt"]
    shown = (await inspected(programme, receipt)).json()
    for hidden in (key.removeprefix("Bearer "), "hunter2", "er-pass", "\u202e", "\x07"):
        assert hidden not in shown["content"]
    assert "\\u202e" in shown["content"] and "\\xff" in shown["content"] and shown["type"] is None
    [entry] = await entries(programme, receipt, "show_content")
    assert entry["office"] == "programme"


async def test_of_a_large_answer_the_beginning_is_shown(programme: World, embassy: Agency) -> None:
    receipt = (await embassy.client.post("/answers", content=b"x" * 100_000)).json()["receipt"]
    assert (await inspected(programme, receipt)).json()["content"] == "x" * 16 * 1024


async def test_what_took_effect_is_not_the_liaisons_to_read(programme: World, embassy: Agency) -> None:
    _, subject = await asked(programme, embassy)
    receipt = (await embassy.answers("document-issued", DOCUMENT, subject=subject)).json()["receipt"]
    assert (await inspected(programme, receipt)).status_code == 404


async def test_an_agency_reads_its_own_by_its_id_or_the_receipt_and_no_other_s(
    programme: World, embassy: Agency
) -> None:
    case_id, subject = await asked(programme, embassy)
    receipt = (await embassy.answers("document-issued", REFUSED, subject=subject, id="mine")).json()["receipt"]
    for name in ("mine", receipt):
        found = (await embassy.client.get(f"/answers/{name}/sent")).json()
        assert (found["receipt"], json.loads(found["content"])["data"]) == (receipt, REFUSED)
    [entry, _] = await entries(programme, receipt, "read an answer of one's own")
    assert (entry["actor"], entry["purpose"]) == (f"agency:{embassy.id}", "transfer")
    other = await programme.agency("embassy")
    for name in ("mine", receipt):
        assert (await other.client.get(f"/answers/{name}/sent")).status_code == 404
    await embassy.answers("document-issued", DOCUMENT, subject=subject, id="applied")
    assert case_id not in (await embassy.client.get("/answers/applied/sent")).text
    await programme.withdraws(case_id)
    gone = await embassy.client.get("/answers/applied/sent")
    assert (gone.status_code, gone.json()["type"]) == (409, "/problems/consent-gone")


async def test_what_was_sent_goes_with_the_persons_file(programme: World, embassy: Agency) -> None:
    case_id, subject = await asked(programme, embassy)
    await programme.does("movements", f"travel/cases/{case_id}/document/issue", {"number": "LP-1"})
    receipt = (await embassy.answers("document-issued", DOCUMENT, subject=subject)).json()["receipt"]
    await erased(programme, case_id)
    shown = (await inspected(programme, receipt)).json()
    assert (shown["content"], shown["problem"]) == (None, None)


# The last one: it sets the clock on.
async def test_after_a_month_what_was_sent_is_destroyed_and_what_became_of_it_stays(
    programme: World, embassy: Agency
) -> None:
    case_id, subject = await asked(programme, embassy)
    await embassy.answers("document-issued", DOCUMENT, subject=subject, id="done")
    late = await embassy.answers("document-issued", DOCUMENT, subject=subject, id="late")
    wrong = await embassy.answers("document-issued", REFUSED, subject=subject, id="wrong")
    empty = await embassy.client.post("/answers", content=b"")
    moved = await programme.operators["admin"].post("/api/clock", {"now": "2026-02-08T08:00:00Z"})
    assert moved.is_success, moved.text
    for answer in (late, wrong, empty):
        assert (await inspected(programme, answer.json()["receipt"])).json()["content"] is None
    for name, state in (("done", "applied"), ("late", "refused"), ("wrong", "refused")):
        assert (await embassy.client.get(f"/answers/{name}")).json()["state"] == state
        assert (await embassy.client.get(f"/answers/{name}/sent")).json()["content"] is None
    # Of a case what was wrong stays with its file; of nobody nothing does, and it is refused still.
    again = await embassy.answers("document-issued", DOCUMENT, subject=subject, id="late")
    assert again.json() == late.json()
    forgotten = await embassy.answers("document-issued", REFUSED, subject=subject, id="wrong")
    assert (forgotten.status_code, forgotten.json()["type"]) == (409, "/problems/invalid")
    kept = await programme.kept(empty.json()["receipt"])
    assert kept.sealed is None and not kept.perishable
    assert (await programme.paper(case_id) or {})["status"] == "issued"
