"""The keys that came of an access request are found by it."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE INDEX agency_key_request ON agency_key (request_id)")


def downgrade() -> None:
    op.execute("DROP INDEX agency_key_request")
