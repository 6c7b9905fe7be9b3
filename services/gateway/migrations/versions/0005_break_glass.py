"""Emergency accesses, which are notices to data protection too."""

from alembic import op

from shared.persistence.row_security import let_nobody_read, let_offices_read, of_offices

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """An office's are read for that office."""
    op.execute(
        """CREATE TABLE break_glass (
               id uuid PRIMARY KEY,
               case_id uuid NOT NULL,
               office text NOT NULL,
               actor text NOT NULL,
               name text NOT NULL,
               reason text,
               opened_at timestamptz NOT NULL,
               until timestamptz NOT NULL,
               revoked_at timestamptz,
               revoked_by text,
               acknowledged_at timestamptz,
               acknowledged_by text)"""
    )
    op.execute("CREATE INDEX break_glass_actor ON break_glass (actor, case_id)")
    op.execute("CREATE INDEX break_glass_reason ON break_glass (opened_at) WHERE reason IS NOT NULL")
    let_offices_read(op, "break_glass", of_offices())


def downgrade() -> None:
    """Nobody can open one."""
    let_nobody_read(op, "break_glass")
    op.execute("DROP TABLE break_glass")
