"""The leanest handler that FastStream allows: no validation, one statement of asyncpg's per event."""

import json
import os
from uuid import UUID, uuid4

import asyncpg  # type: ignore[import-untyped]
import uvloop
from faststream import AckPolicy, FastStream
from faststream.rabbit import (
    Channel,
    ExchangeType,
    QueueType,
    RabbitBroker,
    RabbitExchange,
    RabbitMessage,
    RabbitQueue,
)

PREFETCH = int(os.environ["BENCHMARK_PREFETCH"])
broker = RabbitBroker(
    os.environ["BENCHMARK_AMQP_URL"],
    default_channel=Channel(prefetch_count=PREFETCH),
    apply_types=False,
    logger=None,
)
app = FastStream(broker, logger=None)
incoming = RabbitQueue("benchmark.in", queue_type=QueueType.QUORUM, durable=True)
outgoing = RabbitExchange("benchmark.out", type=ExchangeType.TOPIC, durable=True)

pool: asyncpg.Pool

STATEMENT = """
    WITH new AS (INSERT INTO seen (id) VALUES ($1) ON CONFLICT DO NOTHING RETURNING id),
         changed AS (UPDATE case_row SET count = count + 1, note = $3 WHERE id = $2 AND EXISTS (SELECT FROM new)
                     RETURNING id, count)
    INSERT INTO outgoing (id, subject, count, note) SELECT $4, id, count, $3 FROM changed RETURNING count"""


async def raw(message: RabbitMessage) -> bytes:
    """The body as it came."""
    return bytes(message.body)


@broker.subscriber(incoming, ack_policy=AckPolicy.NACK_ON_ERROR, decoder=raw)  # type: ignore[untyped-decorator]
async def noted(body: bytes) -> None:
    """One more."""
    event = json.loads(body)
    made = uuid4()
    count = await pool.fetchval(STATEMENT, UUID(event["id"]), UUID(event["subject"]), event["note"], made)
    if count is not None:
        answer = {"id": str(made), "subject": event["subject"], "count": count, "note": event["note"]}
        await broker.publish(json.dumps(answer).encode(), exchange=outgoing, routing_key="event", persist=True)


async def main() -> None:
    """Until it is told to stop."""
    global pool  # noqa: PLW0603
    url = os.environ["BENCHMARK_DATABASE_URL"].replace("+asyncpg", "")
    pool = await asyncpg.create_pool(url, min_size=PREFETCH, max_size=PREFETCH)
    await app.run()


if __name__ == "__main__":
    uvloop.run(main())
