"""Who may use a data directory: the lock that we hold, the version of the data, a server that outlived its parent."""

import asyncio
import fcntl
import json
import os
import shlex
import signal
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from shared.persistence.embedded.errors import DataDirectoryInUse, DataDirectoryNotOurs, OtherMajorVersion
from shared.persistence.embedded.programs import MAJOR_VERSION

#: Fast shutdown with its checkpoint, then immediate shutdown, then no more asking; with the seconds each may take.
SHUTDOWN = ((signal.SIGINT, 60.0), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 5.0))
#: Boot time is known to a second and a server notes its start a moment after the kernel does.
START_TIME_TOLERANCE = 5.0


class DirectoryLock:
    """Held by the open file, so the operating system lets go of it however we end; the text is for people."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._descriptor = -1

    def acquire(self) -> None:
        descriptor = os.open(self._data_dir / "homeward.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _holder(os.pread(descriptor, 4096, 0))
            os.close(descriptor)
            raise DataDirectoryInUse(
                f"{self._data_dir} is in use by {holder}: stop that one first or name another data directory"
            ) from None
        self._descriptor = descriptor
        self.note()

    def note(self, **more: str) -> None:
        holder = {
            "pid": os.getpid(),
            "since": datetime.now(UTC).isoformat(timespec="seconds"),
            "command": shlex.join(sys.argv),
            **more,
        }
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, json.dumps(holder).encode() + b"\n", 0)

    def release(self) -> None:
        os.ftruncate(self._descriptor, 0)
        os.close(self._descriptor)


def used_by(data_dir: Path) -> Path | None:
    """Where the server listens that another process runs on this directory; None when nobody does."""
    try:
        descriptor = os.open(data_dir / "homeward.lock", os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        try:
            return Path(json.loads(os.pread(descriptor, 4096, 0))["socket"])
        except (ValueError, KeyError):
            raise DataDirectoryInUse(f"{data_dir} is in use by a suite that is starting: try again shortly") from None
    else:
        return None
    finally:
        os.close(descriptor)


def _holder(noted: bytes) -> str:
    try:
        holder = json.loads(noted)
        return f"process {holder['pid']} since {holder['since']} ({holder['command']})"
    except (ValueError, KeyError):
        return "another process"


def check_version(data_dir: Path, pgdata: Path) -> None:
    try:
        found = (pgdata / "PG_VERSION").read_text().strip()
    except FileNotFoundError:
        raise DataDirectoryNotOurs(f"{pgdata} holds no PostgreSQL data: move it away") from None
    if found != str(MAJOR_VERSION):
        raise OtherMajorVersion(data_dir, pgdata, found, MAJOR_VERSION)


def marker(pgdata: Path) -> str:
    """A setting without effect: it tells, in the list of processes, whose data a server works on."""
    return f"homeward.data_directory={pgdata}"


async def end_left_over(pgdata: Path, on_wait: Callable[[str], None]) -> None:
    """Ends the server that a killed predecessor left on these data, if there is one, in an orderly way."""
    server = _left_over(pgdata)
    if server is not None:
        for number, limit in SHUTDOWN:
            if await _ended(server, number, limit, on_wait):
                break
        else:
            raise DataDirectoryInUse(
                f"{pgdata} is in use by postgres process {server.pid}, which does not end: restart the machine"
            )
    _disown_pid_file(pgdata)


def _left_over(pgdata: Path) -> psutil.Process | None:
    noted = _pid_file(pgdata)
    if noted is None:
        return None
    pid, started = noted
    try:
        process = psutil.Process(pid)
        same = marker(pgdata) in process.cmdline() and abs(process.create_time() - started) <= START_TIME_TOLERANCE
    except (psutil.Error, ValueError):
        return None
    return process if same else None


def _pid_file(pgdata: Path) -> tuple[int, float] | None:
    try:
        lines = (pgdata / "postmaster.pid").read_text().splitlines()
        return int(lines[0]), float(lines[2])
    except (FileNotFoundError, IndexError, ValueError):
        return None


async def _ended(process: psutil.Process, number: int, limit: float, on_wait: Callable[[str], None]) -> bool:
    deadline = time.monotonic() + limit
    try:
        process.send_signal(number)
        while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
            if time.monotonic() > deadline:
                return False
            on_wait("")
            await asyncio.sleep(0.05)
    except psutil.NoSuchProcess:
        pass
    return True


def _disown_pid_file(pgdata: Path) -> None:
    """The id in a stale file may be an unrelated process's by now, which would keep the server from starting. We put
    our
    own there instead of removing the file: PostgreSQL overlooks its parent's id, and still checks the shared memory
    noted in the file, which is how it finds out that backends of the dead server live on."""
    path = pgdata / "postmaster.pid"
    if _pid_file(pgdata) is None:
        path.unlink(missing_ok=True)
        return
    lines = path.read_text().splitlines()
    path.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
