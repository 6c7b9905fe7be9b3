"""What was told is written down before it is emptied, events are emptied after a while, and found by their time."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_STATEMENTS = (
    # Sealed for the case: what a row told that is emptied.
    "ALTER TABLE delivery ADD COLUMN disclosed bytea",
    # Up to there everything is emptied.
    "ALTER TABLE subscription_head ADD COLUMN expired bigint NOT NULL DEFAULT 0",
    "CREATE INDEX delivery_at ON delivery (subscription_id, at) INCLUDE (position)",
    # Of those who were erased.
    """CREATE INDEX delivery_erased ON delivery (at)
        WHERE case_id IS NULL AND type = 'org.homeward.partners.tombstone.v1'""",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP INDEX delivery_erased")
    op.execute("DROP INDEX delivery_at")
    op.execute("ALTER TABLE subscription_head DROP COLUMN expired")
    op.execute("ALTER TABLE delivery DROP COLUMN disclosed")
