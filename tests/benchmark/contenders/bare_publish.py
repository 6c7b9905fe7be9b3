"""Bare aio-pika: messages of the same size, published with confirms, as many in flight as Homeward has."""

import asyncio
import os
import sys
import time

import aio_pika
import uvloop

WINDOW = 200


async def main(count: int, size: int) -> None:
    """Prints the seconds that it took."""
    connection = await aio_pika.connect(os.environ["BENCHMARK_AMQP_URL"])
    channel = await connection.channel(publisher_confirms=True)
    exchange = await channel.declare_exchange("benchmark.out", "topic", durable=True)
    body = b"x" * size
    begun = time.perf_counter()
    for start in range(0, count, WINDOW):
        messages = [
            aio_pika.Message(body, delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
            for _ in range(min(WINDOW, count - start))
        ]
        await asyncio.gather(*(exchange.publish(message, "event") for message in messages))
    print(time.perf_counter() - begun)
    await connection.close()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), int(sys.argv[2])))
