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
    keep_states_as_written(op, "reintegration_fund", "reintegration_person", "reintegration_case")


def downgrade() -> None:
    """Nothing: the first revision makes the log like this now, and reads both kinds of states."""
