"""Cases under follow-up, and what visits found."""

from alembic import op

from shared.persistence.schema import create_machinery, drop_machinery

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create every table."""
    create_machinery(op)
    op.execute(
        """CREATE TABLE monitoring_case (
               id uuid PRIMARY KEY, state jsonb NOT NULL, status text NOT NULL,
               next_due_on date, overdue_after date)"""
    )
    op.execute("CREATE INDEX monitoring_case_due ON monitoring_case (next_due_on) WHERE next_due_on IS NOT NULL")
    op.execute(
        "CREATE INDEX monitoring_case_overdue ON monitoring_case (overdue_after) WHERE overdue_after IS NOT NULL"
    )
    # Answers stay as they were given, with the instrument that asked: scores can be computed again from them.
    op.execute(
        """CREATE TABLE monitoring_finding (
               id uuid PRIMARY KEY, case_id uuid NOT NULL REFERENCES monitoring_case, code text NOT NULL,
               instrument text NOT NULL, answers jsonb NOT NULL, found_on date NOT NULL, recorded_by text NOT NULL)"""
    )
    op.execute("CREATE INDEX monitoring_finding_case ON monitoring_finding (case_id)")


def downgrade() -> None:
    """Drop every table."""
    op.execute("DROP TABLE monitoring_finding")
    op.execute("DROP TABLE monitoring_case")
    drop_machinery(op)
