"""A fault counts as done only when it has hurt somebody, and none outlasts the healing."""

import asyncio
import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from services.servers.rabbitmq import ControlFailed
from tests.faults import nemesis
from tests.faults.nemesis import Nemesis
from tests.faults.proxy import Proxy
from tests.faults.schedule import Fault, Kind
from tests.faults.suite import FaultySuite


class Broker:
    """Says what it is told, and fails as often as it is told."""

    def __init__(self, states: str, failures: int = 0) -> None:
        self.states, self.failures, self.watermark = states, failures, "0.4"

    def control(self, what: str, *arguments: str) -> str:
        if what == "list_connections":
            return self.states
        if arguments == ("0.4",) and self.failures:
            self.failures -= 1
            raise ControlFailed("it is starting")
        [self.watermark] = arguments
        return ""


def hurting(folder: Path, **suite: Any) -> Nemesis:
    nothing = {"proxies": [], "replicas": [], "control": folder}
    return Nemesis(cast(FaultySuite, SimpleNamespace(**nothing | suite)), [], lambda _: None)


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nemesis, "_REACH", 0.2)


@pytest.mark.parametrize(("states", "blocked"), [("running\nblocked\n", True), ("running\nblocking\n", False)])
async def test_an_alarm_is_done_when_somebody_was_blocked(tmp_path: Path, states: str, blocked: bool) -> None:
    broker = Broker(states)
    found = hurting(tmp_path, broker=broker)
    assert await found._broker_alarm(Fault(0, Kind.BROKER_ALARM)) is blocked
    assert broker.watermark == "0.4"


async def test_an_alarm_that_could_not_be_ended_ends_with_the_healing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = Broker("blocked", failures=1)
    found = hurting(tmp_path, broker=broker)
    monkeypatch.setattr(nemesis, "_PATIENCE", 0.0)
    with pytest.raises(ControlFailed):
        await found._broker_alarm(Fault(0, Kind.BROKER_ALARM))
    assert broker.watermark != "0.4"
    await found.heal()
    assert broker.watermark == "0.4"


@pytest.mark.parametrize("kind", [Kind.HALF_OPEN, Kind.SLOW, Kind.CUT])
async def test_a_connection_on_which_nothing_passes_is_not_hurt(tmp_path: Path, kind: Kind) -> None:
    arrived = asyncio.Event()
    server = await asyncio.start_server(lambda reader, writer: arrived.set(), "127.0.0.1", 0)
    proxy = Proxy([server.sockets[0].getsockname()[:2]])
    await proxy.start()
    found = hurting(tmp_path, balancers={"travel": proxy})
    _, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    await arrived.wait()
    fault = Fault(0, kind, "travel", link="http")
    assert not await found._hurt(fault)
    hurt = asyncio.create_task(found._hurt(fault))
    writer.write(b"hello")
    assert await hurt
    writer.close()
    await proxy.close()
    server.close()


class Process:
    """In a replica's place: stops when it is armed, and says what it was sent."""

    def __init__(self, name: str) -> None:
        self.name, self.sent = name, list[signal.Signals]()

    def send(self, number: signal.Signals) -> bool:
        self.sent.append(number)
        return True


async def test_of_two_that_stop_at_the_same_moment_the_second_is_woken_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(folder: Path, replica: str, point: str, number: signal.Signals) -> Path:
        fired = folder / f"{replica}.{point}.fired"
        fired.touch()
        return fired

    monkeypatch.setattr(nemesis, "arm", stop)
    monkeypatch.setattr(nemesis, "Replica", Process)
    both = [Process("travel-1"), Process("travel-2")]
    found = await hurting(tmp_path)._first(cast(Any, both), "consumer.ack.before", signal.SIGSTOP, 1.0)
    [other] = [each for each in both if each is not cast(Any, found)]
    assert found is not None and other.sent == [signal.SIGCONT]
