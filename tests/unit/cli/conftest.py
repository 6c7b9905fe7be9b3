"""What the tests of the command line share."""

import httpx
import pytest

from services.cli import connection
from tests.support.asked_gateway import Gateway


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Gateway:
    found = Gateway()

    def client(url: str) -> httpx.Client:
        return httpx.Client(base_url=url, transport=httpx.MockTransport(found.answer))

    monkeypatch.setattr(connection, "open_client", client)
    monkeypatch.setenv("HOMEWARD_TOKEN", "token")
    return found
