"""A real PostgreSQL as our own child process, on a data directory, reached over a private socket alone."""

from shared.persistence.embedded.errors import (
    DataDirectoryInUse,
    DataDirectoryNotOurs,
    EmbeddedPostgresError,
    OtherMajorVersion,
    ProgramsMissing,
    StartFailed,
)
from shared.persistence.embedded.server import EmbeddedPostgres

__all__ = [
    "DataDirectoryInUse",
    "DataDirectoryNotOurs",
    "EmbeddedPostgres",
    "EmbeddedPostgresError",
    "OtherMajorVersion",
    "ProgramsMissing",
    "StartFailed",
]
