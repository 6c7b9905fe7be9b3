"""Cases, households and flights of travel, the reasons of decisions, and the identities on locked manifests."""

from alembic import op

from shared.persistence.schema import create_machinery, drop_machinery

revision = "0001"
down_revision = None

_TABLES = (
    """CREATE TABLE travel_flight (
           id uuid PRIMARY KEY, state jsonb NOT NULL, status text NOT NULL, office text NOT NULL,
           country_of_origin text NOT NULL, departs_at timestamptz NOT NULL)""",
    "CREATE TABLE travel_household (id uuid PRIMARY KEY, state jsonb NOT NULL)",
    """CREATE TABLE travel_case (
           id uuid PRIMARY KEY, state jsonb NOT NULL, status text NOT NULL, office text NOT NULL,
           country_of_origin text NOT NULL, household_id uuid, flight_id uuid, band int, registered_on date,
           bookable boolean NOT NULL, due_at timestamptz)""",
    # Words and reasons stay here: events carry codes only.
    """CREATE TABLE travel_decision (
           id uuid PRIMARY KEY, kind text NOT NULL, case_id uuid, flight_id uuid, reason text NOT NULL,
           actor text NOT NULL, decided_at timestamptz NOT NULL)""",
    """CREATE TABLE travel_manifest_identity (
           flight_id uuid NOT NULL, lock int NOT NULL, case_id uuid NOT NULL, identity jsonb NOT NULL,
           taken_at timestamptz NOT NULL, PRIMARY KEY (flight_id, lock, case_id))""",
    "CREATE INDEX travel_flight_departure ON travel_flight (departs_at)",
    "CREATE INDEX travel_case_household ON travel_case (household_id) WHERE household_id IS NOT NULL",
    "CREATE INDEX travel_case_flight ON travel_case (flight_id) WHERE flight_id IS NOT NULL",
    "CREATE INDEX travel_case_line ON travel_case (office, country_of_origin) WHERE bookable",
    "CREATE INDEX travel_case_due ON travel_case (due_at) WHERE due_at IS NOT NULL",
    "CREATE INDEX travel_decision_case ON travel_decision (case_id)",
)


def upgrade() -> None:
    """Create every table."""
    create_machinery(op)
    for statement in _TABLES:
        op.execute(statement)


def downgrade() -> None:
    """Drop every table."""
    for table in ("manifest_identity", "decision", "case", "household", "flight"):
        op.execute(f"DROP TABLE travel_{table}")
    drop_machinery(op)
