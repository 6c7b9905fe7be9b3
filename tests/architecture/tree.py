"""The project's own tree, as the guards walk it."""

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

from tests.architecture.source import Source

ROOT = Path(__file__).parents[2]
#: A folder with a composition root is a service.
SERVICES = tuple(sorted(each.parent.name for each in ROOT.glob("services/*/app.py")))
#: Kept as they were given to us, or written by a machine.
_NOT_OURS = {"LICENSE", "requirements.lock"}


@cache
def sources() -> tuple[Source, ...]:
    """Every file that is committed or about to be, and is text."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout.decode()
    paths = [ROOT / name for name in listed.split("\0") if name and name not in _NOT_OURS and "/vendor/" not in name]
    return tuple(source for path in paths if path.is_file() and (source := _text(path)))


def _text(path: Path) -> Source | None:
    try:
        return Source.read(ROOT, path)
    except UnicodeDecodeError:
        return None


def lint_imports(root: Path) -> subprocess.CompletedProcess[str]:
    """import-linter's word on the tree below ``root``."""
    return subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache", "--no-logo"],
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(root), "COLUMNS": "200", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
