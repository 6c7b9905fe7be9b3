"""The sample receivers by AMQP keep what they are given, once per id, and destroy what they must: in Python with
aio-pika, and in JavaScript with Node's amqplib.
"""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from services.embedded import EmbeddedSuite
from services.partners.kept import TOMBSTONE
from tests.integration.partners.queues import QueueOwner, queue_owner, with_broker
from tests.integration.screening.programme import DECLARATION
from tests.support.agency_broker import AgencyBroker
from tests.support.bench import eventually
from tests.support.suite import REGISTRATION, at_rest, sign_in

MODULE = pytest.mark.asyncio(loop_scope="module")

HERE = Path(__file__).parent
RECEIVERS = HERE.parents[1] / "examples" / "receivers"
NPM = shutil.which("npm")
PROGRAMS = {"py": [sys.executable], "mjs": ["node"]}


@pytest.fixture(scope="module")
def broker() -> Iterator[AgencyBroker]:
    with AgencyBroker() as running:
        assert isinstance(running, AgencyBroker)
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def suite(module_path: Path, broker: AgencyBroker) -> AsyncIterator[EmbeddedSuite]:
    async with with_broker(module_path, broker) as running:
        yield running


@pytest.fixture(params=sorted(PROGRAMS))
def program(request: pytest.FixtureRequest, tmp_path: Path) -> list[str]:
    """The receiver where its libraries are found."""
    language = str(request.param)
    if language == "mjs":
        if NPM is None:
            pytest.skip("npm is not installed: on Debian, apt-get install npm")
        lock, done = HERE / "package-lock.json", HERE / "node_modules" / ".package-lock.json"
        if not done.exists() or done.stat().st_mtime < lock.stat().st_mtime:
            subprocess.run([NPM, "ci", "--ignore-scripts", "--silent"], cwd=HERE, check=True, timeout=300)
        (tmp_path / "node_modules").symlink_to(HERE / "node_modules")
    copied = shutil.copy(RECEIVERS / f"amqp.{language}", tmp_path)
    return [*PROGRAMS[language], str(copied)]


@asynccontextmanager
async def receiving(program: list[str], owner: QueueOwner, folder: Path) -> AsyncIterator[None]:
    assert owner.broker is not None
    authority = str(owner.broker.authority)
    trust = {"SSL_CERT_FILE": authority, "NODE_EXTRA_CA_CERTS": authority}
    where = {"HOMEWARD_AMQP_URL": owner.url(), "HOMEWARD_QUEUE": owner.queue}
    process = await asyncio.create_subprocess_exec(*program, str(folder), env=os.environ | trust | where)
    try:
        yield
        assert process.returncode is None
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


def had(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text() or "{}") for path in folder.glob("*/*.json")]


@MODULE
async def test_a_queue_s_receiver_keeps_what_comes_and_destroys_what_it_must(
    suite: EmbeddedSuite, broker: AgencyBroker, program: list[str], tmp_path: Path
) -> None:
    embassy, folder = await queue_owner(suite, broker, kind="embassy"), tmp_path / "kept"
    await embassy.until_connected()

    async def kept(count: int, type: str) -> list[dict[str, Any]]:
        async def so() -> bool:
            found = had(folder)
            return len(found) == count and any(each.get("type") == type for each in found)

        await eventually(so, seconds=30)
        return had(folder)

    async with receiving(program, embassy, folder):
        await embassy.tests(3)
        await kept(3, "org.homeward.partners.test.v1")
        officer = await sign_in(suite, "caseworker")
        case_id = (await officer.post("/api/screening/cases", REGISTRATION)).json()["case_id"]
        await officer.post(f"/api/screening/cases/{case_id}/declaration", DECLARATION)
        await at_rest(embassy.operators["admin"])
        asked = {"authority": "embassy-pk", "kind": "laissez_passer"}
        await embassy.operators["movements"].post(f"/api/travel/cases/{case_id}/document/request", asked)
        found = await kept(4, "org.homeward.travel.document-requested.v1")
        assert any("given_name" in each["data"].get("person", {}) for each in found)
        await officer.post(f"/api/screening/cases/{case_id}/consent/withdrawal", {"place": "office", "reason": "stays"})
        left = await kept(4, TOMBSTONE)
        assert not any("person" in each["data"] for each in left)
        # Acknowledged, each of them.
        await embassy.until_waiting(0)


def test_the_lock_names_no_registry() -> None:
    assert '"resolved"' not in (HERE / "package-lock.json").read_text(encoding="utf-8")
