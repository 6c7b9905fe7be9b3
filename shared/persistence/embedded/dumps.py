"""Dumps of the embedded database server's databases, and databases made from dumps beside those that are there."""

import asyncio
import hashlib
import json
import os
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any, Self

import asyncpg  # type: ignore[import-untyped]

from shared.persistence.embedded import replacements
from shared.persistence.embedded.directory import used_by
from shared.persistence.embedded.errors import EmbeddedPostgresError
from shared.persistence.embedded.programs import MAJOR_VERSION, account_for, wheel_programs
from shared.persistence.embedded.server import PORT, EmbeddedPostgres

_MANIFEST = "backup.json"
Say = Callable[[str], None]


class DumpFailed(EmbeddedPostgresError):
    """PostgreSQL, or a program of it, has ended with an error."""


class NotABackup(EmbeddedPostgresError):
    """The folder isn't one that a backup has made, or not what it was then."""


@dataclass(frozen=True)
class Backup:
    """A folder with one dump for each database, and what they are."""

    folder: Path
    made_at: datetime
    #: By database: SHA-256 of its dump.
    dumps: dict[str, str]
    #: What was to be kept with them.
    noted: Mapping[str, Any]

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Raises NotABackup; every dump is compared with what it was."""
        try:
            said = json.loads((folder / _MANIFEST).read_text())
            found = cls(folder, datetime.fromisoformat(said["made_at"]), dict(said["dumps"]), said.get("noted", {}))
        except (OSError, ValueError, KeyError, TypeError):
            raise NotABackup(f"{folder} holds no backup: name a folder that `homeward backup` has made") from None
        for name, digest in found.dumps.items():
            if not found.dump(name).is_file() or _digest(found.dump(name)) != digest:
                raise NotABackup(f"{found.dump(name)} isn't what was backed up: take another backup")
        return found

    def dump(self, database: str) -> Path:
        """Where its dump is."""
        return self.folder / f"{database}.dump"


class Databases:
    """A running server of ours."""

    def __init__(self, socket: Path, programs: Path) -> None:
        self._socket, self._programs = socket, programs

    async def back_up(self, names: Iterable[str], folder: Path, say: Say, noted: Mapping[str, Any]) -> Backup:
        """Dump each, one after the other; the folder is there when all are. ``noted`` is kept with them."""
        if folder.exists():  # noqa: ASYNC240  nothing else runs
            raise NotABackup(f"{folder} is there already: name a folder that isn't")
        folder.parent.mkdir(parents=True, exist_ok=True)
        unfinished = Path(mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            now, dumps = datetime.now(UTC), {}
            for name in names:
                say(f"dumping {name}")
                dumps[name] = await self._dump(name, unfinished / f"{name}.dump")
            said = {"made_at": now.isoformat(timespec="seconds"), "postgresql": MAJOR_VERSION, "dumps": dumps}
            (unfinished / _MANIFEST).write_text(json.dumps({**said, "noted": noted}, indent=2) + "\n")
            unfinished.rename(folder)  # noqa: ASYNC240  at once
        except BaseException:
            # However it was ended: half a backup is of no use, and people's data lie in it.
            rmtree(unfinished)
            raise
        return Backup(folder, now, dumps, noted)

    async def _dump(self, name: str, path: Path) -> str:
        """Its digest, of what can be read back."""
        await self._run("pg_dump", "--format=custom", f"--file={path}", name)
        path.chmod(0o600)  # noqa: ASYNC240  nothing else runs
        return _digest(path)

    async def restore(self, backup: Backup, names: Sequence[str], say: Say) -> None:
        """Make each anew beside the one that is there; when all could be made they take their places in one moment."""
        async with self._connected() as connection:
            await replacements.clear(connection, names)
            try:
                for name in names:
                    say(f"restoring {name}")
                    made = await replacements.begin(connection, name)
                    await self._run("pg_restore", "--exit-on-error", f"--dbname={made}", str(backup.dump(name)))
                say("putting them in their places")
                await replacements.put_in_place(connection, names)
            except BaseException:
                await replacements.clear(connection, names)
                raise
            # It has taken place. Whatever is left when this process is killed or ended, the next one removes.
            with suppress(asyncio.CancelledError):
                await replacements.clear(connection, names)

    async def prepare(self, role: str) -> None:
        """Have the role to which dumps grant."""
        async with self._connected() as connection:
            await connection.execute(
                f"""DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN
                        CREATE ROLE {role} NOLOGIN; END IF; END $$"""
            )

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[asyncpg.Connection]:
        connection = await asyncpg.connect(host=str(self._socket), port=PORT, user="postgres", database="postgres")
        try:
            yield connection
        except asyncpg.PostgresError as error:
            raise DumpFailed(f"PostgreSQL refused: {error.args[0]}") from error
        finally:
            await connection.close()

    async def _run(self, program: str, *arguments: str) -> None:
        where = {"PGHOST": str(self._socket), "PGPORT": str(PORT), "PGUSER": "postgres", "LC_ALL": "C"}
        process = await asyncio.create_subprocess_exec(
            str(self._programs / program), *arguments, env=os.environ | where, stderr=asyncio.subprocess.PIPE
        )
        try:
            _, said = await process.communicate()
        except BaseException:
            process.kill()
            await process.wait()
            raise
        if process.returncode:
            last = said.decode(errors="replace").strip().splitlines()
            raise DumpFailed(f"{program} failed: {last[-1] if last else process.returncode}")


@asynccontextmanager
async def databases(data_dir: Path, say: Say, *, stopped: bool = False) -> AsyncIterator[Databases]:
    """The server of the data directory: the one that runs, or, for as long as it is needed, one of our own.

    ``stopped``: nobody else may use it. Raises EmbeddedPostgresError.
    """
    socket = None if stopped else used_by(data_dir)
    if socket:
        yield Databases(socket, wheel_programs(account_for(data_dir / "pgdata")).folder)
        return
    async with EmbeddedPostgres(data_dir, say) as own:
        yield Databases(own.socket_directory, own.programs.folder)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
