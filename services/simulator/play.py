"""A whole charter, from the registration week to the last monitoring visit."""

from collections.abc import Callable, Mapping

import httpx

from services.simulator.calendar import Calendar, Step
from services.simulator.departure import fly, prepare, receive
from services.simulator.follow_up import follow_up
from services.simulator.gateway import Gateway
from services.simulator.journey import Journey
from services.simulator.people import read_list
from services.simulator.reintegration import reintegrate
from services.simulator.report import Report, report
from services.simulator.scenarios import Scenario
from services.simulator.screening import screen


async def play(
    scenario: Scenario,
    client: httpx.AsyncClient,
    credentials: Mapping[str, tuple[str, str]],
    watch: Callable[[Step], None] = lambda _: None,
) -> Report:
    """Play the charter against the gateway behind ``client``; ``credentials`` are a name and password for each role.

    Raises Refused, Away or Restless.
    """
    gateway = Gateway(client, credentials)
    journey = Journey(scenario, read_list(scenario.list), gateway, Calendar(gateway, watch))
    await journey.calendar.begin()
    for act in (screen, prepare, fly, receive, reintegrate, follow_up):
        await act(journey)
    return await report(journey)
