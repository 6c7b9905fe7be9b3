"""Funds, people's ledgers and cases."""

from alembic import op

from shared.persistence.schema import create_machinery, drop_machinery

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create every table."""
    create_machinery(op)
    # The ledger holds in memory too, but the database refuses an overdrawn fund even from a faulty build.
    op.execute(
        """CREATE TABLE reintegration_fund (
               id uuid PRIMARY KEY, state jsonb NOT NULL, code text NOT NULL UNIQUE,
               CHECK ((state ->> 'reserved')::bigint >= 0 AND (state ->> 'committed')::bigint >= 0
                      AND (state ->> 'spent')::bigint >= 0),
               CHECK ((state ->> 'reserved')::bigint + (state ->> 'committed')::bigint + (state ->> 'spent')::bigint
                      <= (state ->> 'amount')::bigint))"""
    )
    op.execute("CREATE TABLE reintegration_person (id uuid PRIMARY KEY, state jsonb NOT NULL)")
    op.execute(
        """CREATE TABLE reintegration_case (
               id uuid PRIMARY KEY, state jsonb NOT NULL, status text NOT NULL, person_id uuid, fund_id uuid)"""
    )
    op.execute("CREATE INDEX reintegration_case_person ON reintegration_case (person_id)")


def downgrade() -> None:
    """Drop every table."""
    op.execute("DROP TABLE reintegration_case")
    op.execute("DROP TABLE reintegration_person")
    op.execute("DROP TABLE reintegration_fund")
    drop_machinery(op)
