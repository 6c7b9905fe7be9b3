"""Of what a paused queue is given, where one is within a subject is kept apart from how far tombstones were given."""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE amqp ADD COLUMN begun bigint NOT NULL DEFAULT 0")
    op.execute("UPDATE amqp SET begun = buried")


def downgrade() -> None:
    op.execute("ALTER TABLE amqp DROP COLUMN begun")
