"""The suite of containers plays the whole charter, and loses nothing when each of its containers is killed once."""

import asyncio
import json
import re
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from services.credentials import by_role, read_passwords
from services.embedded import SERVICES
from services.simulator.calendar import Calendar
from tests.deploy.compose import COMMAND, ComposedSuite
from tests.deploy.engine import ROOT, docker
from tests.deploy.load import load

pytestmark = pytest.mark.images

#: The line that a step of the charter prints begins with its day.
_STEP = re.compile(rb"\d{4}-\d{2}-\d{2}  ")
#: So many steps at least pass between two kills.
_PAUSE = 1
ACCOUNTED = "Events: 4380 published, 17095 handled, 0 doubled, 0 lost"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def suite(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ComposedSuite]:
    async with ComposedSuite(tmp_path_factory.mktemp("compose")) as started:
        yield started


def test_what_is_in_the_containers_is_what_the_compose_file_says(suite: ComposedSuite) -> None:
    assert sorted(suite.names) == sorted((*SERVICES, "postgres", "rabbitmq"))
    for name in SERVICES:
        container = json.loads(docker("inspect", suite.container(name)))[0]
        assert container["Config"]["User"] == "10001:10001"
        host = container["HostConfig"]
        assert host["ReadonlyRootfs"] and host["CapDrop"] == ["ALL"], name
        # Secrets come from files.
        assert not [each for each in container["Config"]["Env"] if "_URL=postgres" in each or "_URL=amqp" in each]
    for name in ("postgres", "rabbitmq"):
        assert "PASSWORD" not in docker("exec", "-u", name, suite.container(name), "cat", "/proc/1/environ")


def test_the_broker_speaks_nothing_but_tls(suite: ComposedSuite) -> None:
    listening = docker("exec", suite.container("rabbitmq"), "bash", "-c", "cat /proc/net/tcp /proc/net/tcp6")
    ports = {int(port, 16) for port in re.findall(r" \w+:([0-9A-F]{4}) \w+:0000 0A ", listening)}
    assert {5671, 15671} <= ports and not {5672, 15672} & ports


def test_the_brokers_certificate_is_good_for_its_name_alone(suite: ComposedSuite) -> None:
    context = ssl.create_default_context(cafile=str(suite.secrets / "tls/ca.pem"))
    address = suite.address("rabbitmq")
    with (
        socket.create_connection((address, 5671)) as plain,
        context.wrap_socket(plain, server_hostname="rabbitmq"),
    ):
        pass
    with (
        socket.create_connection((address, 5671)) as plain,
        pytest.raises(ssl.SSLCertVerificationError, match="not valid for 'somebody-else'"),
    ):
        context.wrap_socket(plain, server_hostname="somebody-else")


@pytest.mark.asyncio(loop_scope="module")
async def test_a_charter_loses_nothing_while_each_container_is_killed_once(suite: ComposedSuite) -> None:
    playing = await asyncio.create_subprocess_exec(
        *COMMAND,
        "demo",
        "--url",
        suite.url,
        "--credentials",
        str(suite.secrets / "credentials.json"),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert playing.stdout and playing.stderr
    told, waiting, steps, killing = b"", ["rabbitmq", "postgres", *SERVICES], 0, None
    async for line in playing.stdout:
        told += line
        steps += bool(_STEP.match(line))
        # The charter goes on meanwhile.
        if waiting and steps and steps % _PAUSE == 0 and (killing is None or killing.done()):
            killing = asyncio.create_task(suite.kill(waiting.pop(0)))
    errors = await playing.stderr.read()
    assert await playing.wait() == 0, (told + errors).decode()
    assert not waiting, f"the charter was over before {waiting} could be killed"
    await killing  # type: ignore[misc]
    assert ACCOUNTED in told.decode()


@pytest.mark.asyncio(loop_scope="module")
async def test_no_request_fails_and_nothing_is_lost_while_each_container_is_restarted(suite: ComposedSuite) -> None:
    async with load(suite.url, by_role(read_passwords(suite.secrets / "credentials.json"))) as operators:
        before = await operators.cases()
        async with operators.at_work():
            took = {name: await suite.restart(name) for name in (*SERVICES, "rabbitmq", "postgres")}
        await Calendar(operators.gateway, lambda _: None).rest()
        print({name: round(seconds) for name, seconds in took.items()}, operators.figures())
        assert operators.unanswered() == []
        assert operators.attempts.outcomes[500] == operators.attempts.unsaid == 0
        assert await operators.cases() - before == operators.registered() != set()
        assert await operators.wrong() == []


@pytest.mark.asyncio(loop_scope="module")
async def test_a_suite_that_has_cases_is_not_played_upon(suite: ComposedSuite) -> None:
    words = [*COMMAND, "demo", "--url", suite.url, "--credentials", str(suite.secrets / "credentials.json")]
    done = await asyncio.to_thread(subprocess.run, words, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1 and "wants an empty suite" in done.stderr
