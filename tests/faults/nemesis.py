"""Carries out the schedule against a suite, and heals everything in the end."""

import asyncio
import signal
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

import asyncpg  # type: ignore[import-untyped]

from services.servers.rabbitmq import ControlFailed
from shared.messaging.bus import exchange_of
from tests.faults.hooks import arm, disarm
from tests.faults.injection import Injection
from tests.faults.proxy import Fault as Hurt
from tests.faults.proxy import Proxy
from tests.faults.schedule import Fault, Kind
from tests.faults.spoiling import Spoiling
from tests.faults.suite import FaultySuite, Replica

#: Seconds that a replica is given to reach a point before the others are asked to.
_REACH = 5.0
#: Seconds that a fault waits for what it needs: somebody at the point, a connection, a broker with exchanges.
_PATIENCE = 20.0
#: Seconds after which a fault that is over is worth a line.
_LONG = 8.0


class Nemesis:
    """Hurts a suite."""

    def __init__(self, suite: FaultySuite, schedule: list[Fault], tell: Callable[[str], None]) -> None:
        self.suite, self.schedule = suite, schedule
        self.injection = Injection(suite, len(schedule))
        self.spoiling = Spoiling(suite.control)
        #: What has happened, by name.
        self.done: Counter[str] = Counter()
        #: What could not be done, and why.
        self.failed: list[str] = []
        self._tell = tell
        self._broker, self._postgres, self._spoiling = asyncio.Lock(), asyncio.Lock(), asyncio.Lock()
        self._proxies: dict[int, asyncio.Lock] = defaultdict(asyncio.Lock)
        #: The broker may have no memory left, by our doing.
        self._alarmed = False
        self._arming: dict[tuple[str, str], asyncio.Lock] = defaultdict(asyncio.Lock)
        self._ends = 0.0

    async def run(self, length: float) -> None:
        """All of the schedule; returns when the last fault is over and ``length`` seconds have passed."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        self._ends = began + length
        async with asyncio.TaskGroup() as group:
            for fault in self.schedule:
                await asyncio.sleep(max(0.0, began + fault.at - loop.time()))
                self._tell(str(fault))
                group.create_task(self._do(fault))
            await asyncio.sleep(max(0.0, began + length - loop.time()))
        await self.heal()

    async def _do(self, fault: Fault) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        why = "nobody came to it"
        while loop.time() < began + _PATIENCE:
            done = False
            try:
                done = await self._ACTIONS[fault.kind](self, fault)
            except (ControlFailed, OSError, asyncpg.PostgresError) as error:
                why = f"{type(error).__name__} {error}"
            if done:
                self.done[fault.name] += 1
                break
            # Who is down, has no connection or no exchange yet will have one soon.
            await asyncio.sleep(0.3)
        else:
            self.failed.append(f"{fault.name}: {why}")
        if loop.time() - began > _LONG:
            self._tell(f"          {fault.name} took {loop.time() - began:.0f} s")

    async def heal(self) -> None:
        """Everything runs, and everything passes."""
        for proxy in self.suite.proxies:
            proxy.heal()
        await self._end_alarm()
        disarm(self.suite.control)
        for replica in self.suite.replicas:
            replica.send(signal.SIGCONT)

    def _replica(self, fault: Fault) -> Replica:
        return self.suite.of(fault.service)[fault.replica - 1]

    def _proxy(self, fault: Fault) -> Proxy:
        if fault.link == "http":
            return self.suite.balancers[fault.service]
        replica = self._replica(fault)
        return replica.database if fault.link == "database" else replica.broker

    async def _kill(self, fault: Fault) -> bool:
        return self._replica(fault).send(signal.SIGKILL)

    async def _kill_service(self, fault: Fault) -> bool:
        killed = [each.send(signal.SIGKILL) for each in self.suite.of(fault.service)]
        return any(killed)

    async def _stop(self, fault: Fault) -> bool:
        replica = self._replica(fault)
        if stopped := replica.send(signal.SIGSTOP):
            await asyncio.sleep(fault.seconds)
            replica.send(signal.SIGCONT)
        return stopped

    async def _at_point(self, fault: Fault) -> bool:
        number = signal.SIGKILL if fault.kind is Kind.CRASH else signal.SIGSTOP
        first = self._replica(fault)
        others = [each for each in self.suite.replicas if each is not first and _comes_to(each, fault.point)]
        left = max(0.0, self._ends - asyncio.get_running_loop().time())
        provoking = asyncio.create_task(self._provoke(fault.point))
        try:
            reached = await self._first([first], fault.point, number, _REACH)
            reached = reached or await self._first(others, fault.point, number, left + _PATIENCE)
        finally:
            provoking.cancel()
        if reached is not None:
            await asyncio.sleep(fault.seconds)
            reached.send(signal.SIGCONT)
        return reached is not None

    async def _provoke(self, point: str) -> None:
        """A relay claims from the table only what could not be published at once: see to it that there is some."""
        while point.startswith("relay.claim"):
            await asyncio.sleep(_REACH)
            for replica in self.suite.replicas:
                replica.broker.reset()

    async def _first(
        self, replicas: list[Replica], point: str, number: signal.Signals, patience: float
    ) -> Replica | None:
        """The first of them that comes to the point and hurts itself."""
        waiting = [asyncio.create_task(self._reaches(each, point, number, patience)) for each in replicas]
        reached = None
        for done in asyncio.as_completed(waiting):
            if reached := await done:
                break
        for each in waiting:
            each.cancel()
        for also in await asyncio.gather(*waiting, return_exceptions=True):
            # Two may come to the point at once: nobody else would wake the second.
            if isinstance(also, Replica) and also is not reached:
                also.send(signal.SIGCONT)
        return reached

    async def _reaches(self, replica: Replica, point: str, number: signal.Signals, patience: float) -> Replica | None:
        async with self._arming[replica.name, point]:
            fired = arm(self.suite.control, replica.name, point, number)
            try:
                return replica if await _within(patience, lambda: _exists(fired)) else None
            except asyncio.CancelledError:
                fired.with_suffix(".armed").unlink(missing_ok=True)
                if fired.exists():
                    # It was quicker, and is stopped now or in a moment.
                    await asyncio.sleep(0.1)
                    replica.send(signal.SIGCONT)
                raise
            finally:
                disarm(self.suite.control, replica.name, point)

    async def _broker_kill(self, _: Fault) -> bool:
        async with self._broker:
            await self.suite.with_broker(self.suite.broker.kill)
            await self.suite.with_broker(self.suite.broker.start)
        return True

    async def _broker_wipe(self, _: Fault) -> bool:
        async with self._broker:
            await self.suite.with_broker(self.suite.broker.wipe)
            await self.suite.with_broker(self.suite.broker.start)
        return True

    async def _broker_alarm(self, fault: Fault) -> bool:
        async with self._broker:
            self._alarmed = True
            try:
                await self._control("set_vm_memory_high_watermark", "0.0000001")
                await asyncio.sleep(fault.seconds)
                return await _within(_REACH, self._anybody_blocked)
            finally:
                await self._end_alarm()

    async def _anybody_blocked(self) -> bool:
        return "blocked" in (await self._control("list_connections", "--quiet", "state")).split()

    async def _end_alarm(self) -> None:
        """As often as it takes: a broker that is left without memory lets nobody publish any more."""
        if self._alarmed and not await _within(_PATIENCE, self._memory_is_back):
            raise ControlFailed("the broker's memory alarm can't be ended")

    async def _memory_is_back(self) -> bool:
        with suppress(ControlFailed):
            await self._control("set_vm_memory_high_watermark", "0.4")
            self._alarmed = False
        return not self._alarmed

    async def _control(self, *arguments: str) -> str:
        return await asyncio.to_thread(self.suite.broker.control, *arguments)

    async def _queue_delete(self, fault: Fault) -> bool:
        async with self._broker:
            return await self.injection.delete_queue(f"homeward.{fault.service}")

    async def _exchange_delete(self, fault: Fault) -> bool:
        async with self._broker:
            return await self.injection.delete_exchange(exchange_of(f"/homeward/{fault.service}"))

    async def _postgres_kill(self, _: Fault) -> bool:
        async with self._postgres:
            await self.suite.with_postgres(self.suite.postgres.kill)
            await self.suite.with_postgres(self.suite.postgres.start)
        return True

    async def _backends_terminate(self, fault: Fault) -> bool:
        async with self._postgres:
            statement = """SELECT count(pg_terminate_backend(pid)) AS ended FROM pg_stat_activity
                           WHERE datname = current_database() AND pid <> pg_backend_pid()"""
            [found] = await self.suite.sql(fault.service, statement)
        return bool(found["ended"])

    async def _reset(self, fault: Fault) -> bool:
        return self._proxy(fault).reset() > 0

    async def _hurt(self, fault: Fault) -> bool:
        """Until something has passed that was hurt by it."""
        proxy = self._proxy(fault)
        async with self._proxies[proxy.port]:
            proxy.hurt({Kind.HALF_OPEN: Hurt.HALF_OPEN, Kind.SLOW: Hurt.SLOW, Kind.CUT: Hurt.CUT}[fault.kind])
            await asyncio.sleep(fault.seconds)
            try:
                return await _within(_REACH, lambda: _touched(proxy))
            finally:
                proxy.heal()

    async def _inject(self, fault: Fault) -> bool:
        async with self._postgres, self._broker:
            return await self.injection.inject(fault.kind)

    async def _spoil(self, fault: Fault) -> bool:
        """In the gateway, which hears of everything, if the consumer hears of nobody for a while."""
        async with self._spoiling:
            return await self._spoil_in(fault.service) or await self._spoil_in("gateway")

    async def _spoil_in(self, consumer: str) -> bool:
        """The case of which the consumer hears first; several if that is at the same moment."""
        spoilt = {each for _, each in self.spoiling.spoilt}
        async with self._postgres:
            cases = await self.injection.lively_cases(consumer, spoilt)
        for case in cases:
            self.spoiling.spoil(consumer, case)
        await _within(_REACH, lambda: self._any_felt(consumer, cases))
        kept = [case for case in cases if not self.spoiling.give_up(consumer, case)]
        return bool(kept)

    async def _any_felt(self, consumer: str, cases: list[str]) -> bool:
        return any(self.spoiling.felt(consumer, case) for case in cases)

    _ACTIONS: ClassVar[dict[Kind, Callable[["Nemesis", Fault], Awaitable[bool]]]] = {
        Kind.KILL: _kill,
        Kind.STOP: _stop,
        Kind.CRASH: _at_point,
        Kind.FREEZE: _at_point,
        Kind.KILL_SERVICE: _kill_service,
        Kind.BROKER_KILL: _broker_kill,
        Kind.BROKER_WIPE: _broker_wipe,
        Kind.BROKER_ALARM: _broker_alarm,
        Kind.QUEUE_DELETE: _queue_delete,
        Kind.EXCHANGE_DELETE: _exchange_delete,
        Kind.POSTGRES_KILL: _postgres_kill,
        Kind.BACKENDS_TERMINATE: _backends_terminate,
        Kind.RESET: _reset,
        Kind.HALF_OPEN: _hurt,
        Kind.SLOW: _hurt,
        Kind.CUT: _hurt,
        Kind.DUPLICATES: _inject,
        Kind.REORDERED: _inject,
        Kind.UNDECODABLE: _inject,
        Kind.POISON: _inject,
        Kind.SPOIL: _spoil,
    }


async def _within(seconds: float, probe: Callable[[], Awaitable[bool]]) -> bool:
    """Whether it becomes true in so many seconds."""
    ends = asyncio.get_running_loop().time() + seconds
    while not (held := await probe()) and asyncio.get_running_loop().time() < ends:
        await asyncio.sleep(0.05)
    return held


async def _exists(path: Path) -> bool:
    return path.exists()


async def _touched(proxy: Proxy) -> bool:
    return proxy.touched > 0


def _comes_to(replica: Replica, point: str) -> bool:
    return replica.service != "gateway" or point.startswith("consumer")
