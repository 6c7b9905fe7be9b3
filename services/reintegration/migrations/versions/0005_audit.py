"""Who did or read what, why and when, in a chain for each office."""

from alembic import op

from shared.persistence.row_security import let_offices_keep_audit
from shared.persistence.schema import create_audit, drop_audit

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the audit's tables."""
    create_audit(op)
    let_offices_keep_audit(op)


def downgrade() -> None:
    """Drop them, and with them all that was written down."""
    drop_audit(op)
