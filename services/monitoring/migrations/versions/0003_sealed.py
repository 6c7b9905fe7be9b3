"""What is personal is sealed under a data key of the case whose person it is about."""

from alembic import op

from shared.persistence.schema import (
    create_data_keys,
    drop_data_keys,
    open_column,
    open_states,
    seal_column,
    seal_states,
)

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make room for it; what is there already is sealed when the service starts."""
    create_data_keys(op)
    op.execute("ALTER TABLE monitoring_case ADD COLUMN to_make json NOT NULL DEFAULT '[]'")
    seal_states(op, "monitoring_case")
    seal_column(op, "monitoring_finding", "answers")


def downgrade() -> None:
    """Take it back while nothing is sealed; afterwards it is refused."""
    drop_data_keys(op)
    open_column(op, "monitoring_finding", "answers")
    open_states(op, "monitoring_case")
    op.execute("ALTER TABLE monitoring_case DROP COLUMN to_make")
