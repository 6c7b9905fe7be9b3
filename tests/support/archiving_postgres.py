"""A plain PostgreSQL that archives its write-ahead log, its base backups, and their recovery to a moment."""

import os
import subprocess
import tempfile
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]

from services.servers.postgres import LocalPostgres
from services.servers.server import Server, plain
from shared.persistence.embedded.programs import hand_over, unprivileged_account


async def asked(server: Server, statement: str) -> object:
    """What a statement of the administrator gives."""
    connection = await asyncpg.connect(plain(server.url), timeout=30)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


class ArchivingPostgres:
    """As docs/deploy.md sets it up. Use with ``with``."""

    def __init__(self, programs: Path) -> None:
        self._programs = programs
        self._account = unprivileged_account() if os.geteuid() == 0 else None
        self.archive = Path(tempfile.mkdtemp(prefix="hw-archive-", dir="/tmp"))  # nosec B108
        hand_over(self.archive, self._account)
        self.server = LocalPostgres(programs)

    async def start(self) -> None:
        """The server answers, and archives from now on."""
        self.server.start()
        copy = f"test ! -f {self.archive}/%f && cp %p {self.archive}/%f"
        await asked(self.server, "ALTER SYSTEM SET archive_mode = on")
        await asked(self.server, f"ALTER SYSTEM SET archive_command = '{copy}'")
        self.server.restart()

    def base_backup(self, recovered: LocalPostgres) -> None:
        """Into the place of a server that is not there yet."""
        assert self.server.folder and recovered.folder
        where = ("-h", str(self.server.folder), "-U", "postgres", "-c", "fast", "-D", str(recovered.folder / "pgdata"))
        subprocess.run([str(self._programs / "pg_basebackup"), *where], check=True, capture_output=True)
        hand_over(recovered.folder, self._account)

    async def archived(self) -> None:
        """Wait until all that was written is in the archive."""
        segment = await asked(self.server, "SELECT pg_walfile_name(pg_switch_wal())")
        while not (self.archive / str(segment)).exists():
            await asked(self.server, "SELECT pg_sleep(0.05)")

    def recover(self, recovered: LocalPostgres, until: str) -> None:
        """Start from the base backup with the log after it, up to the moment, on a timeline of its own."""
        assert recovered.folder
        pgdata = recovered.folder / "pgdata"
        with (pgdata / "postgresql.auto.conf").open("a") as settings:
            settings.write(f"restore_command = 'cp {self.archive}/%f %p'\n")
            settings.write(f"recovery_target_time = '{until}'\nrecovery_target_action = 'promote'\n")
        (pgdata / "recovery.signal").touch()
        hand_over(recovered.folder, self._account)
        recovered.start()
