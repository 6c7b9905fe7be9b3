"""Who did or read what, why and when, in a chain for each office."""

from alembic import op

from shared.persistence.row_security import let_everybody_add, let_nobody_read, let_offices_read, of_offices
from shared.persistence.schema import create_audit, drop_audit

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the audit's tables."""
    create_audit(op)
    for table in ("audit_entry", "audit_head"):
        let_offices_read(op, table, of_offices())
    let_everybody_add(op, "audit_deed")


def downgrade() -> None:
    """Drop them, and with them all that was written down."""
    let_nobody_read(op, "audit_entry", "audit_head")
    drop_audit(op)
