from pathlib import Path


class EmbeddedPostgresError(Exception):
    """The embedded database cannot run; the message is one line and says what to do."""


class DataDirectoryInUse(EmbeddedPostgresError):
    """Another process runs the database of this data directory."""


class DataDirectoryNotOurs(EmbeddedPostgresError):
    """The data belong to another user."""


class ProgramsMissing(EmbeddedPostgresError):
    """The PostgreSQL programs are not where the wheel puts them, or nobody but root may run them."""


class StartFailed(EmbeddedPostgresError):
    """PostgreSQL ended before it answered."""


class OtherMajorVersion(EmbeddedPostgresError):
    """The data directory was written by another major version of PostgreSQL."""

    def __init__(self, data_dir: Path, pgdata: Path, found: str, needed: int) -> None:
        programs = f"/usr/lib/postgresql/{found}/bin"
        server = f"{programs}/pg_ctl -D {pgdata} -w"
        super().__init__(
            f"{pgdata} holds data of PostgreSQL {found} and this build runs {needed}: dump them with PostgreSQL "
            f"{found} (`{server} -o \"-k /tmp -c listen_addresses=''\" start && "
            f"{programs}/pg_dumpall -h /tmp -U postgres "
            f"-f homeward.sql; {server} stop`), move {pgdata} away, then restore with "
            f"`python -m shared.persistence.embedded {data_dir} psql -f homeward.sql postgres`"
        )
