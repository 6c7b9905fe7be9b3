"""When a case has ended, and what is erased of it."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A case that is there already counts as under way until something happens to it."""
    op.execute(
        """ALTER TABLE screening_case ADD COLUMN ended_on date, ADD COLUMN erased_on date,
               ADD COLUMN erasure_requested boolean NOT NULL DEFAULT false"""
    )
    op.execute("CREATE INDEX screening_case_ended ON screening_case (ended_on) WHERE erased_on IS NULL")
    op.execute("CREATE INDEX screening_case_erasure ON screening_case (id) WHERE erasure_requested")


def downgrade() -> None:
    """Take the columns away."""
    op.execute("ALTER TABLE screening_case DROP COLUMN ended_on, DROP COLUMN erased_on, DROP COLUMN erasure_requested")
