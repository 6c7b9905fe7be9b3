"""An office reads the cases of its own and of those who travel to its country, and what happened to them."""

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

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_MEMBERS = "json_array_elements_text(household_view.state -> 'case_ids') AS member"


def upgrade() -> None:
    """Flights of which no office was told are read by the offices of those who are on them."""
    op.execute("ALTER TABLE flight_view ADD COLUMN office text, ADD COLUMN country text")
    make_office_role(op)
    let_offices_read(op, "case_view", of_cases())
    on_it = beside("case_view", "case_view.flight_id = flight_view.id AND case_view.travelling")
    let_offices_read(op, "flight_view", f"{of_offices()} OR {of_countries('country')} OR {on_it}")
    let_offices_read(op, "household_view", beside(f"case_view, {_MEMBERS}", "case_view.id = CAST(member AS uuid)"))
    seen = (beside(table, f"{table}.id = timeline.subject") for table in ("case_view", "flight_view", "household_view"))
    let_offices_read(op, "timeline", " OR ".join(seen))


def downgrade() -> None:
    """Whoever has a token reads every case."""
    let_nobody_read(op, "timeline", "household_view", "flight_view", "case_view")
    op.execute("ALTER TABLE flight_view DROP COLUMN country, DROP COLUMN office")
