"""The version before and the next one run side by side, as in a rollout, through a whole charter."""

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]

from services.cli.accounting import account, missing_cases
from services.cli.demo import first_monday
from services.servers.server import plain
from services.simulator.people import read_list
from services.simulator.play import play
from services.simulator.scenarios import SCENARIOS
from tests.upgrade.suite import TwoBuilds
from tests.upgrade.trees import following, previous

SCENARIO = SCENARIOS["tripoli-islamabad"]


async def test_two_versions_side_by_side_lose_nothing_and_double_nothing(
    postgres_url: str, amqp_url: str, tmp_path: Path
) -> None:
    trees = {"old": previous(tmp_path / "old"), "new": following(tmp_path / "new")}
    begins = first_monday(datetime.now(UTC).date())
    data = tmp_path / "data"
    async with TwoBuilds(data, trees, (postgres_url, amqp_url), begins) as suite:
        # An old process that starts again finds a database that the new version has migrated.
        await suite.restart("old", "travel")
        report = await play(SCENARIO, suite.gateway, suite.credentials)
        recorded = await _types(suite.databases["travel"])
        # A case that counts by a word of the new version waits for it.
        assert "event failed" not in suite.log("old", "partners").read_text()
    found = account(report.accounting)
    assert (found.problems, found.unaccounted, found.duplicates) == ((), 0, 0)
    assert missing_cases(report, [each.reference for each in read_list(SCENARIO.list)]) == []
    for name in ("arrival-confirmed.v1", "arrival-confirmed.v2", "welcomed.v1"):
        assert recorded[name], f"both versions must have recorded what they do, {name} too"
    assert recorded["welcomed.v1"] == recorded["arrival-confirmed.v2"]


async def _types(database: str) -> Counter[str]:
    connection = await asyncpg.connect(plain(database), timeout=10)
    try:
        found = await connection.fetch("SELECT type, count(*) AS n FROM event_log GROUP BY type")
    finally:
        await connection.close()
    return Counter({row["type"].split(".", 3)[-1]: row["n"] for row in found})
