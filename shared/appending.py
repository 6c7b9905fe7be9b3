"""Files that several processes write, on volumes that machines share."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO


@contextmanager
def alone_with(path: Path, mode: int = 0o600) -> Iterator[TextIO]:
    """The file, made if missing and open for appending, which nobody else writes meanwhile, on whichever machine.

    It waits as long as somebody else has it: not on the event loop. Raises OSError where the volume knows no locks.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, mode)
    with os.fdopen(descriptor, "a", encoding="utf-8") as file:
        # Over NFS appending is no single step: one machine's line would overwrite another's.
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield file
