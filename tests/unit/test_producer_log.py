"""Since when a producer's log is known to hold nothing that has not come."""

from typing import Any

import httpx

from shared.messaging.producer_log import HttpProducerLog


class Log:
    """A log of so many events, each of its own subject, served as its service serves it."""

    def __init__(self, events: int) -> None:
        self.events = events

    def answer(self, request: httpx.Request) -> httpx.Response:
        after, limit = int(request.url.params["after"]), int(request.url.params["limit"])
        heads: list[dict[str, Any]] = [
            {"subject": f"case-{number}", "sequence": 1, "hash": "00", "position": number}
            for number in range(after + 1, min(after + limit, self.events) + 1)
        ]
        return httpx.Response(200, json={"heads": heads})


def _producer(log: Log) -> HttpProducerLog:
    return HttpProducerLog(httpx.AsyncClient(transport=httpx.MockTransport(log.answer), base_url="http://producer"))


async def test_a_log_is_even_when_nothing_follows() -> None:
    producer = _producer(Log(0))
    assert producer.even_at is None
    await producer.settled(0, 3, 10)
    assert producer.even_at is not None


async def test_a_page_that_is_full_says_nothing_and_one_that_is_not_counts_once_it_is_worked_off() -> None:
    log = Log(15)
    producer = _producer(log)
    await producer.settled(0, 3, 10)
    await producer.settled(10, 3, 10)
    assert producer.even_at is None
    # Events go on coming, so that there is never an empty page.
    log.events = 18
    await producer.settled(15, 3, 10)
    assert producer.even_at is not None


async def test_a_page_that_could_not_be_worked_off_does_not_count() -> None:
    producer = _producer(Log(5))
    await producer.settled(0, 3, 10)
    await producer.settled(0, 3, 10)
    assert producer.even_at is None
