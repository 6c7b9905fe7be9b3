"""The wheel holds the suite, whole and out of everybody's way, and runs it without a checkout."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import httpx
import pytest

from tests.release.building import ROOT, VENV, build
from tests.support.homeward import Homeward, free_port, up, wait_for

SUITE = "homeward/suite/"


def tracked(*folders: str) -> list[str]:
    """The files of the working tree that Git knows or would take."""
    names = _git("ls-files", "-z", "--cached", "--others", "--exclude-standard", *folders).split("\0")
    return [each for each in names if each and (ROOT / each).exists()]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(ROOT, tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment that holds the wheel; what it depends on is lent by ours, as it was locked."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    _site(folder).joinpath("lent.pth").write_text(f"{_site(VENV)}\n")
    install = ["--python", str(folder), "install", "--quiet", "--no-index", "--no-deps", str(wheel)]
    subprocess.run([sys.executable, "-m", "pip", *install], check=True)
    return folder


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with packages of our names, which end whoever imports them. It is on everybody's path, too."""
    for name in ("services", "shared"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise SystemExit(f'{__file__} is not ours')\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return tmp_path


def test_the_wheel_holds_every_file_of_the_suite_and_no_other(wheel: Path) -> None:
    held = {each.removeprefix(SUITE) for each in zipfile.ZipFile(wheel).namelist() if each.startswith(SUITE)}
    lists = {each for each in tracked("examples") if each.endswith((".csv", ".xlsx"))}
    assert held == {*tracked("services", "shared"), "programme.toml", *lists}


def test_the_wheel_leaves_one_package_in_site_packages(environment: Path) -> None:
    found = {each.name for each in _site(environment).iterdir()} - {"lent.pth", "__pycache__"}
    assert {each for each in found if not each.endswith(".dist-info")} == {"homeward"}


def test_the_same_sources_make_the_same_wheel_wherever_it_is_built(wheel: Path, tmp_path: Path) -> None:
    _git("clone", "--quiet", "--no-checkout", str(ROOT), str(tmp_path / "clone"))
    for each in tracked():
        copy = tmp_path / "clone" / each
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / each, copy)
        copy.chmod(0o700)
        os.utime(copy, (0, 86400 * 365))
    again = build(tmp_path / "clone", tmp_path / "dist", umask=0o077)
    assert (again.name, _digest(again)) == (wheel.name, _digest(wheel))


def test_an_installed_suite_runs_in_a_folder_that_has_its_own_shared(environment: Path, elsewhere: Path) -> None:
    port = free_port()
    suite = Homeward(elsewhere / "log", *up(elsewhere / "data", port), program=[str(environment / "bin/homeward")])
    try:
        ready = f"http://127.0.0.1:{port}/readyz"
        assert wait_for(lambda: httpx.get(ready).is_success, seconds=90, process=suite)
    finally:
        ended = suite.stop()
    assert ended == 0


def test_an_installed_suite_flies_its_charter_with_each_service_in_a_process(
    environment: Path, elsewhere: Path
) -> None:
    done = _homeward(environment, "demo", "--distributed", "--json")
    assert done.returncode == 0, done.stderr
    account = json.loads(done.stdout)
    assert (len(account["cases"]), account["problems"], account["events"]["unaccounted"]) == (134, [], 0)


def test_an_installed_command_tells_its_version_and_what_needs_a_checkout(environment: Path, elsewhere: Path) -> None:
    assert _homeward(environment, "--version").stdout == "homeward 0.1.0\n"
    assert "in a checkout" in _homeward(environment, "contracts", "check").stderr


def _homeward(environment: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(environment / "bin" / "homeward"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)


def _site(environment: Path) -> Path:
    [found] = environment.glob("lib/python*/site-packages")
    return found


def _digest(wheel: Path) -> str:
    return hashlib.sha256(wheel.read_bytes()).hexdigest()


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout
