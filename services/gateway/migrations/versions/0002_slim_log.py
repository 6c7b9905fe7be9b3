"""The log of events and the states are written once; what comes and goes with an event stands beside it."""

from alembic import op

from shared.persistence.schema import keep_states_as_written, slim_log

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Move it, where the log was made with it."""
    slim_log(op)
    op.execute("DROP INDEX household_view_members")
    keep_states_as_written(op, "case_view", "flight_view", "household_view")
    op.execute("CREATE INDEX household_view_members ON household_view USING gin (((state -> 'case_ids')::jsonb))")


def downgrade() -> None:
    """Nothing: the first revision makes the log like this now, and reads both kinds of states."""
