"""Referrals with the cases, and what agencies answer."""

from alembic import op

from shared.persistence.offices import ROLE
from shared.persistence.row_security import let_nobody_read, let_offices_read
from shared.protection.vault import SERVICE

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_STATEMENTS = (
    "ALTER TABLE partner_case ADD COLUMN referred boolean NOT NULL DEFAULT false",
    "CREATE INDEX partner_case_referred ON partner_case (id) WHERE referred",
    # ``about``: the case, or those that it may be about while a person decides.
    """CREATE TABLE answer (
        id uuid PRIMARY KEY, state json NOT NULL, agency_id uuid NOT NULL, state_name text NOT NULL,
        received_at timestamptz NOT NULL, case_id uuid, about json NOT NULL,
        sealed bytea, sealed_for uuid, unsealed boolean NOT NULL DEFAULT false)""",
    "CREATE INDEX answer_case ON answer (case_id) WHERE case_id IS NOT NULL",
    "CREATE INDEX answer_state ON answer (state_name, received_at)",
)
_SEEN = """json_array_length(about) = 0 OR EXISTS (
    SELECT FROM json_array_elements_text(about) AS each (id)
    JOIN partner_case ON partner_case.id = CAST(each.id AS uuid))"""
_KEYS = f"owner = '{SERVICE}' OR EXISTS (SELECT FROM partner_case WHERE partner_case.id = owner)"


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
    let_offices_read(op, "answer", _SEEN)
    _open_keys(_KEYS)


def downgrade() -> None:
    _open_keys(f"owner = '{SERVICE}'")
    let_nobody_read(op, "answer")
    op.execute("DROP TABLE answer")
    op.execute("ALTER TABLE partner_case DROP COLUMN referred")


def _open_keys(which: str) -> None:
    """Whoever sees a case opens what agencies have answered about it."""
    op.execute("DROP POLICY offices ON data_key")
    op.execute(f"CREATE POLICY offices ON data_key FOR SELECT TO {ROLE} USING ({which})")
