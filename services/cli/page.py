"""A page of the documentation that is written from the code."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Page:
    """Where it is, and what makes its text."""

    path: Path
    text: Callable[[], str]

    def build(self) -> bool:
        """Write it if it is not current; whether it was written."""
        current = self.text()
        if self._written() == current:
            return False
        self.path.write_text(current, encoding="utf-8")
        return True

    def check(self) -> list[str]:
        """What is wrong with it, as sentences."""
        current = self._written() == self.text()
        return [] if current else [f"{self.path.name}: not current; run: homeward contracts build"]

    def _written(self) -> str | None:
        return self.path.read_text(encoding="utf-8") if self.path.exists() else None
