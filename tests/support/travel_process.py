"""Travel as a process of its own behind a proxy to its broker, and a backlog that screening has published for it."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from uuid import UUID

import aio_pika
import psutil  # type: ignore[import-untyped]
from sqlalchemy import make_url, text

from services.servers import fresh_database
from services.servers.server import free_ports
from shared.auth.keys import generate_key, key_set, public_pem
from shared.contracts import screening
from shared.contracts.envelope import Event
from shared.contracts.vocabulary import AgeGroup
from shared.ids import new_id
from shared.messaging.bus import Message, exchange_of
from shared.messaging.codec import unpack
from shared.messaging.outbox import Log, Outgoing, Recorded, append
from shared.messaging.rabbitmq import RabbitBus
from shared.messaging.relay import Relay
from shared.persistence.database import Database, rows
from shared.persistence.schema import create_machinery
from shared.protection.wrapping import first_keys
from shared.telemetry import Telemetry
from tests.faults.proxy import Proxy
from tests.support.bench import eventually

#: What a service names its queue.
QUEUE = "homeward.travel"


class TravelProcess:
    """Travel, started and stopped as an operator would; and screening's log and relay."""

    def __init__(self, output: Path, proxy: Proxy, amqp_url: str, databases: Sequence[str]) -> None:
        self.proxy, self.amqp_url, self.output = proxy, amqp_url, output
        self.database, self.producer = Database(databases[0]), Database(databases[1])
        self.bus = RabbitBus(amqp_url, "screening")
        self.relay = Relay(Log(self.producer, screening.SOURCE), self.bus, Telemetry("screening"))
        self.process: subprocess.Popen[bytes] | None = None
        self.told = 0
        self._keys = first_keys().text()

    async def prepare(self) -> None:
        """Screening can publish."""
        async with self.producer.transaction() as connection:
            found: list[str] = []
            create_machinery(_Statements(found))
            for statement in found:
                await connection.execute(text(statement))
        await self.bus.start()
        await self.bus.declare(exchange_of(screening.SOURCE))
        await eventually(self.bus.accepting)

    def start(self) -> None:
        """Begin the process; ``consuming`` tells when it is at work."""
        address = make_url(self.amqp_url).set(host="127.0.0.1", port=self.proxy.port)
        own = {
            "DATABASE_URL": self.database.url,
            "AMQP_URL": address.render_as_string(hide_password=False),
            "PUBLIC_KEY": public_pem(generate_key()),
            "KEYS": self._keys,
            "IDENTITY_KEY": generate_key().as_pem(private=True).decode(),
            "SERVICE_KEYS": key_set({}),
            "PORT": str(free_ports(1)[0]),
            # Nobody answers there: whatever is lost stays lost.
            "SCREENING_URL": "http://127.0.0.1:9",
        }
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "services.travel"],
                env=os.environ | {f"HOMEWARD_TRAVEL_{name}": value for name, value in own.items()},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    async def stop(self, seconds: float = 15.0) -> int:
        """Tell it to stop; its exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return await asyncio.to_thread(self.process.wait, seconds)

    def signal(self, number: signal.Signals) -> None:
        """Send the process a signal."""
        assert self.process is not None
        self.process.send_signal(number)

    @property
    def memory(self) -> int:
        """Resident bytes."""
        assert self.process is not None
        return int(psutil.Process(self.process.pid).memory_info().rss)

    async def tell(self, cases: int, each: int) -> None:
        """Screening publishes about so many cases, ``each`` events of every one."""
        for _ in range(cases // 100):
            ids = [new_id() for _ in range(100)]
            recorded = [Recorded(Outgoing(id, data), datetime.now(UTC), None) for data in _history(each) for id in ids]
            async with self.producer.transaction() as connection:
                self.told += len(await append(connection, screening.SOURCE, recorded))
        while await self.relay.publish_pending():
            pass

    async def consumers(self) -> int:
        """How many consume from the queue."""
        return (await self._declared())[1]

    async def waiting(self) -> int:
        """Messages that nobody has been given."""
        return (await self._declared())[0]

    async def _declared(self) -> tuple[int, int]:
        connection = await aio_pika.connect(self.amqp_url)
        async with connection:
            channel = await connection.channel()
            try:
                found = (await channel.declare_queue(QUEUE, passive=True)).declaration_result
            except aio_pika.exceptions.ChannelNotFoundEntity:
                return 0, 0
            return found.message_count or 0, found.consumer_count or 0

    async def left_in_queue(self) -> list[Event]:
        """The events that wait in the queue; they go back to it."""
        connection = await aio_pika.connect(self.amqp_url)
        found: list[Event] = []
        async with connection:
            queue = await (await connection.channel()).get_queue(QUEUE)
            while (message := await queue.get(fail=False)) is not None:
                headers = {name: str(value) for name, value in message.headers.items()}
                taken = unpack(Message(message.body, message.content_type or "", headers))
                found += [each for each in taken if isinstance(each, Event)]
        return found

    async def handled(self) -> tuple[int, int]:
        """How many events positions have passed, and how many took effect."""
        async with self.database.transaction() as connection:
            statement = "SELECT coalesce(sum(sequence), 0), coalesce(sum(handled), 0) FROM inbox_position"
            [row] = await rows(connection, statement)
        return int(row[0]), int(row[1])

    async def positions(self) -> dict[str, int]:
        """The position of each case."""
        async with self.database.transaction() as connection:
            found = await rows(connection, "SELECT subject, sequence FROM inbox_position")
        return {row.subject: row.sequence for row in found}

    async def rows_of(self, table: str) -> int:
        """How many rows a table has."""
        async with self.database.transaction() as connection:
            return int((await rows(connection, f"SELECT count(*) FROM {table}"))[0][0])

    async def close(self) -> None:
        """End what was started."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        await self.bus.close()
        await self.database.close()
        await self.producer.close()


@asynccontextmanager
async def travel_process(folder: Path, postgres_url: str, amqp_url: str) -> AsyncIterator[TravelProcess]:
    """Not started yet. No other test may use the queue of the service at this broker."""
    address = make_url(amqp_url)
    assert address.host
    proxy = Proxy([(address.host, address.port or 5672)])
    await proxy.start()
    with fresh_database(postgres_url) as consumer, fresh_database(postgres_url) as producer:
        found = TravelProcess(folder / "travel.log", proxy, amqp_url, [consumer, producer])
        try:
            await found.prepare()
            yield found
        finally:
            await found.close()
            await proxy.close()


def _history(length: int) -> list[screening.CaseRegistered | screening.CaseCleared | screening.ClearanceRevoked]:
    today = date(2026, 3, 20)
    registered = screening.CaseRegistered(
        person_id=UUID(int=1), household_id=None, reference="TRI-000001", office="tripoli",
        country_of_origin="PK", age_group=AgeGroup.ADULT, registered_on=today,
    )  # fmt: skip
    changes = screening.CaseCleared(cleared_on=today), screening.ClearanceRevoked(missing=[])
    return [registered, *(changes[n % 2] for n in range(length - 1))]


class _Statements:
    def __init__(self, found: list[str]) -> None:
        self.found = found

    def execute(self, sqltext: str) -> None:
        self.found.append(sqltext)
