"""Whether what is installed is what was locked, file by file, and whether a hole in any of it is known.

The last is asked of a service in the internet: where it can't be reached, that is said and is no failure.
"""

import re
import socket
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import distributions
from pathlib import Path

from packaging.markers import Marker

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "requirements.lock"
ADVISORIES = "api.osv.dev"
#: Seconds: a network that lets nothing out often answers nothing at all.
PATIENCE = 3.0
_PINNED = re.compile(r"^([\w.-]+)==(\S+)(?: ; (.+?))?((?: \\\n +--hash=sha256:[0-9a-f]{64})*)$", re.MULTILINE)


def locked(lock: str) -> dict[str, str]:
    """Name and version of what is locked for this machine."""
    return {_plain(name): version for name, version, marker, _ in _PINNED.findall(lock) if _applies(marker)}


def unpinned(lock: str) -> list[str]:
    """Lines that begin a requirement without one version and a hash."""
    pinned = {name for name, _, _, hashes in _PINNED.findall(lock) if hashes}
    begun = re.findall(r"^([^\s#][^\s=<>~!;\[]*)", lock, re.MULTILINE)
    return sorted(set(begun) - pinned)


def unlike(lock: str, installed: Mapping[str, str]) -> list[str]:
    """What is installed in another version than the locked one, or isn't locked at all."""
    wanted = locked(lock)
    return [
        f"{name} {version}, locked is {wanted.get(name, 'none')}"
        for name, version in sorted(installed.items())
        if wanted.get(name) != version
    ]


def installed() -> dict[str, str]:
    """Name and version of what this environment holds, but for ourselves."""
    found = {_plain(each.metadata["Name"]): each.version for each in distributions()}
    return {name: version for name, version in found.items() if name != "homeward"}


def reachable(host: str) -> bool:
    try:
        socket.create_connection((host, 443), PATIENCE).close()
    except OSError:
        return False
    return True


def _applies(marker: str) -> bool:
    return not marker or Marker(marker).evaluate()


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def main() -> int:
    """0 when all is as it was locked and nothing is known against it."""
    lock = LOCK.read_text()
    faults = [f"{each} is not pinned to one version by hash" for each in unpinned(lock)] + unlike(lock, installed())
    if faults:
        print("\n".join(faults), file=sys.stderr)
        return 1
    if not reachable(ADVISORIES):
        print(f"Dependencies: as locked. {ADVISORIES} can't be reached: not compared with known vulnerabilities.")
        return 0
    audit = [sys.executable, "-m", "pip_audit", "--requirement", str(LOCK), "--disable-pip", "--vulnerability-service"]
    return subprocess.run([*audit, "osv", "--progress-spinner", "off"], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
