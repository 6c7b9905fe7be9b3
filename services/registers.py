"""The registers of erasures in a suite's data directory, and whether they are those beside which a backup was made."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from shared.protection.register import Register


class RegistersMissing(Exception):
    """The registers of erasures aren't there: who was erased since the backup would be back."""


@dataclass(frozen=True)
class Registers:
    """A file for each service, and one with a name that no other folder of registers has."""

    folder: Path

    def of(self, service: str) -> Path:
        """Where a service keeps its own."""
        return self.folder / f"{service}.jsonl"

    def begin(self) -> None:
        """Name them, unless they have a name: a folder that is begun anew, because the other is lost, gets another."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self._name():
            unfinished = self._file.with_suffix(".new")
            unfinished.write_text(str(uuid4()))
            unfinished.replace(self._file)

    def described(self, services: Iterable[str]) -> dict[str, Any]:
        """Their name, and how many people each holds."""
        return {"name": self._name(), "erased": {each: self._held(each) for each in services}}

    def check(self, described: Mapping[str, Any], services: Iterable[str]) -> None:
        """Raises RegistersMissing when these aren't the described ones as they were then or later."""
        if not self.folder.is_dir():
            raise RegistersMissing(f"{self.folder}, the registers of erasures, is missing: put it back first")
        held = {each: self._held(each) for each in services}
        if not described:  # by a build that described none
            return
        if described["name"] != self._name():
            raise RegistersMissing(f"{self.folder} was begun anew, or is another suite's: put the right one back")
        if fewer := [each for each, number in held.items() if number < described["erased"].get(each, 0)]:
            raise RegistersMissing(f"{self.folder} is older than the backup, of {', '.join(fewer)}: put the last back")

    @property
    def _file(self) -> Path:
        return self.folder / "name"

    def _name(self) -> str:
        return self._file.read_text() if self._file.is_file() else ""

    def _held(self, service: str) -> int:
        return len(Register(self.of(service)).owners())
