"""The register of erasures: whose data were destroyed, identifiers alone, in a file that no backup of a database holds.

A database that is restored from before an erasure holds the person again. The register is applied before its service
serves anybody.
"""

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from shared.appending import alone_with


class RegisterUnreadable(Exception):
    """The register of erasures can't be read: mend the named line, or who was erased might come back."""


@dataclass(frozen=True)
class Register:
    """A line for each erasure; without a path nothing is kept."""

    path: Path | None = None

    def add(self, owners: Iterable[UUID]) -> None:
        """Keep these, on disk before it returns; who is in it already is not written again.

        It waits while another replica writes: call it in a thread.
        """
        if self.path is None:
            return
        with alone_with(self.path) as file:
            kept = self._kept()
            at = datetime.now(UTC).isoformat(timespec="seconds")
            new = [str(owner) for owner in sorted(owners) if str(owner) not in kept]
            file.writelines(json.dumps({"owner": owner, "erased_at": at}) + "\n" for owner in new)
            file.flush()
            os.fsync(file.fileno())

    def owners(self) -> list[UUID]:
        """Everybody in it. Raises RegisterUnreadable."""
        lines = self._kept().splitlines()
        return sorted({_owner(number, line) for number, line in enumerate(lines, 1) if line.strip()})

    def _kept(self) -> str:
        try:
            return self.path.read_text("utf-8") if self.path else ""
        except FileNotFoundError:
            return ""


def _owner(number: int, line: str) -> UUID:
    try:
        return UUID(json.loads(line)["owner"])
    except (ValueError, KeyError, TypeError, AttributeError):
        raise RegisterUnreadable(f"line {number} of the register of erasures is not one: mend it") from None
