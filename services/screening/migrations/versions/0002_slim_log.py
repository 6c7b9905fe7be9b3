"""The log of events is written once; what comes and goes with an event stands beside it."""

from alembic import op

from shared.persistence.schema import slim_log

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Move it, where the log was made with it."""
    slim_log(op)


def downgrade() -> None:
    """Nothing: the first revision makes the log like this now."""
