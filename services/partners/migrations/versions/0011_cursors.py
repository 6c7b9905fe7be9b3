"""A feed's cursor tells how often the database had been set back when it was told."""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """ALTER TABLE subscription_head ADD COLUMN epoch int NOT NULL DEFAULT 0,
           ADD COLUMN floor bigint NOT NULL DEFAULT 0"""
    )


def downgrade() -> None:
    op.execute("ALTER TABLE subscription_head DROP COLUMN epoch, DROP COLUMN floor")
