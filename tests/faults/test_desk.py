"""What is known of a command whose answers are lost."""

from collections.abc import AsyncIterator, Callable

import httpx
import pytest

from tests.faults.desk import Desk, Outcome, Record


@pytest.fixture
async def desk() -> AsyncIterator[Callable[..., Desk]]:
    """Of a gateway that gives these answers one after the other; 0 is none."""
    clients: list[httpx.AsyncClient] = []

    def make(*statuses: int) -> Desk:
        answers = iter(statuses)

        def answer(request: httpx.Request) -> httpx.Response:
            if request.url.path == "/api/sign-in":
                return httpx.Response(200, json={"access_token": "token"})
            if not (status := next(answers)):
                raise httpx.ReadTimeout("nothing came")
            return httpx.Response(status, json={"said": status})

        clients.append(httpx.AsyncClient(base_url="http://gateway", transport=httpx.MockTransport(answer)))
        return Desk(clients[-1], {"medical": ("name", "password")}, seed=1)

    yield make
    for client in clients:
        await client.aclose()


async def given(desk: Desk) -> Record:
    return await desk.send("examine", "medical", "/api/screening/cases/omar/fitness")


@pytest.mark.parametrize(
    ("answers", "outcome"),
    [
        ((200,), Outcome.ACKNOWLEDGED),
        ((0, 503, 200), Outcome.ACKNOWLEDGED),
        ((409,), Outcome.REFUSED),
        ((0, 409), Outcome.UNKNOWN),
        ((503, 409), Outcome.UNKNOWN),
    ],
)
async def test_a_refusal_after_an_attempt_without_an_answer_leaves_the_outcome_unknown(
    desk: Callable[..., Desk], answers: tuple[int, ...], outcome: Outcome
) -> None:
    assert (await given(desk(*answers))).outcome is outcome


@pytest.mark.parametrize(("last", "outcome"), [(409, Outcome.REFUSED), (200, Outcome.ACKNOWLEDGED)])
async def test_once_all_is_at_rest_the_next_answer_is_the_last_word(
    desk: Callable[..., Desk], last: int, outcome: Outcome
) -> None:
    made = desk(0, 409, last)
    record = await given(made)
    assert made.unknown == [record]
    await made.resolve()
    assert record.outcome is outcome
    assert made.figures() == {outcome.value: 1}
