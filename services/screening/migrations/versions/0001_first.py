"""Cases and households of screening, and by what a person is found again."""

from alembic import op

from shared.persistence.schema import create_machinery, drop_machinery

revision = "0001"
down_revision = None

_STATEMENTS = (
    "CREATE SEQUENCE case_number",
    "CREATE TABLE household (id uuid PRIMARY KEY, state jsonb NOT NULL)",
    """CREATE TABLE screening_case (
           id uuid PRIMARY KEY, state jsonb NOT NULL, reference text NOT NULL UNIQUE, office text NOT NULL,
           status text NOT NULL, person_id uuid NOT NULL, household_id uuid, merged_into uuid,
           open_suspicions int NOT NULL)""",
    # Keys are hashes: they find a person again and tell nothing by themselves.
    """CREATE TABLE person_key (
           key text NOT NULL, case_id uuid NOT NULL REFERENCES screening_case DEFERRABLE INITIALLY DEFERRED,
           PRIMARY KEY (key, case_id))""",
    """CREATE TABLE list_entry (
           office text NOT NULL, entry text NOT NULL,
           case_id uuid NOT NULL REFERENCES screening_case DEFERRABLE INITIALLY DEFERRED,
           fingerprint text NOT NULL, PRIMARY KEY (office, entry))""",
    "CREATE INDEX screening_case_person ON screening_case (person_id)",
    "CREATE INDEX screening_case_household ON screening_case (household_id) WHERE household_id IS NOT NULL",
    "CREATE INDEX screening_case_suspected ON screening_case (id) WHERE open_suspicions > 0",
)


def upgrade() -> None:
    """Create every table."""
    create_machinery(op)
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Drop every table."""
    for table in ("list_entry", "person_key", "screening_case", "household"):
        op.execute(f"DROP TABLE {table}")
    op.execute("DROP SEQUENCE case_number")
    drop_machinery(op)
