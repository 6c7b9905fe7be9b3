"""What agencies answer takes effect where it belongs, once; what can't be understood is kept and said clearly."""

import asyncio
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio

from shared.audit.search import Sought, search
from shared.ids import new_id
from tests.integration.partners.answerers import AGENCY, Agency, World, written

pytestmark = pytest.mark.asyncio(loop_scope="module")

DOCUMENT = {"number": "LP-0012345", "kind": "laissez_passer", "issued_on": "2026-01-05", "expires_on": "2026-04-05"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def embassy(programme: World) -> Agency:
    return await programme.agency("embassy")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def known(programme: World, embassy: Agency) -> tuple[str, str]:
    """A case about which nothing is said that takes effect."""
    return await asked(programme, embassy)


async def asked(programme: World, embassy: Agency) -> tuple[str, str]:
    """A case for which the embassy was asked for a document, and the embassy's subject for it."""
    case_id = await programme.person()
    await programme.asks(case_id)
    return case_id, await embassy.subject()


async def test_a_document_that_an_embassy_has_issued_is_recorded(programme: World, embassy: Agency) -> None:
    case_id, subject = await asked(programme, embassy)
    answer = await embassy.answers("document-issued", DOCUMENT, subject=subject, id="issued-1")
    assert (answer.status_code, answer.json()["state"]) == (200, "applied")
    assert case_id not in written(answer)
    paper = await programme.paper(case_id)
    assert paper and (paper["status"], paper["expires_on"]) == ("issued", "2026-04-05")
    shown = await programme.stage(case_id)
    assert any(each["type"].endswith("document-issued.v1") for each in shown["timeline"])
    became = await embassy.client.get("/answers/issued-1")
    assert became.json() == {"receipt": answer.json()["receipt"], "state": "applied", "problem": None}
    assert (await embassy.events())[-1]["type"].endswith("document-issued.v1")


async def test_an_exit_visa_that_was_granted_is_recorded(programme: World) -> None:
    authority = await programme.agency("exit_authority", country="LY")
    case_id = await programme.person()
    await programme.refers(case_id, authority, "exit_visa")
    await programme.asks(case_id, "exit-visa")
    visa = {"reference": "EV-1", "issued_on": "2026-01-05"}
    answer = await authority.answers("visa-granted", visa, subject=await authority.subject())
    assert answer.json()["state"] == "applied", answer.text
    paper = await programme.paper(case_id, "exit_visa")
    assert paper and paper["status"] == "issued"


async def test_who_meets_a_person_confirms_the_arrival_by_the_day_and_the_flight(programme: World) -> None:
    mission = await programme.agency("receiving_office")
    case_id = await programme.person()
    await programme.departs(case_id)
    [departed] = [each for each in await mission.events() if each["type"].endswith("departed.v1")]
    arrival = {"place": "Islamabad airport", "arrived_on": "2026-01-05"}
    elsewhere = await mission.answers(
        "arrival-confirmed", arrival | {"flight_id": departed["id"]}, subject=departed["subject"]
    )
    assert (elsewhere.status_code, elsewhere.json()["type"]) == (409, "/problems/other-flight")
    early = await mission.answers(
        "arrival-confirmed", arrival | {"arrived_on": "2026-01-01"}, subject=departed["subject"]
    )
    assert (early.status_code, early.json()["type"]) == (409, "/problems/arrival-day")
    flight = departed["data"]["flight_id"]
    met = await mission.answers("arrival-confirmed", arrival | {"flight_id": flight}, subject=departed["subject"])
    assert met.json()["state"] == "applied", met.text
    shown = await programme.stage(case_id)
    assert shown["stage"] == "reintegrating"
    assert any(each["type"].endswith("arrival-confirmed.v1") for each in shown["timeline"])


async def test_the_same_answer_again_gets_the_same_answer_and_another_under_its_id_none(
    programme: World, embassy: Agency
) -> None:
    _, subject = await asked(programme, embassy)
    said = {"subject": subject, "id": "twice"}
    both = await asyncio.gather(*(embassy.answers("document-issued", DOCUMENT, **said) for _ in range(6)))
    assert {each.status_code for each in both} == {200}
    assert len({each.json()["receipt"] for each in both}) == 1
    other = await embassy.answers("document-issued", DOCUMENT | {"number": "LP-9"}, **said)
    assert (other.status_code, other.json()["type"]) == (409, "/problems/answer-id-reused")
    refused = (await programme.listed("refused"))[other.json()["receipt"]]
    assert refused["cause"] == "/problems/answer-id-reused"
    assert (await embassy.client.get("/answers/twice")).json()["state"] == "applied"


async def test_what_was_refused_is_refused_again_under_its_id(programme: World, embassy: Agency) -> None:
    case_id = await programme.person()
    await programme.asks(case_id)
    subject = await embassy.subject()
    kind = {"kind": "passport"}
    first, again = [
        await embassy.answers("document-issued", DOCUMENT | kind, subject=subject, id="refused") for _ in range(2)
    ]
    assert first.status_code == 409
    assert first.json() == again.json()
    assert (first.json()["type"], first.json()["requested"]) == ("/problems/other-kind-of-paper", "laissez_passer")
    paper = await programme.paper(case_id)
    assert paper and paper["status"] == "requested"


async def test_a_rule_of_travel_is_told_to_the_agency_and_shown_to_the_liaison(
    programme: World, embassy: Agency
) -> None:
    case_id, subject = await asked(programme, embassy)
    await programme.does("movements", f"travel/cases/{case_id}/document/issue", {"number": "LP-1"})
    answer = await embassy.answers("document-issued", DOCUMENT, subject=subject)
    problem = answer.json()
    assert (answer.status_code, problem["type"], problem["state"]) == (409, "/problems/not-in-this-state", "issued")
    assert case_id not in written(answer)
    shown = (await programme.listed("refused"))[problem["receipt"]]
    assert shown["problem"]["detail"] == problem["detail"]
    assert case_id not in str(shown)


async def test_who_may_not_say_it_is_told_who_may(programme: World, embassy: Agency) -> None:
    case_id = await programme.person()
    await programme.departs(case_id)
    answer = await embassy.answers(
        "arrival-confirmed", {"place": "airport", "arrived_on": "2026-01-05"}, subject=await embassy.subject()
    )
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/not-for-this-kind")
    assert answer.json()["kinds"] == ["receiving_office"]
    assert (await programme.stage(case_id))["stage"] == "departed"


async def test_another_agencys_subject_is_nobodys(programme: World, embassy: Agency) -> None:
    _, subject = await asked(programme, embassy)
    other = await programme.agency("embassy")
    for unknown in (subject, "0199a1b2-0000-8000-8000-0000000000f1"):
        answer = await other.answers("document-issued", DOCUMENT, subject=unknown)
        assert (answer.status_code, answer.json()["type"]) == (404, "/problems/unknown-subject")
        assert answer.json()["receipt"] in await programme.listed("refused")


async def test_nothing_is_taken_after_the_agreement(programme: World) -> None:
    embassy = await programme.agency("embassy")
    case_id, subject = await asked(programme, embassy)
    await programme.does("partner_liaison", f"partners/agreements/{embassy.agreement}/end")
    answer = await embassy.answers("document-issued", DOCUMENT, subject=subject)
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/no-agreement-for-this")
    paper = await programme.paper(case_id)
    assert paper and paper["status"] == "requested"


async def test_nothing_is_taken_of_who_does_not_consent_any_more(programme: World, embassy: Agency) -> None:
    case_id, subject = await asked(programme, embassy)
    await programme.withdraws(case_id)
    answer = await embassy.answers("document-issued", DOCUMENT, subject=subject)
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/consent-gone")


async def test_while_travel_is_away_nothing_is_kept_and_the_answer_is_taken_afterwards(
    programme: World, embassy: Agency, monkeypatch: pytest.MonkeyPatch
) -> None:
    case_id, subject = await asked(programme, embassy)
    service = programme.suite.apps["partners"].state.service
    async with httpx.AsyncClient(base_url="http://127.0.0.1:1") as nobody:
        with monkeypatch.context() as cut:
            cut.setitem(service._clients, "travel", nobody)
            answer = await embassy.answers("document-issued", DOCUMENT, subject=subject, id="later")
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/not-recorded-now")
    assert (await embassy.client.get("/answers/later")).status_code == 404
    again = await embassy.answers("document-issued", DOCUMENT, subject=subject, id="later")
    assert again.json()["state"] == "applied"
    paper = await programme.paper(case_id)
    assert paper and paper["status"] == "issued"


async def test_the_audit_names_the_agency_with_the_case(programme: World, embassy: Agency) -> None:
    case_id, subject = await asked(programme, embassy)
    await embassy.answers("document-issued", DOCUMENT, subject=subject)
    async with programme.suite.apps["partners"].state.service.database.transaction() as connection:
        found = await search(connection, Sought(case=UUID(case_id)), None, ("", 0), 100)
    [entry] = [each for each in found if each["action"] == "send answer"]
    assert (entry["actor"], entry["office"]) == (f"agency:{embassy.id}", "tripoli")


async def test_an_account_with_the_agencies_role_is_no_agency(programme: World) -> None:
    refused = await programme.operators["partner_liaison"].post("/api/partners/answers", {"id": "x"})
    assert refused.status_code == 403


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"type": f"{AGENCY}.visa-denied.v1"}, "#/type"),
    ({"data": DOCUMENT | {"kind": "pasport"}}, "#/data/kind"),
    ({"data": DOCUMENT | {"issued_on": 20260105}}, "#/data/issued_on"),
    ({"data": DOCUMENT | {"colour": "green"}}, "#/data/colour"),
    ({"data": {"kind": "passport", "issued_on": "2026-01-05"}}, "#/data/number"),
    ({"data": DOCUMENT | {"number": "LP\x001"}}, "#/data/number"),
    ({"data": [DOCUMENT]}, "#/data"),
    ({"subject": "not-an-id"}, "#/subject"),
    ({"subject": None}, "#/subject"),
    ({"subjekt": "x"}, "#/subjekt"),
    ({"id": "with blanks and Omar"}, "#/id"),
    ({"id": 7}, "#/id"),
    ({"person": {"given_name": "Omar", "date_of_birth": "1991-02-03"}}, "#/subject"),
]


@pytest.mark.parametrize(("changes", "member"), WRONG)
async def test_what_is_wrong_is_named_kept_and_shown(
    programme: World, embassy: Agency, known: tuple[str, str], changes: dict[str, Any], member: str
) -> None:
    case_id, subject = known
    body = {"id": new_id().hex, "type": f"{AGENCY}.document-issued.v1", "subject": subject, "data": DOCUMENT} | changes
    answer = await embassy.client.post("/answers", json=body)
    problem = answer.json()
    assert (answer.status_code, answer.headers["Content-Type"]) == (422, "application/problem+json")
    assert member in [each["pointer"] for each in problem["errors"]]
    assert (await programme.listed("refused"))[problem["receipt"]]["problem"]["errors"] == problem["errors"]
    kept = await programme.kept(problem["receipt"])
    assert kept.sealed and b"LP-0012345" not in kept.sealed and "LP-0012345" not in str(kept.state)
    paper = await programme.paper(case_id)
    assert paper and paper["status"] == "requested"


HOSTILE = {
    "no JSON": b"{",
    "no text": b"\xff\xfe\x00",
    "nothing": b"",
    "no object": b"[1, 2]",
    "deep lists": b"[" * 5000 + b"]" * 5000,
    "deep objects": b'{"data":' * 900 + b"1" + b"}" * 900,
    "a name that is long": b'{"' + b"x" * 9000 + b'": "\\u0000"}',
    "a name with control characters": b'{"a\\u0000\\nb": 1}',
    "a number without measure": b'{"id": 1e999}',
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_what_nobody_can_read_is_answered_clearly_and_kept(programme: World, embassy: Agency, name: str) -> None:
    answer = await embassy.client.post("/answers", content=HOSTILE[name])
    assert answer.status_code == 422, answer.text
    assert len(answer.content) < 5000
    shown = (await programme.listed("refused"))[answer.json()["receipt"]]
    assert (shown["type"], shown["cause"]) == (None, "/problems/invalid")


async def test_a_large_answer_is_kept_in_part_and_a_huge_one_not_at_all(programme: World, embassy: Agency) -> None:
    large = await embassy.client.post("/answers", content=b'{"id": "' + b"x" * 100_000)
    assert (large.status_code, large.json()["type"]) == (413, "/problems/answer-too-large")
    kept = await programme.kept(large.json()["receipt"])
    assert 16_000 < len(kept.sealed) < 32_000
    huge = await embassy.client.post("/answers", content=b"x" * 2_000_000)
    assert (huge.status_code, huge.json()["type"]) == (413, "/problems/too-large")
