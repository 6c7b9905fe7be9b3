"""The sample receivers keep what they are given, once per id, and destroy what they must."""

import base64
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook

from services.partners.contracts.schemas import example_of
from services.partners.kept import TEST, TOMBSTONE
from services.servers.server import free_ports
from tests.integration.partners.told import Told, tell
from tests.support.served_suite import Served, served

RECEIVERS = Path(__file__).parents[3] / "examples" / "receivers"
PROGRAMS = {"py": [sys.executable], "mjs": ["node"], "sh": ["bash"]}
NEEDED = {"py": (), "mjs": ("node",), "sh": ("curl", "jq", "openssl", "socat")}
SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()


@pytest.fixture(params=sorted(PROGRAMS))
def language(request: pytest.FixtureRequest) -> str:
    if missing := [each for each in NEEDED[request.param] if shutil.which(each) is None]:
        pytest.skip(f"not installed: {', '.join(missing)}")
    return str(request.param)


@pytest.fixture(scope="module")
def stage(module_path: Path) -> Iterator[Served]:
    module_path.chmod(0o711)
    with served(module_path / "data", tell) as running:
        yield running


@pytest.mark.parametrize("program", sorted(each.name for each in RECEIVERS.iterdir()))
def test_a_sample_is_read_at_a_glance(program: str) -> None:
    lines = (RECEIVERS / program).read_text().splitlines()
    assert sum(bool(line.strip()) for line in lines) <= 36


def poll(stage: Served, language: str, folder: Path, *, key: str | None = None) -> "subprocess.CompletedProcess[str]":
    told: Told = stage.prepared
    environment = {
        "HOMEWARD_URL": stage.url("partners"),
        "HOMEWARD_KEY": key or told.key,
        "HOMEWARD_SUBSCRIPTION": told.subscription,
    }
    command = [*PROGRAMS[language], str(RECEIVERS / f"feed.{language}"), str(folder)]
    return subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True, check=False, timeout=60
    )


def answer(stage: Served, id: str, data: dict[str, Any]) -> "subprocess.CompletedProcess[str]":
    told: Told = stage.prepared
    environment = {"HOMEWARD_URL": stage.url("partners"), "HOMEWARD_KEY": told.key}
    command = ["bash", str(RECEIVERS / "answer.sh"), id, "document-issued", told.subject, json.dumps(data)]
    return subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True, check=False, timeout=60
    )


def had(folder: Path) -> dict[str, Any]:
    return {path.stem: json.loads(path.read_text()) for path in folder.glob("*/*.json")}


def test_a_feed_s_receiver_goes_on_from_where_it_was(stage: Served, language: str, tmp_path: Path) -> None:
    done = poll(stage, language, tmp_path)
    assert done.returncode == 0, done.stderr
    events = had(tmp_path)
    assert sorted(each["type"].split(".")[2] for each in events.values()) == ["partners", "travel"]
    assert (tmp_path / "cursor").read_text().strip() == "2"
    # As after a crash between keeping and noting: everything comes again, and is there once.
    (tmp_path / "cursor").unlink()
    assert poll(stage, language, tmp_path).returncode == 0
    assert had(tmp_path) == events


def test_a_feed_s_receiver_does_not_take_a_refusal_for_events(stage: Served, language: str, tmp_path: Path) -> None:
    assert poll(stage, language, tmp_path, key="hwa_none").returncode
    assert not had(tmp_path) and not (tmp_path / "cursor").exists()


@pytest.mark.skipif(not all(map(shutil.which, ("curl", "jq"))), reason="curl and jq are not installed")
def test_an_answer_is_sent_as_often_as_one_likes_and_counts_once(stage: Served) -> None:
    document = {"number": "LP-0012345", "kind": "laissez_passer", "issued_on": "2026-01-05"}
    wrong = answer(stage, "wrong", document | {"kind": "pasport"})
    assert (wrong.returncode, json.loads(wrong.stderr)["errors"][0]["pointer"]) == (1, "#/data/kind")
    for _ in range(2):
        sent = answer(stage, "issued", document)
        assert (sent.returncode, sent.stdout.strip()) == (0, "applied"), sent.stderr


def test_a_feed_s_receiver_destroys_what_a_tombstone_names(stage: Served, tmp_path: Path) -> None:
    told: Told = stage.prepared
    there = [each for each in PROGRAMS if all(map(shutil.which, NEEDED[each]))]
    for each in there:
        poll(stage, each, tmp_path / each)
    before = {each: had(tmp_path / each) for each in there}
    withdrawal = {"place": "office", "reason": "stays"}
    path = f"/api/screening/cases/{told.case_id}/consent/withdrawal"
    headers = told.officer._headers | {"Idempotency-Key": "withdrawal"}
    assert httpx.post(stage.url("gateway") + path, json=withdrawal, headers=headers).is_success
    for each in there:
        assert "given_name" in json.dumps(before[each])
        left = told_of_somebody(stage, each, tmp_path / each)
        assert [event["data"] for event in left] == [{"reason": "consent_withdrawn"}]


def told_of_somebody(stage: Served, language: str, folder: Path) -> list[dict[str, Any]]:
    """What is held of the case once its tombstone has come."""
    end = time.monotonic() + 20
    while not any(each["type"] == TOMBSTONE for each in had(folder).values()):
        assert time.monotonic() < end, "no tombstone came"
        done = poll(stage, language, folder)
        assert done.returncode == 0, done.stderr
    return [each for each in had(folder).values() if each["type"] != TEST]


def awaited(url: str) -> str:
    """The address once somebody answers there."""
    end = time.monotonic() + 20
    while True:
        try:
            httpx.post(url, content=b"", headers={"webhook-timestamp": "1"})
        except httpx.TransportError:
            assert time.monotonic() < end, f"nobody answers at {url}"
        else:
            return url


@contextmanager
def listening(language: str, folder: Path) -> Iterator[str]:
    """The webhook receiver at a port; its address."""
    [port] = free_ports(1)
    program = [*PROGRAMS[language], str(RECEIVERS / f"webhook.{language}")]
    command = [*program, str(port), str(folder)]
    if language == "sh":
        command = ["socat", f"TCP-LISTEN:{port},fork,reuseaddr,bind=127.0.0.1", f"EXEC:{' '.join(program)} {folder}"]
    process = subprocess.Popen(command, env=os.environ | {"HOMEWARD_SECRET": SECRET}, stderr=subprocess.DEVNULL)
    try:
        yield awaited(f"http://127.0.0.1:{port}/")
    finally:
        process.terminate()
        process.wait(10)


def signed(event: dict[str, Any], *, sent: datetime | None = None, secret: str = SECRET) -> dict[str, Any]:
    """What is posted, signed as Standard Webhooks' own library does."""
    sent = sent or datetime.now(UTC)
    body = json.dumps(event)
    signature = Webhook(secret).sign(event["id"], sent, body)
    stamp = str(int(sent.timestamp()))
    return {
        "content": body,
        "headers": {"webhook-id": event["id"], "webhook-timestamp": stamp, "webhook-signature": signature},
    }


EVENT = example_of("org.homeward.travel.document-issued.v1", "https://partners.example")


def test_a_webhook_s_receiver_keeps_what_is_signed_once(language: str, tmp_path: Path) -> None:
    with listening(language, tmp_path) as url:
        asked = httpx.options(url, headers={"WebHook-Request-Origin": "partners.example"})
        assert (asked.status_code, asked.headers["WebHook-Allowed-Origin"]) == (204, "partners.example")
        assert [httpx.post(url, **signed(EVENT)).status_code for _ in range(2)] == [204, 204]
        assert had(tmp_path) == {EVENT["id"]: EVENT}
        rotated = signed(EVENT)
        rotated["headers"]["webhook-signature"] = "v1,b2xk " + rotated["headers"]["webhook-signature"]
        assert httpx.post(url, **rotated).status_code == 204
        tombstone = example_of(TOMBSTONE, "https://partners.example") | {"subject": EVENT["subject"]}
        assert httpx.post(url, **signed(tombstone)).status_code == 204
        assert had(tmp_path) == {tombstone["id"]: tombstone}


def test_a_webhook_s_receiver_keeps_nothing_that_is_forged_or_old(language: str, tmp_path: Path) -> None:
    other = "whsec_" + base64.b64encode(bytes(32)).decode()
    changed = signed(EVENT)
    changed["content"] = changed["content"].replace("embassy", "ambassy")
    forged: list[Callable[[], dict[str, Any]]] = [
        lambda: signed(EVENT, secret=other),
        lambda: changed,
        lambda: signed(EVENT, sent=datetime.now(UTC) - timedelta(minutes=6)),
        lambda: signed(EVENT, sent=datetime.now(UTC) + timedelta(minutes=6)),
    ]
    with listening(language, tmp_path) as url:
        assert [httpx.post(url, **each()).status_code for each in forged] == [401] * 4
    assert not had(tmp_path)
