#!/usr/bin/env python3
"""Receives Homeward's events from your queue; needs aio-pika. Usage: amqp.py FOLDER, with HOMEWARD_QUEUE and
HOMEWARD_AMQP_URL=amqps://USER:PASSWORD@HOST:5671/VIRTUAL-HOST. It connects again by itself.
"""

import asyncio
import json
import os
import shutil
import sys
from pathlib import Path

import aio_pika


async def receive() -> None:
    connection = await aio_pika.connect_robust(os.environ["HOMEWARD_AMQP_URL"])
    channel = await connection.channel()
    await channel.set_qos(prefetch_count=20)
    queue = await channel.get_queue(os.environ["HOMEWARD_QUEUE"], ensure=False)
    async with queue.iterator() as messages:
        async for message in messages:
            event = json.loads(message.body)
            subject = Path(sys.argv[1]) / event["subject"]
            if event["type"] == "org.homeward.partners.tombstone.v1":
                shutil.rmtree(subject, ignore_errors=True)  # It must be destroyed, backups too.
            subject.mkdir(parents=True, exist_ok=True)
            # An event may come twice, and has the same id then: the file is written again.
            (subject / f"{event['id']}.json").write_text(json.dumps(event))
            await message.ack()  # Only now that it is kept.


asyncio.run(receive())
