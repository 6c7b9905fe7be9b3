"""What a migration says of a table that holds rows about cases: which of them an office may read.

The role has no right to a table of which nothing is said. It may write nowhere but into the audit: a unit of work saves
as the owner.
"""

from typing import Protocol

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from shared.persistence.offices import ROLE


class Operations(Protocol):
    """The part of Alembic's ``op`` that is used here."""

    def execute(self, sqltext: str) -> None:
        """Run one statement."""

    def get_bind(self) -> Connection:
        """The migration's connection."""


class MayNotMakeRole(Exception):
    """This database's user may not make roles. Its administrator runs once for all services:"""

    def __init__(self, user: str) -> None:
        super().__init__(f'{type(self).__doc__} CREATE ROLE {ROLE} NOLOGIN; GRANT {ROLE} TO "{user}";')


#: Five services migrate at once, and roles belong to all of a server's databases. Who comes second waits for the first.
#: From PostgreSQL 16 on who may create a role is its member, but may not take it before it grants itself that too.
_ROLE = f"""
    DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{ROLE}') THEN
        BEGIN
            CREATE ROLE {ROLE} NOLOGIN;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
        END;
    END IF;
    IF NOT pg_has_role(current_user, '{ROLE}',
                       CASE WHEN CAST(current_setting('server_version_num') AS int) < 160000 THEN 'MEMBER'
                            ELSE 'SET' END) THEN
        BEGIN
            EXECUTE format('GRANT {ROLE} TO %I', current_user);
        EXCEPTION WHEN unique_violation THEN NULL;
        END;
    END IF;
    IF NOT has_schema_privilege('{ROLE}', current_schema(), 'USAGE') THEN
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO {ROLE}', current_schema());
    END IF;
    END $$"""

_OF_OFFICES = "{0} = ANY (CAST(nullif(current_setting('homeward.{1}', true), '') AS text[]))"


def make_office_role(op: Operations) -> None:
    """Make the role, unless another service has, and let this database's user take it. Raises MayNotMakeRole."""
    user = op.get_bind().exec_driver_sql("SELECT current_user").scalar_one()
    try:
        op.execute(_ROLE)
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != "42501":
            raise
        raise MayNotMakeRole(user) from None


def let_offices_read(op: Operations, table: str, which: str) -> None:
    """Let an office read the rows of the table for which the condition holds."""
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY offices ON {table} FOR SELECT TO {ROLE} USING ({which})")
    op.execute(f"GRANT SELECT ON {table} TO {ROLE}")


def let_everybody_read(op: Operations, table: str) -> None:
    """Let every office read all of a table that belongs to none of them."""
    op.execute(f"GRANT SELECT ON {table} TO {ROLE}")


def let_offices_keep_audit(op: Operations) -> None:
    """Let every office read its own entries and heads of the audit, and add to it without seeing what."""
    for table in ("audit_entry", "audit_head"):
        let_offices_read(op, table, of_offices())
    op.execute(f"GRANT INSERT ON audit_deed TO {ROLE}")


def let_nobody_read(op: Operations, *tables: str) -> None:
    """Take back what was allowed."""
    for table in tables:
        op.execute(f"REVOKE ALL ON {table} FROM {ROLE}")
        op.execute(f"DROP POLICY IF EXISTS offices ON {table}")
        op.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")


def of_offices(office: str = "office") -> str:
    """The row is of one of the caller's offices."""
    return _OF_OFFICES.format(office, "offices")


def of_countries(country: str) -> str:
    """The row's country is one of those where the caller's offices are."""
    return _OF_OFFICES.format(country, "countries")


def of_cases(country: str = "country", travelling: str = "travelling") -> str:
    """The row is a case of one of the caller's offices, or of somebody who travels home to them."""
    return f"{of_offices()} OR ({travelling} AND {of_countries(country)})"


def beside(table: str, joined: str) -> str:
    """The row belongs to one of another table that the caller may read."""
    return f"EXISTS (SELECT FROM {table} WHERE {joined})"
