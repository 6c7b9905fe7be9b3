"""Where a subscription stood at each restoration: a cursor counts by the ones that came after it alone.

``floor`` stays for processes of the version before, and is read by no other.
"""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE subscription_head ADD COLUMN floors jsonb NOT NULL DEFAULT '{}'")
    op.execute("UPDATE subscription_head SET floors = jsonb_build_object(epoch::text, floor) WHERE epoch > 0")


def downgrade() -> None:
    op.execute("ALTER TABLE subscription_head DROP COLUMN floors")
