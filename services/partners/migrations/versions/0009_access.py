"""Access that two people open and the agency claims, and suspensions."""

from alembic import op

from shared.persistence.row_security import let_everybody_read, let_nobody_read

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_STATEMENTS = (
    # Real time. Of both codes the digests alone are kept.
    """CREATE TABLE access_request (
        id uuid PRIMARY KEY, agency_id uuid NOT NULL REFERENCES agency, contact text NOT NULL, reason text NOT NULL,
        request_digest bytea NOT NULL, opened_by text NOT NULL, opened_at timestamptz NOT NULL,
        claim_digest bytea UNIQUE, approved_by text, expires_at timestamptz,
        claimed_at timestamptz, ended_by text, ended_at timestamptz)""",
    "CREATE INDEX access_request_agency ON access_request (agency_id, opened_at)",
    # What the key came of, by whichever keys between; NULL of keys that are older than this.
    "ALTER TABLE agency_key ADD COLUMN request_id uuid REFERENCES access_request",
    # By the programme's time.
    """CREATE TABLE agency_suspension (
        id uuid PRIMARY KEY, agency_id uuid NOT NULL REFERENCES agency, reason text NOT NULL,
        suspended_by text NOT NULL, suspended_at timestamptz NOT NULL, resumed_by text, resumed_at timestamptz)""",
    "CREATE UNIQUE INDEX agency_suspension_open ON agency_suspension (agency_id) WHERE resumed_at IS NULL",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
    let_everybody_read(op, "agency_suspension")


def downgrade() -> None:
    let_nobody_read(op, "agency_suspension")
    op.execute("DROP TABLE agency_suspension")
    op.execute("ALTER TABLE agency_key DROP COLUMN request_id")
    op.execute("DROP TABLE access_request")
