"""To whom it was escalated, and when, that an agency has not acknowledged a tombstone."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # ``tombstone`` is the id of its event; ``at`` is the programme's time.
    op.execute(
        """CREATE TABLE escalation (
            tombstone uuid NOT NULL, told text NOT NULL, at timestamptz NOT NULL, PRIMARY KEY (tombstone, told))"""
    )


def downgrade() -> None:
    op.execute("DROP TABLE escalation")
