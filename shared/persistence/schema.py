"""The tables that messaging, commands and the clock need in every service's database."""

import re
from typing import Protocol
from uuid import UUID


class Operations(Protocol):
    """The part of Alembic's ``op`` that is used here."""

    def execute(self, sqltext: str) -> None:
        """Run one statement."""


_TABLES = {
    # Rows are written once and stay as they are: the table is the audit log and the source of replays. What comes and
    # goes with an event stands beside it in narrow tables: each change of a row here rewrote it and all its indexes.
    "event_log": """
        CREATE TABLE event_log (
            insert_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            id uuid NOT NULL UNIQUE, subject text NOT NULL, sequence bigint NOT NULL, type text NOT NULL,
            time timestamptz NOT NULL, prevhash bytea NOT NULL, hash bytea NOT NULL, data bytea NOT NULL,
            traceparent text, recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
            UNIQUE (subject, sequence))""",
    "event_unpublished": """
        CREATE TABLE event_unpublished (
            insert_id bigint PRIMARY KEY, lease_owner uuid, lease_until timestamptz)""",
    "event_unstamped": "CREATE TABLE event_unstamped (insert_id bigint PRIMARY KEY)",
    # Positions are given after commit.
    "event_position": "CREATE TABLE event_position (position bigint PRIMARY KEY, insert_id bigint NOT NULL)",
    "log_head": """
        CREATE TABLE log_head (
            subject text PRIMARY KEY, sequence bigint NOT NULL, hash bytea NOT NULL) WITH (fillfactor = 80)""",
    # ``handled`` counts effects, so that an effect applied twice shows as handled > sequence.
    "inbox_position": """
        CREATE TABLE inbox_position (
            source text NOT NULL, subject text NOT NULL, sequence bigint NOT NULL, hash bytea NOT NULL,
            handled bigint NOT NULL DEFAULT 0, diverged text, PRIMARY KEY (source, subject)) WITH (fillfactor = 80)""",
    "inbox_parked": """
        CREATE TABLE inbox_parked (
            source text NOT NULL, subject text NOT NULL, sequence bigint NOT NULL, type text NOT NULL,
            event bytea NOT NULL, state text NOT NULL, attempts int NOT NULL DEFAULT 0,
            due_at timestamptz, reason text, parked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
            decided_by text, PRIMARY KEY (source, subject, sequence))""",
    "inbox_unreadable": """
        CREATE TABLE inbox_unreadable (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, digest bytea NOT NULL UNIQUE,
            received_at timestamptz NOT NULL DEFAULT clock_timestamp(), content_type text, body bytea NOT NULL,
            reason text NOT NULL)""",
    # Who has decided what about a dead letter or an unreadable element, when and why; rows stay.
    "inbox_decision": """
        CREATE TABLE inbox_decision (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            decided_at timestamptz NOT NULL DEFAULT clock_timestamp(), decided_by text NOT NULL,
            decision text NOT NULL, source text, subject text NOT NULL, sequence bigint, type text,
            cause text, reason text)""",
    "idempotency": """
        CREATE TABLE idempotency (
            actor text NOT NULL, key text NOT NULL, fingerprint bytea NOT NULL, answer bytea,
            recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(), PRIMARY KEY (actor, key))""",
    "programme_clock": """
        CREATE TABLE programme_clock (
            one boolean PRIMARY KEY DEFAULT true CHECK (one), now timestamptz NOT NULL)""",
}
_INDEXES = (
    "CREATE INDEX inbox_position_diverged ON inbox_position (source) WHERE diverged IS NOT NULL",
    "CREATE INDEX inbox_parked_due ON inbox_parked (due_at) WHERE due_at IS NOT NULL",
    "CREATE INDEX inbox_parked_dead ON inbox_parked (source, subject, sequence) WHERE state = 'dead'",
    "CREATE INDEX inbox_decision_subject ON inbox_decision (subject)",
)


#: From the first layout, which kept all of it in ``event_log``.
_SLIM_LOG = """
    DO $$ BEGIN
    IF EXISTS (SELECT FROM information_schema.columns WHERE table_schema = current_schema()
               AND table_name = 'event_log' AND column_name = 'published_at') THEN
        CREATE TABLE event_unpublished (insert_id bigint PRIMARY KEY, lease_owner uuid, lease_until timestamptz);
        CREATE TABLE event_unstamped (insert_id bigint PRIMARY KEY);
        CREATE TABLE event_position (position bigint PRIMARY KEY, insert_id bigint NOT NULL);
        INSERT INTO event_unpublished SELECT insert_id FROM event_log WHERE published_at IS NULL;
        INSERT INTO event_unstamped SELECT insert_id FROM event_log WHERE position IS NULL;
        INSERT INTO event_position SELECT position, insert_id FROM event_log WHERE position IS NOT NULL;
        ALTER TABLE event_log DROP COLUMN position, DROP COLUMN published_at, DROP COLUMN lease_owner,
            DROP COLUMN lease_until;
        ALTER TABLE log_head SET (fillfactor = 80);
        ALTER TABLE inbox_position SET (fillfactor = 80);
    END IF; END $$"""


def slim_log(op: Operations) -> None:
    """Move what comes and goes with an event out of a log that was made with it; others are left as they are.

    Of the same age is the record of decisions.
    """
    op.execute(_SLIM_LOG)
    for statement in (
        _TABLES["inbox_decision"],
        *(index for index in _INDEXES if "decision" in index or "dead" in index),
    ):
        op.execute(re.sub(r"CREATE (TABLE|INDEX)", r"CREATE \1 IF NOT EXISTS", statement))


def keep_states_as_written(op: Operations, *tables: str) -> None:
    """Make the states of aggregates ``json``: the text that was written, not what PostgreSQL makes of it."""
    for table in tables:
        op.execute(f"ALTER TABLE {table} ALTER COLUMN state TYPE json USING state::text::json")


def create_data_keys(op: Operations) -> None:
    """Create the table of data keys: one for each owner, wrapped by a key that is not in the database."""
    op.execute(
        """CREATE TABLE data_key (
               owner uuid PRIMARY KEY, key_id text, wrapped bytea, destroyed_at timestamptz,
               CHECK ((wrapped IS NULL) = (key_id IS NULL) AND (wrapped IS NULL) = (destroyed_at IS NOT NULL)))"""
    )
    op.execute("CREATE INDEX data_key_wrapped_with ON data_key (key_id)")


def drop_data_keys(op: Operations) -> None:
    """Drop the table of data keys; refused while anything is sealed with one, for no statement can open it."""
    op.execute(
        f"""DO $$ BEGIN IF EXISTS (SELECT FROM data_key WHERE owner <> '{UUID(int=0)}') THEN
                RAISE EXCEPTION 'personal data are sealed here: restore the backup from before instead';
            END IF; END $$"""
    )
    op.execute("DROP TABLE data_key")


def seal_states(op: Operations, *tables: str) -> None:
    """Give aggregates a sealed part; ``unsealed`` marks those whose personal fields are still in the open one."""
    for table in tables:
        op.execute(
            f"""ALTER TABLE {table} ADD COLUMN sealed bytea, ADD COLUMN sealed_for uuid,
                ADD COLUMN unsealed boolean NOT NULL DEFAULT true"""
        )
        op.execute(f"ALTER TABLE {table} ALTER COLUMN unsealed SET DEFAULT false")
        op.execute(f"CREATE INDEX {table}_unsealed ON {table} (id) WHERE unsealed")


def open_states(op: Operations, *tables: str) -> None:
    """Undo ``seal_states``."""
    for table in tables:
        op.execute(f"ALTER TABLE {table} DROP COLUMN sealed, DROP COLUMN sealed_for, DROP COLUMN unsealed")


def mark_unlearnt(op: Operations, table: str) -> None:
    """Mark the aggregates that are there already: they learn from the logs what they don't hold yet."""
    op.execute(f"ALTER TABLE {table} ADD COLUMN unlearnt boolean NOT NULL DEFAULT true")
    op.execute(f"ALTER TABLE {table} ALTER COLUMN unlearnt SET DEFAULT false")
    op.execute(f"CREATE INDEX {table}_unlearnt ON {table} (id) WHERE unlearnt")


def seal_column(op: Operations, table: str, column: str) -> None:
    """Make a column of a side table one for sealed texts; ``open_…`` keeps what was written until it is sealed."""
    op.execute(f"ALTER TABLE {table} RENAME COLUMN {column} TO open_{column}")
    op.execute(f"ALTER TABLE {table} ALTER COLUMN open_{column} DROP NOT NULL, ADD COLUMN {column} bytea")


def open_column(op: Operations, table: str, column: str) -> None:
    """Undo ``seal_column``."""
    op.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
    op.execute(f"ALTER TABLE {table} RENAME COLUMN open_{column} TO {column}")


def create_machinery(op: Operations) -> None:
    """Create the tables of the outbox, the inbox, idempotent answers and the programme's clock."""
    for statement in (*_TABLES.values(), *_INDEXES):
        op.execute(statement)


def drop_machinery(op: Operations) -> None:
    """Drop what ``create_machinery`` created."""
    for table in reversed(_TABLES):
        op.execute(f"DROP TABLE {table}")


_ORIGIN = (
    # Which database this was when it was last written to.
    "CREATE TABLE log_origin (one boolean PRIMARY KEY DEFAULT true CHECK (one), origin text NOT NULL)",
    # While a restoration waits: who has reported how often, and what is handled elsewhere and missing here.
    """CREATE TABLE restoration_report (
           follower text PRIMARY KEY, passes int NOT NULL, passed_at timestamptz NOT NULL DEFAULT clock_timestamp())""",
    "CREATE TABLE restoration_ahead (subject text PRIMARY KEY, sequence bigint NOT NULL)",
    # What must be entered again; rows stay.
    """CREATE TABLE log_lost (
           subject text NOT NULL, lost_from bigint NOT NULL, lost_upto bigint NOT NULL,
           recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(), PRIMARY KEY (subject, lost_from))""",
)


def create_origin(op: Operations) -> None:
    """Create the tables by which a service sees that its database was set back, and recovers from it."""
    for statement in _ORIGIN:
        op.execute(statement)


def drop_origin(op: Operations) -> None:
    """Drop what ``create_origin`` created."""
    op.execute("DROP TABLE log_origin, restoration_report, restoration_ahead, log_lost")


#: ``entry`` is kept as the bytes that were hashed; what it holds is found through the index.
_AUDIT = (
    """CREATE TABLE audit_entry (
           office text NOT NULL, number bigint NOT NULL, entry bytea NOT NULL, hash bytea NOT NULL,
           PRIMARY KEY (office, number))""",
    """CREATE TABLE audit_head (
           office text PRIMARY KEY, number bigint NOT NULL, hash bytea NOT NULL) WITH (fillfactor = 50)""",
    """CREATE FUNCTION audit_content(entry bytea) RETURNS jsonb LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
           RETURN convert_from(entry, 'UTF8')::jsonb""",
    # What a transaction does, until it commits: nobody ever sees a row here.
    """CREATE UNLOGGED TABLE audit_deed (
           id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, office text NOT NULL, entry bytea NOT NULL)""",
    """CREATE FUNCTION audit_append() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT
       AS $$ BEGIN
           WITH ahead AS (
               INSERT INTO audit_head AS head (office, number, hash)
               VALUES (new.office, 1, sha256(decode(repeat('00', 32), 'hex') || new.entry))
               ON CONFLICT (office) DO UPDATE SET number = head.number + 1, hash = sha256(head.hash || new.entry)
               RETURNING office, number, hash)
           INSERT INTO audit_entry (office, number, entry, hash)
           SELECT ahead.office, ahead.number, new.entry, ahead.hash FROM ahead;
           DELETE FROM audit_deed WHERE id = new.id;
           RETURN NULL;
       END $$""",
    # The head is locked in the commit itself, and no longer than it takes.
    """CREATE CONSTRAINT TRIGGER append AFTER INSERT ON audit_deed DEFERRABLE INITIALLY DEFERRED
           FOR EACH ROW EXECUTE FUNCTION audit_append()""",
    "CREATE INDEX audit_entry_content ON audit_entry USING gin (audit_content(entry) jsonb_path_ops)",
    # Whoever reaches the database with the service's own rights adds to the audit and changes nothing of it.
    """CREATE FUNCTION audit_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
           RAISE EXCEPTION 'the audit is only added to' USING ERRCODE = 'insufficient_privilege'; END $$""",
    """CREATE TRIGGER kept BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entry
           FOR EACH STATEMENT EXECUTE FUNCTION audit_is_kept()""",
    """CREATE TRIGGER kept BEFORE DELETE OR TRUNCATE ON audit_head
           FOR EACH STATEMENT EXECUTE FUNCTION audit_is_kept()""",
    """CREATE TRIGGER goes_on BEFORE UPDATE ON audit_head FOR EACH ROW
           WHEN (new.office <> old.office OR new.number <> old.number + 1) EXECUTE FUNCTION audit_is_kept()""",
)


def create_audit(op: Operations) -> None:
    """Create the audit's tables, which refuse to be changed."""
    for statement in _AUDIT:
        op.execute(statement)


def drop_audit(op: Operations) -> None:
    """Drop what ``create_audit`` created."""
    op.execute("DROP TABLE audit_deed, audit_entry, audit_head")
    op.execute("DROP FUNCTION audit_append, audit_content, audit_is_kept")
