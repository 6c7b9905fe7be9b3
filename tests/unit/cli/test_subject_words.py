"""What is held of a person, in the words of the paper that the person keeps."""

from typing import Any

from services.cli.subject_words import sections

TOLD = {
    "agency": "Embassy of Pakistan",
    "type": "org.homeward.travel.document-requested.v1",
    "at": "2026-01-05T08:00:00+00:00",
    "fields": ["authority"],
    "person": ["given_name"],
    "acknowledged": True,
    "data": None,
}


def paper(told: list[dict[str, Any]]) -> dict[str, list[tuple[str, str]]]:
    held = {"partners": [{"records": {"told": told}, "events": [], "audit": []}]}
    found = sections({"held": held, "gaps": [], "made_at": "2026-02-01T08:00:00+00:00"})
    return {each.title: list(each.lines) for each in found}


def test_the_paper_says_which_agency_was_told_what_and_whether_it_has_it() -> None:
    tombstone = TOLD | {"type": "org.homeward.partners.tombstone.v1", "fields": ["reason"], "person": []}
    lines = paper([TOLD, tombstone | {"acknowledged": False}])["Who outside was told of you"]
    assert lines == [
        ("2026-01-05 08:00", "Embassy of Pakistan: document requested, with authority, your given name"),
        (
            "2026-01-05 08:00",
            "Embassy of Pakistan: asked to destroy what it has of you; it has not said yet that it did",
        ),
    ]


def test_the_paper_says_that_nobody_was_told() -> None:
    assert paper([])["Who outside was told of you"] == [("", "Nobody, as far as we know now.")]
