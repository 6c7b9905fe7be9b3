"""What the role under which offices read may do in each service's database."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url
from sqlalchemy.exc import ProgrammingError

from services import screening
from shared.persistence import migrations
from shared.persistence.database import Database, rows, run, scalar
from shared.persistence.offices import ROLE, Sight, seen_by
from shared.persistence.row_security import MayNotMakeRole
from tests.integration.gateway.suite import Suite

pytestmark = pytest.mark.asyncio(loop_scope="package")

#: Tables that the role has no right to, so that no request of an office reaches them whatever it asks.
UNREACHABLE = {
    "alembic_version": "Alembic's",
    "event_log": "the log is given to services and to auditors of every office",
    "event_position": "the log's",
    "event_unpublished": "the log's",
    "event_unstamped": "the log's",
    "log_head": "the log's",
    "log_origin": "which database this is",
    "log_lost": "the log's",
    "restoration_ahead": "what other services have of the log",
    "restoration_report": "which other services have said so",
    "inbox_decision": "what administrators have decided about dead letters",
    "inbox_parked": "the inbox's",
    "inbox_position": "the inbox's",
    "inbox_unreadable": "the inbox's",
    "idempotency": "a command claims its key and keeps its answer as the owner",
    "programme_clock": "the service reads the clock",
    "agency_key": "digests of agencies' keys",
    "access_request": "digests of the codes with which agencies claim their keys",
    "signed_copy": "the service keeps it",
    "amqp": "how far agencies' queues are",
    "webhook": "how far agencies' receivers are",
    "webhook_stuck": "what an agency's receiver has not taken",
    "escalation": "who was told that an agency is late",
    "told_otherwise": "whom at an agency the liaison has told what it must destroy",
    "figure": "the service alone reads counts of few people",
    "figure_told": "how far donors are told",
    "figure_reader": "how far donors are told",
}
#: What somebody does or reads is written down in the same transaction, and seen by nobody there.
ADDED_TO = "audit_deed"
#: Tables of which every office reads every row.
OPEN = (
    {"reintegration_fund": "donors give to the programme: a fund belongs to no office and names no case"}
    | dict.fromkeys(
        ("agency", "agreement", "subscription", "subscription_head", "partner_registry", "partner_flight"),
        "agencies and what was agreed with them are the programme's",
    )
    | {"agency_suspension": "which agencies nothing leaves to: it names no case"}
    | dict.fromkeys(("figure_edition", "figure_issue"), "figures as every donor may be told them")
)

_TABLES = f"""
    SELECT relname AS name, relrowsecurity AS secured, has_any_column_privilege('{ROLE}', oid, 'SELECT') AS reads,
           has_any_column_privilege('{ROLE}', oid, 'INSERT, UPDATE, REFERENCES') OR
           has_table_privilege('{ROLE}', oid, 'DELETE, TRUNCATE, TRIGGER') AS writes,
           EXISTS (SELECT FROM pg_policy WHERE polrelid = pg_class.oid AND polcmd = 'r'
                   AND pg_get_expr(polqual, polrelid) <> 'true') AS has_policy
    FROM pg_class WHERE relnamespace = CAST('public' AS regnamespace) AND relkind IN ('r', 'p', 'v', 'm', 'f')
    ORDER BY 1"""


async def test_every_table_that_an_office_reads_has_a_policy(suite: Suite) -> None:
    found: dict[str, str] = {}
    for service, app in suite.apps.items():
        async with app.state.service.database.transaction() as connection:
            for table in await rows(connection, _TABLES):
                found |= {f"{service} {table.name}": wrong} if (wrong := fault(table)) else {}
    assert not found


def fault(table: Any) -> str | None:
    """What is wrong with the role's rights on a table."""
    if table.writes and table.name != ADDED_TO:
        return "an office's request could write it"
    if table.name in {*UNREACHABLE, ADDED_TO}:
        return "an office's request could read it" if table.reads else None
    if table.name in OPEN:
        return None
    if not table.reads:
        return "say in a migration which rows offices read, or in this test why they need none"
    return None if table.secured and table.has_policy else "offices read it without a policy"


async def test_a_transaction_that_was_told_no_offices_sees_nothing_and_writes_nothing(suite: Suite) -> None:
    for service, table in (("screening", "screening_case"), ("gateway", "case_view"), ("travel", "travel_case")):
        database = suite.apps[service].state.service.database
        # What an earlier transaction on the same connection was told is forgotten.
        async with seen_by(Sight(frozenset({"tripoli"}), frozenset({"LY"})), database) as connection:
            assert await scalar(connection, f"SELECT count(*) FROM {table}") >= 0
        async with database.transaction() as connection:
            await run(connection, f"SET LOCAL ROLE {ROLE}")
            assert await scalar(connection, f"SELECT count(*) FROM {table}") == 0
            with pytest.raises(ProgrammingError, match="permission denied"):
                await run(connection, f"UPDATE {table} SET state = state")


async def test_an_offices_name_can_not_be_made_to_mean_two(suite: Suite) -> None:
    offices = frozenset({"tripoli,islamabad", '"}, {"', "*", ""})
    sight = Sight(offices)
    async with seen_by(sight, suite.apps["screening"].state.service.database) as connection:
        told = await scalar(connection, "SELECT CAST(current_setting('homeward.offices') AS text[])")
    assert set(told) == offices


async def test_who_may_not_make_roles_is_told_what_the_administrator_runs(database_url: str) -> None:
    owner = Database(database_url)
    folder = Path(str(screening.__file__)).parent / "migrations"
    name = "petty_officer"
    async with owner.transaction() as connection:
        await run(connection, f"CREATE ROLE {name} LOGIN PASSWORD 'x' NOSUPERUSER NOCREATEROLE")
        await run(connection, f"GRANT ALL ON SCHEMA public TO {name}")
    petty = Database(make_url(database_url).set(username=name, password="x").render_as_string(hide_password=False))
    try:
        with pytest.raises(MayNotMakeRole) as refused:
            await migrations.upgrade(petty, folder)
        statements = str(refused.value).partition("once for all services: ")[2].split(";")
        assert [each.split()[0] for each in statements if each.strip()] == ["CREATE", "GRANT"]
        async with owner.transaction() as connection:
            # Another service's migration has made it already, as a rule.
            if not await rows(connection, "SELECT 1 FROM pg_roles WHERE rolname = :role", role=ROLE):
                await run(connection, statements[0])
            await run(connection, statements[1])
        await migrations.upgrade(petty, folder)
        async with seen_by(Sight(frozenset({"tripoli"})), petty) as connection:
            assert await scalar(connection, "SELECT count(*) FROM screening_case") == 0
    finally:
        await petty.close()
        async with owner.transaction() as connection:
            await run(connection, f"DROP OWNED BY {name}")
            await run(connection, f"DROP ROLE {name}")
        await owner.close()
