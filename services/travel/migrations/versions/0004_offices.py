"""An office reads the cases of its own and of those who travel to its country, and their flights."""

from alembic import op

from shared.persistence.row_security import (
    beside,
    let_nobody_read,
    let_offices_read,
    make_office_role,
    of_cases,
    of_countries,
    of_offices,
)

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_TRAVELLING = "status IN ('booked', 'boarded', 'departed', 'arrived', 'missing')"


def upgrade() -> None:
    """Flights are also read by the office of somebody who is on one."""
    op.execute("ALTER TABLE travel_case ADD COLUMN travelling boolean")
    op.execute(f"UPDATE travel_case SET travelling = {_TRAVELLING}")
    op.execute("ALTER TABLE travel_case ALTER COLUMN travelling SET NOT NULL")
    make_office_role(op)
    let_offices_read(op, "travel_case", of_cases(country="country_of_origin"))
    let_offices_read(op, "travel_household", beside("travel_case", "household_id = travel_household.id"))
    on_it = beside("travel_case", "travel_case.flight_id = travel_flight.id")
    let_offices_read(op, "travel_flight", f"{of_offices()} OR {of_countries('country_of_origin')} OR {on_it}")
    for table in ("travel_decision", "travel_manifest_identity"):
        let_offices_read(op, table, beside("travel_case", f"travel_case.id = {table}.case_id"))
    let_offices_read(op, "data_key", beside("travel_case", "travel_case.id = owner"))


def downgrade() -> None:
    """Whoever has a token reads every case."""
    tables = ("manifest_identity", "decision", "flight", "household", "case")
    let_nobody_read(op, "data_key", *(f"travel_{table}" for table in tables))
    op.execute("ALTER TABLE travel_case DROP COLUMN travelling")
