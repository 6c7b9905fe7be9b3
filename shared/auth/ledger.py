"""What signing in leaves behind: failures, sessions, used codes.

It is a small SQLite file: it outlives a restart, replicas that share the directory agree, and the accounts themselves
are not written with each attempt.
"""

import os
import sqlite3
import time
import weakref
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

#: Failures that are remembered: a guesser who makes more pushes out the oldest, and the file stays small.
REMEMBERED = 20_000
#: Seconds to wait for another process that is writing.
_PATIENCE = 5.0
_TABLES = """
    CREATE TABLE IF NOT EXISTS failure (key TEXT PRIMARY KEY, count INTEGER, wait_until REAL, last REAL) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS failure_last ON failure (last);
    CREATE TABLE IF NOT EXISTS used_step (account TEXT PRIMARY KEY, step INTEGER) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS session (key TEXT PRIMARY KEY, account TEXT, expires REAL) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS session_account ON session (account);
"""


@dataclass(frozen=True)
class Limit:
    """How many failures are free, and how long one waits after more of them; seconds."""

    free: int
    first_wait: float
    longest_wait: float
    #: Failures are forgotten after so much time without a new one.
    forgotten_after: float

    def wait(self, count: int) -> float:
        """The wait after so many failures: it doubles with each."""
        doublings = min(count - self.free, 30)
        return min(self.first_wait * 2.0**doublings, self.longest_wait) if doublings >= 0 else 0.0


class Ledger:
    """The file. Each operation is one transaction, and safe from any thread or process."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = Lock()
        self._reader: tuple[int, sqlite3.Connection] | None = None

    def claim(self, limits: Mapping[str, Limit], now: float) -> float:
        """Count an attempt against each key as if it had failed, unless one has to wait: then the seconds left.

        It is counted beforehand, or a hundred guesses at once would all be let through.
        """
        with self._writing() as database:
            if (left := _left(database, list(limits), now)) > 0:
                return left
            for key, limit in limits.items():
                count = _count(database, key, now - limit.forgotten_after) + 1
                database.execute("REPLACE INTO failure VALUES (?, ?, ?, ?)", (key, count, now + limit.wait(count), now))
            _push_out(database)
        return 0.0

    def take_back(self, key: str) -> None:
        """An attempt was no failure after all."""
        with self._writing() as database:
            database.execute("UPDATE failure SET count = count - 1, wait_until = 0 WHERE key = ?", (key,))

    def forget(self, key: str) -> None:
        """Nothing has failed."""
        with self._writing() as database:
            database.execute("DELETE FROM failure WHERE key = ?", (key,))

    def waits(self, key: str, now: float) -> float:
        """Seconds that the key has to wait."""
        with self._reading() as database:
            return _left(database, [key], now)

    def use_step(self, account: str, step: int) -> bool:
        """Whether the account's codes of this step and later ones were unused; the step is used from now on."""
        with self._writing() as database:
            done = database.execute(
                "INSERT INTO used_step VALUES (?, ?) ON CONFLICT (account) "
                "DO UPDATE SET step = excluded.step WHERE excluded.step > step",
                (account, step),
            )
            return done.rowcount == 1

    def begin(self, key: str, account: str, expires: float, now: float) -> None:
        """A session begins; those that have ended by themselves go."""
        with self._writing() as database:
            database.execute("DELETE FROM session WHERE expires <= ?", (now,))
            database.execute("INSERT INTO session VALUES (?, ?, ?)", (key, account, expires))

    def account_of(self, key: str, now: float) -> str | None:
        """Whose session it is, unless it has ended."""
        with self._reading() as database:
            found = database.execute("SELECT account FROM session WHERE key = ? AND expires > ?", (key, now)).fetchone()
        return str(found[0]) if found else None

    def end(self, key: str) -> None:
        """The session is over."""
        with self._writing() as database:
            database.execute("DELETE FROM session WHERE key = ?", (key,))

    def end_all(self, account: str, *, but: str = "") -> None:
        """Every session of the account is over, except one."""
        with self._writing() as database:
            database.execute("DELETE FROM session WHERE account = ? AND key <> ?", (account, but))

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """One connection for all reads, as there is one with each request: a new one takes ten times as long."""
        with self._lock:
            if self._reader is None or self._reader[0] != _file_of(self.path):
                database = self._connect()
                weakref.finalize(self, database.close)
                self._reader = _file_of(self.path), database
            yield self._reader[1]

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with closing(self._connect()) as database, database:
            database.execute("BEGIN IMMEDIATE")
            yield database

    def _connect(self) -> sqlite3.Connection:
        fresh = not self.path.exists()
        if fresh:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
        database = sqlite3.connect(self.path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False)
        if fresh or not database.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone():
            database.executescript(_TABLES)
        return database


def system_time() -> float:
    """Seconds by the system's clock: the programme's may be months ahead."""
    return time.time()


def _file_of(path: Path) -> int:
    """Which file it is: somebody may have put another in its place."""
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return -1


def _left(database: sqlite3.Connection, keys: list[str], now: float) -> float:
    places = ",".join("?" * len(keys))
    found = database.execute(f"SELECT max(wait_until) FROM failure WHERE key IN ({places})", keys).fetchone()
    return max((found[0] or 0.0) - now, 0.0)


def _count(database: sqlite3.Connection, key: str, since: float) -> int:
    found = database.execute("SELECT count FROM failure WHERE key = ? AND last > ?", (key, since)).fetchone()
    return int(found[0]) if found else 0


def _push_out(database: sqlite3.Connection) -> None:
    (held,) = database.execute("SELECT count(*) FROM failure").fetchone()
    if held > REMEMBERED:
        oldest = "SELECT key FROM failure ORDER BY last LIMIT ?"
        database.execute(f"DELETE FROM failure WHERE key IN ({oldest})", (held - REMEMBERED,))
