"""What was told, so that only who was told owes that it has destroyed it; and how it was told otherwise."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_STATEMENTS = (
    # Up to ``handed`` everything was handed out, but for what is ``untold``.
    "ALTER TABLE subscription_head ADD COLUMN handed bigint NOT NULL DEFAULT 0",
    "ALTER TABLE delivery ADD COLUMN untold boolean",
    # During a pause: up to there tombstones were given to the queue.
    "ALTER TABLE amqp ADD COLUMN buried bigint NOT NULL DEFAULT 0",
    # ``told``: who at the agency; ``at`` is the programme's time.
    """CREATE TABLE told_otherwise (
        tombstone uuid PRIMARY KEY, subscription_id uuid NOT NULL, subject uuid NOT NULL, means text NOT NULL,
        told text NOT NULL, told_on date NOT NULL, written_by text NOT NULL, at timestamptz NOT NULL)""",
    # Of those who have asked, were called or have a queue it isn't known how much they have: all of it.
    """UPDATE subscription_head AS head SET handed = position
       WHERE asked_at IS NOT NULL OR acknowledged > 0
          OR EXISTS (SELECT FROM webhook WHERE webhook.subscription_id = head.subscription_id
                     AND confirmed_at IS NOT NULL)
          OR EXISTS (SELECT FROM amqp WHERE amqp.subscription_id = head.subscription_id)""",
    """UPDATE delivery SET due_on = NULL FROM subscription_head AS head
       WHERE head.subscription_id = delivery.subscription_id AND handed = 0
         AND due_on IS NOT NULL AND acknowledged_at IS NULL""",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE told_otherwise")
    op.execute("ALTER TABLE amqp DROP COLUMN buried")
    op.execute("ALTER TABLE delivery DROP COLUMN untold")
    op.execute("ALTER TABLE subscription_head DROP COLUMN handed")
