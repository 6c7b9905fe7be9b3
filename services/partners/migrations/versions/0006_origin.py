"""How the service sees that its database was set back to an earlier moment, and goes on after it."""

from alembic import op

from shared.persistence.schema import create_origin, drop_origin

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    create_origin(op)


def downgrade() -> None:
    """Drop them."""
    drop_origin(op)
