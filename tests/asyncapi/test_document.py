"""The AsyncAPI document is one that AsyncAPI's own parser reads without a remark that matters."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from services.partners.contracts.asyncapi import document
from services.partners.contracts.schemas import types
from services.partners.domain.answer import AnswerType

HERE = Path(__file__).parent
NPM = shutil.which("npm")

pytestmark = pytest.mark.skipif(NPM is None, reason="npm is not installed: on Debian, apt-get install npm")


@pytest.fixture(scope="module")
def installed() -> None:
    lock, done = HERE / "package-lock.json", HERE / "node_modules" / ".package-lock.json"
    if not done.exists() or done.stat().st_mtime < lock.stat().st_mtime:
        command = [str(NPM), "ci", "--ignore-scripts", "--silent"]
        subprocess.run(command, cwd=HERE, check=True, timeout=300)


def parsed(text: str) -> "subprocess.CompletedProcess[str]":
    command = ["node", "check.mjs"]
    return subprocess.run(command, cwd=HERE, input=text, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.usefixtures("installed")
def test_asyncapi_s_own_parser_reads_the_document() -> None:
    told = parsed(json.dumps(document("https://partners.example")))
    assert told.returncode == 0, told.stderr
    messages = len([*types(), *AnswerType, "page"])
    assert json.loads(told.stdout) == {"problems": 0, "channels": 4, "operations": 4, "messages": messages}, told.stderr


@pytest.mark.usefixtures("installed")
def test_the_parser_sees_an_operation_without_its_channel() -> None:
    spoilt: Any = document("https://partners.example")
    spoilt["operations"]["answer"]["channel"]["$ref"] = "#/channels/none"
    assert parsed(json.dumps(spoilt)).returncode


def test_the_lock_names_no_registry() -> None:
    assert '"resolved"' not in (HERE / "package-lock.json").read_text(encoding="utf-8")
