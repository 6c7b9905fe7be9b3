"""The projections: cases, flights, households and the timeline."""

from alembic import op

from shared.persistence.schema import create_machinery, drop_machinery

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_STATEMENTS = (
    """CREATE TABLE case_view (
        id uuid PRIMARY KEY, state jsonb NOT NULL, reference text, office text, country text, corridor text,
        stage text NOT NULL, holds int NOT NULL, flight_id uuid, travelling boolean NOT NULL,
        updated_at timestamptz NOT NULL)""",
    "CREATE INDEX case_view_reference ON case_view (reference text_pattern_ops)",
    "CREATE INDEX case_view_stage ON case_view (stage, id)",
    "CREATE INDEX case_view_office ON case_view (office, id)",
    "CREATE INDEX case_view_flight ON case_view (flight_id) WHERE flight_id IS NOT NULL",
    """CREATE TABLE flight_view (
        id uuid PRIMARY KEY, state jsonb NOT NULL, departs_at timestamptz, status text NOT NULL)""",
    "CREATE TABLE household_view (id uuid PRIMARY KEY, state jsonb NOT NULL)",
    "CREATE INDEX household_view_members ON household_view USING gin ((state -> 'case_ids'))",
    # ``recorded`` is the transaction that wrote the row: what the live stream resumes from.
    """CREATE TABLE timeline (
        source text NOT NULL, subject uuid NOT NULL, sequence bigint NOT NULL, type text NOT NULL,
        time timestamptz NOT NULL, data jsonb NOT NULL, trace_id text,
        recorded xid8 NOT NULL DEFAULT pg_current_xact_id(), PRIMARY KEY (source, subject, sequence))""",
    "CREATE INDEX timeline_subject ON timeline (subject, time)",
    "CREATE INDEX timeline_recorded ON timeline (recorded)",
)


def upgrade() -> None:
    create_machinery(op)
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    for table in ("timeline", "household_view", "flight_view", "case_view"):
        op.execute(f"DROP TABLE {table}")
    drop_machinery(op)
