"""Travel documents and exit visas."""

from datetime import date, timedelta

import pytest

from services.travel.domain.paper import PaperStatus
from services.travel.domain.rules import ExpiresTooLate, IssuedInTheFuture, NotInThisState, PaperValidity
from services.travel.domain.vocabulary import Gate, PaperKind
from tests.unit.travel.people import NOW, give_papers, kinds, person

TODAY = NOW.date()
PASS = PaperKind.LAISSEZ_PASSER


def test_a_document_is_requested_then_issued() -> None:
    case = person(papers=False)
    assert kinds(case.request_paper(Gate.DOCUMENT, "embassy-pk", PASS)) == ["DocumentRequested"]
    until = TODAY + timedelta(days=60)
    assert kinds(case.issue_paper(Gate.DOCUMENT, "LP-1", TODAY, until, TODAY)) == ["DocumentIssued"]
    assert case.papers[Gate.DOCUMENT].valid_on(until)
    assert not case.papers[Gate.DOCUMENT].valid_on(until + timedelta(days=1))


def test_an_exit_visa_may_be_refused_and_requested_again() -> None:
    case = person(papers=False)
    case.request_paper(Gate.EXIT_VISA, "migration-ly", PaperKind.EXIT_VISA)
    assert kinds(case.refuse_paper(Gate.EXIT_VISA)) == ["ExitVisaRefused"]
    assert kinds(case.request_paper(Gate.EXIT_VISA, "migration-ly", PaperKind.EXIT_VISA)) == ["ExitVisaRequested"]


def test_a_document_stays_valid_while_its_successor_is_requested() -> None:
    case = person()
    case.request_paper(Gate.DOCUMENT, "embassy-pk", PASS)
    assert case.papers[Gate.DOCUMENT].valid_on(TODAY)
    case.refuse_paper(Gate.DOCUMENT)
    assert case.papers[Gate.DOCUMENT].status is PaperStatus.ISSUED


def test_not_in_this_state_a_document_is_not_issued_unless_it_was_requested() -> None:
    with pytest.raises(NotInThisState, match="not requested"):
        person(papers=False).issue_paper(Gate.DOCUMENT, "LP-1", TODAY, TODAY, TODAY)


@pytest.mark.parametrize(
    ("issued", "expires", "rule"),
    [
        (TODAY - timedelta(days=9), TODAY - timedelta(days=1), PaperValidity),
        (date.min, date.min, PaperValidity),
        (TODAY + timedelta(days=1), TODAY + timedelta(days=5), IssuedInTheFuture),
        (date.max, date.max, IssuedInTheFuture),
        (TODAY, TODAY.replace(year=TODAY.year + 21), ExpiresTooLate),
        (TODAY, date.max, ExpiresTooLate),
    ],
)
def test_a_paper_is_valid_from_its_issue_to_a_day_to_come_that_is_not_far_away(
    issued: date, expires: date, rule: type[Exception]
) -> None:
    case = person(papers=False)
    case.request_paper(Gate.DOCUMENT, "embassy-pk", PASS)
    with pytest.raises(rule):
        case.issue_paper(Gate.DOCUMENT, "LP-1", issued, expires, TODAY)
    case.issue_paper(Gate.DOCUMENT, "LP-1", TODAY, TODAY.replace(year=TODAY.year + 10), TODAY)


def test_a_lapsed_document_can_be_requested_anew() -> None:
    case = person(papers=False)
    give_papers(case, until=TODAY)
    case.lapse(NOW + timedelta(days=2))
    case.request_paper(Gate.DOCUMENT, "embassy-pk", PASS)
    assert case.papers[Gate.DOCUMENT].status is PaperStatus.REQUESTED
