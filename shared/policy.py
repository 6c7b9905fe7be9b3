"""The programme that is in force, and its file: a sound change of that is taken over while the service runs."""

import asyncio
import hashlib
from collections.abc import Callable
from pathlib import Path

import structlog

from shared.programme import ProgrammeError, load_programme, programme_file

log = structlog.get_logger()

#: Seconds between two looks at the file.
INTERVAL = 5.0


class Policy:
    """Raises ProgrammeError when there is no sound file to begin with."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = programme_file(path)
        self.current = load_programme(path)
        self._seen = self.digest = _digest(self._path)

    async def follow(self, adopt: Callable[[], None]) -> None:
        """Say what is in force, and look every few seconds until cancelled; ``adopt`` is called after a change."""
        log.info("programme in force", file=str(self._path), sha256=self.digest)
        while True:
            await asyncio.sleep(INTERVAL)
            if self._look_again():
                adopt()
                log.info("programme in force", file=str(self._path), sha256=self.digest)

    def _look_again(self) -> bool:
        seen = _digest(self._path)
        if seen == self._seen:
            return False
        # Told once for each state of the file.
        self._seen = seen
        try:
            self.current = load_programme(self._path)
        except ProgrammeError as error:
            log.error("programme not taken over", error=str(error), in_force=self.digest)
            return False
        self.digest = seen
        return True


def _digest(path: Path) -> str:
    """As ``sha256sum`` tells it; nothing while there is no file."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""
