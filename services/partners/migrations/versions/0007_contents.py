"""What agencies have sent is destroyed after a while, whatever it was about."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE answer ADD COLUMN perishable boolean NOT NULL DEFAULT true")
    op.execute("UPDATE answer SET perishable = false WHERE sealed IS NULL")
    op.execute("CREATE INDEX answer_content ON answer (received_at) WHERE perishable")


def downgrade() -> None:
    op.execute("ALTER TABLE answer DROP COLUMN perishable")
