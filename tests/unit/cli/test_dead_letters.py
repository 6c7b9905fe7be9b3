"""``homeward dead-letters``: what is asked of the gateway, what is printed, what is refused."""

import json
from typing import Any
from uuid import UUID

import httpx
import pytest
from typer.testing import CliRunner

from services.__main__ import app
from tests.support.asked_gateway import Gateway

runner = CliRunner()

CASE = "019a2b3c-0000-7000-8000-00000000abcd"
LETTER = {
    "service": "travel", "source": "/homeward/screening", "subject": CASE, "sequence": 4,
    "type": "org.homeward.screening.cleared.v1", "attempts": 8, "waiting": 2, "reason": "ValueError in party.py:9",
}  # fmt: skip
GROUP = {
    "service": "travel", "source": "/homeward/screening", "type": LETTER["type"], "cause": LETTER["reason"],
    "count": 14, "oldest": "2026-03-09T09:00:00+00:00", "waiting": 20, "example_subject": CASE, "example_sequence": 4,
}  # fmt: skip


def _run(*words: str, typed: str = "") -> Any:
    return runner.invoke(app, ["dead-letters", *words], input=typed)


def test_dead_letters_are_listed_page_by_page(gateway: Gateway) -> None:
    def page(request: httpx.Request) -> dict[str, Any]:
        first = "after" not in request.url.params
        return {"dead_letters": [LETTER], "next": "more" if first else None, "gaps": []}

    gateway.answers["GET /api/dead-letters"] = page
    shown = _run("list", "travel", "--type", "screening.cleared.v1").stdout
    assert shown.count(CASE) == 2
    assert [asked["type"] for _, asked in gateway.asked] == ["org.homeward.screening.cleared.v1"] * 2
    assert json.loads(_run("list", "--json").stdout) == [LETTER, LETTER]


def test_nothing_to_list_is_told(gateway: Gateway) -> None:
    gateway.answers["GET /api/dead-letters"] = lambda _: {"dead_letters": [], "next": None, "gaps": []}
    assert _run("list").stdout == "no dead letters\n"


def test_a_group_without_a_member_is_not_replayed(gateway: Gateway) -> None:
    gateway.answers["POST /api/dead-letters/replay"] = lambda _: {"decided": "replay", "events": 0, "gaps": []}
    result = _run("replay", "--cause", "typo")
    assert (result.exit_code, result.stdout) == (1, "")
    assert str(result.exception) == "no dead letter fits: see `homeward dead-letters list`"
    gateway.answers["POST /api/travel/dead-letters/replay"] = lambda _: {"decided": "replay", "events": 0}
    assert _run("replay", "travel", "screening", CASE, "4").exit_code == 0, "it was replayed before"


def test_a_service_that_did_not_answer_ends_the_list_with_a_failure(gateway: Gateway) -> None:
    gateway.answers["GET /api/dead-letters"] = lambda _: {"dead_letters": [LETTER], "next": None, "gaps": ["travel"]}
    result = _run("list")
    assert CASE in result.stdout
    assert (str(result.exception), result.exit_code) == ("no answer from travel: try again when they are there", 1)


def test_groups_are_told_with_an_example_to_show(gateway: Gateway) -> None:
    gateway.answers["GET /api/dead-letters/groups"] = lambda _: {"groups": [GROUP], "gaps": []}
    [head, line] = _run("list", "--by-cause").stdout.splitlines()
    assert head.split()[:3] == ["Service", "Type", "Cause"]
    assert "14" in line
    assert f"screening {CASE} 4" in line


def test_a_case_is_replayed_by_its_id_for_who_runs_the_suite_looks_none_up(gateway: Gateway) -> None:
    assert "no case's id" in str(_run("replay", "--case", "TRI-000001").exception)
    assert gateway.asked == []
    gateway.answers["POST /api/dead-letters/replay"] = lambda _: {"events": 3, "gaps": []}
    assert _run("replay", "--case", CASE).stdout.startswith("3 replayed")
    assert gateway.asked[-1] == ("POST /api/dead-letters/replay", {"case": CASE})


def test_one_is_replayed_by_its_place(gateway: Gateway) -> None:
    gateway.answers["POST /api/travel/dead-letters/replay"] = lambda _: {"events": 1}
    assert _run("replay", "travel", "screening", CASE, "4").exit_code == 0
    sent = {"source": "/homeward/screening", "subject": str(UUID(CASE)), "sequence": 4}
    assert gateway.asked[-1][1] == sent


@pytest.mark.parametrize("words", [[], ["travel"], ["travel", "screening"], ["travel", "screening", CASE]])
def test_a_decision_names_one_or_a_group(gateway: Gateway, words: list[str]) -> None:
    result = _run("replay", *words)
    assert "name one by SERVICE SOURCE SUBJECT SEQUENCE" in str(result.exception)
    assert gateway.asked == []


def test_a_group_is_skipped_after_it_was_counted_and_confirmed(gateway: Gateway) -> None:
    gateway.answers["GET /api/dead-letters/groups"] = lambda _: {"groups": [GROUP, GROUP], "gaps": []}
    gateway.answers["POST /api/dead-letters/skip"] = lambda _: {"events": 28, "gaps": []}
    words = ("skip", "--cause", "ValueError", "--reason", "sent in a rehearsal")
    assert str(_run(*words, typed="n\n").exception) == "nothing was skipped"
    assert [name for name, _ in gateway.asked] == ["GET /api/dead-letters/groups"]
    assert _run(*words, "--yes").stdout == "28 skipped\n"
    assert gateway.asked[-1][1] == {"cause": "ValueError", "reason": "sent in a rehearsal", "count": 28}


def test_a_refusal_is_one_line_without_lists(gateway: Gateway) -> None:
    problem = {"detail": "It can't be.", "errors": [{"pointer": "#/count", "detail": "too small"}]}
    gateway.answers["POST /api/dead-letters/replay"] = lambda _: httpx.Response(422, json=problem)
    assert str(_run("replay", "--cause", "x").exception) == "422: It can't be. (#/count: too small)"


def test_one_is_shown_with_what_waits_and_what_was_decided(gateway: Gateway) -> None:
    decided = {"decision": "replay", "decided_by": "user:amina", "decided_at": "2026-03-09", "reason": "mended"}
    gateway.answers[f"GET /api/travel/dead-letters/screening/{CASE}/4"] = lambda _: LETTER | {
        "cause": "ValueError", "parked_at": "2026-03-09", "envelope": {"id": "an-id"}, "unknown_members": 0,
        "members": {"cleared_on": True, "band": False}, "faults": [{"member": "band", "fault": "missing"}],
        "behind": [{"sequence": 5, "type": "t", "state": "waiting"}], "decisions": [decided],
    }  # fmt: skip
    shown = _run("show", "travel", "screening", CASE, "4").stdout
    for line in ("id: an-id", "members: cleared_on, and 0", "fault: band: missing", "behind it: 5 t waiting"):
        assert line in shown
    assert "decided: replay by user:amina at 2026-03-09: mended" in shown


def test_what_could_not_be_read_is_listed_and_dismissed(gateway: Gateway) -> None:
    kept = {"id": 7, "received_at": "2026-03-09", "content_type": "text/plain", "bytes": 5, "reason": "not JSON"}
    gateway.answers["GET /api/travel/unreadable"] = lambda _: {"unreadable": [kept], "next": None}
    gateway.answers["POST /api/travel/unreadable/7/dismiss"] = lambda _: {"decided": "dismiss"}
    assert "not JSON" in _run("unreadable", "travel").stdout
    assert _run("dismiss", "travel", "7", "--reason", "a test of another suite").stdout == "dismissed\n"
