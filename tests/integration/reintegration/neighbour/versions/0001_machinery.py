"""The tables of a service that only tells."""

from alembic import op

from shared.persistence.schema import create_machinery, create_origin, drop_machinery

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the machinery's tables."""
    create_machinery(op)
    create_origin(op)


def downgrade() -> None:
    """Drop them."""
    drop_machinery(op)
