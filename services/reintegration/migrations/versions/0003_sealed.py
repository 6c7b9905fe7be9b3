"""What is personal is sealed under a data key of the case whose person it is about."""

from alembic import op

from shared.persistence.schema import create_data_keys, drop_data_keys, open_states, seal_states

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make room for it; what is there already is sealed when the service starts."""
    create_data_keys(op)
    seal_states(op, "reintegration_case")


def downgrade() -> None:
    """Take it back while nothing is sealed; afterwards it is refused."""
    drop_data_keys(op)
    open_states(op, "reintegration_case")
