"""Agencies, agreements, subscriptions; what decides who hears of a case; what is kept for whom."""

from alembic import op

from shared.persistence.row_security import (
    beside,
    let_everybody_read,
    let_nobody_read,
    let_offices_keep_audit,
    let_offices_read,
    make_office_role,
    of_cases,
)
from shared.persistence.schema import (
    create_audit,
    create_data_keys,
    create_machinery,
    drop_audit,
    drop_data_keys,
    drop_machinery,
)
from shared.protection.vault import SERVICE

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_STATEMENTS = (
    "CREATE TABLE agency (id uuid PRIMARY KEY, state json NOT NULL, name text NOT NULL UNIQUE)",
    """CREATE TABLE agency_key (
        digest bytea PRIMARY KEY, id uuid NOT NULL UNIQUE, agency_id uuid NOT NULL REFERENCES agency,
        made_by text NOT NULL, made_at timestamptz NOT NULL, ended_at timestamptz)""",
    "CREATE TABLE agreement (id uuid PRIMARY KEY, state json NOT NULL, agency_id uuid NOT NULL)",
    """CREATE TABLE signed_copy (
        agreement_id uuid NOT NULL, digest text NOT NULL, name text NOT NULL, content bytea NOT NULL,
        PRIMARY KEY (agreement_id, digest))""",
    """CREATE TABLE subscription (
        id uuid PRIMARY KEY, state json NOT NULL, agency_id uuid NOT NULL, agreement_id uuid NOT NULL,
        state_name text NOT NULL, sealed bytea, sealed_for uuid, unsealed boolean NOT NULL DEFAULT false)""",
    """CREATE TABLE subscription_head (
        subscription_id uuid PRIMARY KEY, position bigint NOT NULL DEFAULT 0,
        acknowledged bigint NOT NULL DEFAULT 0, asked_at timestamptz)""",
    "CREATE TABLE partner_registry (version bigint NOT NULL)",
    "INSERT INTO partner_registry VALUES (1)",
    """CREATE TABLE partner_case (
        id uuid PRIMARY KEY, state json NOT NULL, office text, country_of_origin text, travelling boolean NOT NULL)""",
    "CREATE TABLE partner_flight (id uuid PRIMARY KEY, state json NOT NULL)",
    # ``at`` is the programme's time; ``time`` is what the agency is told.
    """CREATE TABLE delivery (
        subscription_id uuid NOT NULL, position bigint NOT NULL, case_id uuid, subject uuid NOT NULL,
        sequence bigint NOT NULL, id uuid NOT NULL, source text NOT NULL, type text NOT NULL, time text NOT NULL,
        data json NOT NULL, at timestamptz NOT NULL, due_on date, acknowledged_at timestamptz,
        PRIMARY KEY (subscription_id, position))""",
    # Of what was kept up to ``looked`` everything is delivered but for what waits in ``webhook_stuck``. Real time.
    """CREATE TABLE webhook (
        subscription_id uuid PRIMARY KEY, confirmed_at timestamptz, gone_at timestamptz, rate integer,
        looked bigint NOT NULL DEFAULT 0, pace integer NOT NULL DEFAULT 1, failures integer NOT NULL DEFAULT 0,
        next_at timestamptz, last_success_at timestamptz, cause text, leased_by uuid, leased_until timestamptz)""",
    """CREATE TABLE webhook_stuck (
        subscription_id uuid NOT NULL, subject uuid NOT NULL, position bigint NOT NULL, attempts integer NOT NULL,
        since timestamptz, next_at timestamptz NOT NULL, cause text, held boolean NOT NULL DEFAULT false,
        PRIMARY KEY (subscription_id, subject))""",
    "CREATE UNIQUE INDEX delivery_subject ON delivery (subscription_id, subject, sequence)",
    "CREATE INDEX delivery_case ON delivery (case_id) WHERE case_id IS NOT NULL",
    """CREATE INDEX delivery_due ON delivery (subscription_id, position)
        WHERE due_on IS NOT NULL AND acknowledged_at IS NULL""",
)

_PROGRAMMES = ("agency", "agreement", "subscription", "subscription_head", "partner_registry", "partner_flight")


def upgrade() -> None:
    create_machinery(op)
    for statement in _STATEMENTS:
        op.execute(statement)
    create_data_keys(op)
    create_audit(op)
    make_office_role(op)
    let_offices_keep_audit(op)
    let_offices_read(op, "partner_case", of_cases(country="country_of_origin"))
    let_offices_read(op, "delivery", beside("partner_case", "partner_case.id = case_id"))
    # With it subscriptions' addresses and secrets are sealed: an agency reads its own.
    let_offices_read(op, "data_key", f"owner = '{SERVICE}'")
    # Agreements are the programme's: they name no case.
    for table in _PROGRAMMES:
        let_everybody_read(op, table)


def downgrade() -> None:
    let_nobody_read(op, "data_key", "partner_case", "delivery", *_PROGRAMMES)
    drop_audit(op)
    drop_data_keys(op)
    for table in (
        *("webhook_stuck", "webhook"),
        *("delivery", "partner_flight", "partner_case", "partner_registry", "subscription_head", "subscription"),
        *("signed_copy", "agreement", "agency_key", "agency"),
    ):
        op.execute(f"DROP TABLE {table}")
    drop_machinery(op)
