"""Lays out the root of an image: Python, the libraries that it and the installed packages load, and nothing else.

``python root.py PACKAGES TARGET``, within the base image. What comes of it has no shell and no package manager.
"""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path

#: Who the service is, and the one directory that it may write to, as a volume is mounted there.
USER, GROUP = 10001, 10001
STATE = "var/lib/homeward"
#: Parts of the standard library that no service uses: 30 MB.
LEFT_OUT = ("test", "idlelib", "lib2to3", "tkinter", "turtledemo", "ensurepip", "pydoc_data", "config-*", "__pycache__")
LEFT_OUT_TOO = ("site-packages", "dist-packages", "_tkinter*", "_test*", "_ctypes_test*", "xxlimited*")
#: Loaded by name at run time, so that no list of needed libraries tells of it: threads that end early ask for it.
BY_NAME = ("libgcc_s.so.1",)
COPIED = ("/usr/share/zoneinfo", "/etc/ssl/certs/ca-certificates.crt")


def main(packages: Path, target: Path) -> None:
    lay_out(target)
    stdlib = Path(sysconfig.get_path("stdlib"))
    put_tree(stdlib, target, LEFT_OUT + LEFT_OUT_TOO)
    python = Path(sys.executable).resolve()
    put(python, target)
    link_python(python, target)
    for library in libraries([python, *elf_files(stdlib), *elf_files(packages)]):
        put(library, target)
    for each in map(Path, COPIED):
        put_tree(each, target) if each.is_dir() else put(each, target)
    compile_all(packages, target / stdlib.relative_to("/"))
    subprocess.run(["ldconfig", "-r", str(target)], check=True)


def lay_out(target: Path) -> None:
    """Directories and links of a merged /usr, and who there is."""
    for each in ("usr/bin", "usr/lib", "usr/lib64", "usr/local/bin", "etc", "tmp", "proc", "sys", "dev", "run", STATE):
        (target / each).mkdir(parents=True)
    for each in ("bin", "lib", "lib64"):
        (target / each).symlink_to(f"usr/{each}")
    (target / "tmp").chmod(0o1777)
    os.chown(target / STATE, USER, GROUP)
    (target / STATE).chmod(0o700)
    (target / "etc/passwd").write_text(
        f"root:x:0:0:root:/root:/sbin/nologin\nhomeward:x:{USER}:{GROUP}:homeward:/{STATE}:/sbin/nologin\n"
    )
    (target / "etc/group").write_text(f"root:x:0:\nhomeward:x:{GROUP}:\n")
    (target / "etc/nsswitch.conf").write_text("hosts: files dns\n")
    for each in Path("/etc").glob("ld.so.conf*"):
        put_tree(each, target) if each.is_dir() else put(each, target)


def put(file: Path, target: Path) -> None:
    """The content of a file under its own name; the directories above may be links."""
    place = target / (file.parent.resolve() / file.name).relative_to("/")
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(file, place)


def put_tree(folder: Path, target: Path, without: Iterable[str] = ()) -> None:
    shutil.copytree(folder, target / folder.relative_to("/"), symlinks=True, ignore=shutil.ignore_patterns(*without))


def link_python(python: Path, target: Path) -> None:
    for name in ("python", "python3"):
        link = target / "usr/local/bin" / name
        if not link.exists():
            link.symlink_to(python)


def elf_files(folder: Path) -> Iterator[Path]:
    return (each for each in folder.rglob("*.so*") if each.is_file() and not each.is_symlink())


def libraries(files: Iterable[Path]) -> set[Path]:
    """Every library of the system that these load, at once or through another."""
    listed = subprocess.run(["ldd", *map(str, files)], capture_output=True, text=True, check=False).stdout
    missing = set(re.findall(r"^\s*(\S+) => not found", listed, re.MULTILINE))
    found = {Path(each) for each in re.findall(r"(?:=> |^\s+)(/\S+) \(0x", listed, re.MULTILINE)}
    cache = subprocess.run(["ldconfig", "-p"], capture_output=True, text=True, check=True).stdout
    found |= {Path(re.search(rf"{re.escape(each)} .*=> (\S+)", cache)[1]) for each in BY_NAME}  # type: ignore[index]
    if missing:
        raise SystemExit(f"root.py: libraries that are not there: {', '.join(sorted(missing))}")
    return {each for each in found if not each.is_relative_to("/opt")}


def compile_all(*folders: Path) -> None:
    """A root that can't be written to can't keep what Python compiles; the dates of files say nothing there."""
    command = [sys.executable, "-m", "compileall", "-q", "-j", "0", "--invalidation-mode", "unchecked-hash"]
    subprocess.run([*command, *map(str, folders)], check=False, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
