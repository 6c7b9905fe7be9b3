"""Debian's packages, for whoever is root on such a machine."""

import fcntl
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

#: Two test workers may miss the same package at once, and apt-get waits for nobody.
_TURN = Path("/var/lib/dpkg")
#: Asked by packages that would start a service: 101 forbids it.
_POLICY = Path("/usr/sbin/policy-rc.d")


class NotInstalled(Exception):
    """A package could not be installed."""


def may_install() -> bool:
    """Whether we are root on a Debian machine."""
    return os.geteuid() == 0 and Path("/etc/debian_version").exists() and shutil.which("apt-get") is not None


def install(package: str, installed: Callable[[], object]) -> None:
    """Have a package, without the service that it would start. Raises NotInstalled."""
    turn = os.open(_TURN, os.O_RDONLY)
    try:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if not installed():
            _install(package)
    finally:
        os.close(turn)


def _install(package: str) -> None:
    ours = not _POLICY.exists()
    if ours:
        _POLICY.write_text("#!/bin/sh\nexit 101\n")
        _POLICY.chmod(0o755)
    try:
        _apt_get("update", "-qq")
        _apt_get("install", "-y", "-qq", "--no-install-recommends", package)
    finally:
        if ours:
            _POLICY.unlink()


def _apt_get(*arguments: str) -> None:
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    done = subprocess.run(
        ["apt-get", *arguments], check=False, env=environment, capture_output=True, text=True, timeout=600
    )
    if done.returncode:
        raise NotInstalled(f"apt-get {arguments[0]} failed: {done.stderr.strip()[-300:]}")
