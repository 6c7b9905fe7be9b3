"""The wheel, made for a test as `make wheel` makes it."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
VENV = Path(sys.prefix)


def build(source: Path, dist: Path, *, umask: int = 0o022) -> Path:
    """What `make wheel` makes there, with this environment's tools."""
    subprocess.run(
        ["make", "-s", "-C", str(source), "-o", f"{VENV}/.ready", "wheel", f"VENV={VENV}", f"DIST={dist}"],
        check=True,
        umask=umask,
        capture_output=True,
    )
    [wheel] = dist.glob("*.whl")
    return wheel
