"""The number by which a list knows a person is screening's alone."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Take it out of what is shown of cases and of what happened to them."""
    op.execute(
        """UPDATE case_view SET state = CAST(CAST(state AS jsonb) #- '{screening,list_reference}' AS json)
           WHERE state -> 'screening' -> 'list_reference' IS NOT NULL"""
    )
    op.execute("UPDATE timeline SET data = data - 'list_reference' WHERE data -> 'list_reference' IS NOT NULL")


def downgrade() -> None:
    """Nothing: the projections' earlier form reads cases without it."""
