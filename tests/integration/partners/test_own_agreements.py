"""An agency reads what was agreed with it, field by field, and nothing of what was agreed with others."""

import pytest
import pytest_asyncio

from services.partners.domain.vocabulary import AgencyKind
from services.partners.templates import TEMPLATES
from tests.integration.partners.answerers import Agency, World

pytestmark = pytest.mark.asyncio(loop_scope="module")

INTERNAL = {"entered_by", "approved_by", "tombstones_overdue"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def embassy(programme: World) -> Agency:
    return await programme.agency("embassy")


async def test_an_agency_reads_its_own_agreement_field_by_field(programme: World, embassy: Agency) -> None:
    [listed] = (await embassy.client.get("/agreements")).json()["agreements"]
    shown = (await embassy.client.get(f"/agreements/{embassy.agreement}")).json()
    assert listed == shown and not INTERNAL & shown.keys()
    terms = TEMPLATES[AgencyKind.EMBASSY]
    assert shown["events"] == {type: sorted(members) for type, members in terms.events.items()}
    assert (shown["person"], shown["precision"], shown["scope"]) == (sorted(terms.person), terms.precision, terms.scope)
    assert (shown["agency_id"], shown["valid_until"], shown["in_force"]) == (embassy.id, "2026-12-31", True)
    whole = await programme.operators["manager"].get(f"/api/partners/agreements/{embassy.agreement}")
    assert {name: whole.json()[name] for name in shown} == shown and whole.json().keys() - shown.keys() == INTERNAL


async def test_it_gets_the_copy_that_was_signed(embassy: Agency) -> None:
    copy = await embassy.client.get(f"/agreements/{embassy.agreement}/signed-copy")
    assert (copy.content, copy.headers["Content-Type"]) == (b"%PDF-1.7 signed", "application/pdf")


async def test_another_agencys_agreement_is_as_if_there_were_none(programme: World, embassy: Agency) -> None:
    other = await programme.agency("embassy")
    assert embassy.agreement not in (await other.client.get("/agreements")).text
    for path in ("", "/signed-copy"):
        found = await other.client.get(f"/agreements/{embassy.agreement}{path}")
        assert (found.status_code, found.json()["type"]) == (404, "/problems/not-found")


async def test_a_draft_is_the_programmes_own_and_what_has_ended_is_still_read(programme: World) -> None:
    clinic = await programme.agency("health_partner")
    draft = await programme.liaison.agreement(clinic.id)
    await programme.does("partner_liaison", f"partners/agreements/{clinic.agreement}/end")
    [ended] = (await clinic.client.get("/agreements")).json()["agreements"]
    assert (ended["agreement_id"], ended["in_force"], ended["ended_on"]) == (clinic.agreement, False, "2026-01-05")
    for path in ("", "/signed-copy"):
        assert (await clinic.client.get(f"/agreements/{draft}{path}")).status_code == 404


async def test_what_may_be_agreed_upon_with_others_is_not_told(embassy: Agency) -> None:
    for path in ("/agreements/offers", "/agencies"):
        assert (await embassy.client.get(path)).status_code == 403
