"""The tallies."""

from alembic import op

from shared.persistence.schema import create_machinery, create_origin, drop_machinery, drop_origin

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the tables."""
    create_machinery(op)
    create_origin(op)
    op.execute("CREATE TABLE tally (id uuid PRIMARY KEY, state jsonb NOT NULL)")


def downgrade() -> None:
    """Drop them."""
    op.execute("DROP TABLE tally")
    drop_origin(op)
    drop_machinery(op)
