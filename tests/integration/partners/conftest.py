"""A broker that agencies use."""

from collections.abc import Iterator

import pytest

from tests.support.agency_broker import AgencyBroker


@pytest.fixture(scope="module")
def broker() -> Iterator[AgencyBroker]:
    with AgencyBroker() as running:
        assert isinstance(running, AgencyBroker)
        yield running
