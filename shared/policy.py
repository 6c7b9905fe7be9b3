"""The programme that is in force, and its file: a sound change of that is taken over while the service runs."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from pathlib import Path

import structlog

from shared.programme import ProgrammeError, parse_programme, programme_file, read_programme

log = structlog.get_logger()

#: Seconds between two looks at the file.
INTERVAL = 5.0


class Policy:
    """Raises ProgrammeError when there is no sound file to begin with."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = programme_file(path)
        self.content = self._seen = self._found = read_programme(self._path)
        self.current = parse_programme(self.content, self._path)

    @property
    def digest(self) -> str:
        """Of the file, as ``sha256sum`` tells it."""
        return hashlib.sha256(self.content).hexdigest()

    async def follow(self, adopt: Callable[[], Awaitable[None]]) -> None:
        """Look every few seconds until cancelled; ``adopt`` is called after each change."""
        while True:
            await asyncio.sleep(INTERVAL)
            if self._look_again():
                await adopt()

    def _look_again(self) -> bool:
        """Whether there is another one in force. What can't be used is told once, and changes nothing.

        A file may be met half-written, and its first half may be sound: it counts when two looks in a row have found
        the same.
        """
        try:
            found, before = read_programme(self._path), self._found
            self._found = found
            if found == self._seen or found != before:
                return False
            self._seen = found
            self.current = parse_programme(found, self._path)
        except ProgrammeError as error:
            log.error("programme not taken over", error=str(error), in_force=self.digest)
            return False
        self.content = found
        return True
