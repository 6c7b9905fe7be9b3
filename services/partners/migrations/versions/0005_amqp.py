"""Delivery by AMQP: how far each subscription's queue is."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # What was kept up to ``published`` the queue of this ``generation`` has taken. ``again_from``: what was kept after
    # it is replayed, and not known to be taken. Real time.
    op.execute(
        """CREATE TABLE amqp (
            subscription_id uuid PRIMARY KEY, published bigint NOT NULL DEFAULT 0,
            generation bigint NOT NULL DEFAULT 0, again_from bigint,
            emptied boolean NOT NULL DEFAULT false,
            failures integer NOT NULL DEFAULT 0, next_at timestamptz, last_success_at timestamptz,
            failing_since timestamptz, cause text,
            leased_by uuid, leased_until timestamptz)"""
    )


def downgrade() -> None:
    op.execute("DROP TABLE amqp")
