"""A machine with Python and nothing of ours, no checkout and no network, runs the suite from its wheel."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.engine import docker
from tests.release.building import ROOT, build

pytestmark = pytest.mark.images

#: The machine that the images are built upon has Python, pip, and hardly anything else.
_BASE = re.search(r"^ARG BASE=(\S+)", (ROOT / "deploy/Dockerfile").read_text(), re.MULTILINE)[1]  # type: ignore[index]
_HOME = "/somebody"
#: Starts the suite, waits until it is ready, and stops it; its exit code, and what it has said.
_UP = """
import json, signal, subprocess, time, urllib.request
told = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
suite = subprocess.Popen(["homeward", "up", "--data", "data"], **told)
ends, ready = time.monotonic() + 120, False
while not ready and time.monotonic() < ends and suite.poll() is None:
    try:
        ready = urllib.request.urlopen("http://127.0.0.1:8000/readyz", timeout=5).status == 200
    except OSError:
        time.sleep(0.2)
suite.send_signal(signal.SIGTERM)
said, _ = suite.communicate(timeout=60)
print(json.dumps({"ready": ready, "ended": suite.returncode, "said": said}))
"""
#: Packages of our names, which end whoever imports them.
_ELSEWHERE = """
for name in services shared; do
  mkdir -p work/$name && echo 'raise SystemExit(f"{__file__} is not ours")' > work/$name/__init__.py
done
"""


class Machine:
    """A container in which somebody without rights is at home."""

    def __init__(self, wheels: Path) -> None:
        mount = f"type=bind,source={wheels},target=/wheels,readonly"
        run = ("run", "--detach", "--init", "--network", "none", "--mount", mount, _BASE, "sleep", "infinity")
        self.id = docker(*run).strip()

    def does(self, *words: str, user: str = "somebody", folder: str = _HOME) -> str:
        """What a command prints there. Our packages' namesakes are on everybody's path."""
        path = f"{_HOME}/env/bin:/usr/local/bin:/usr/bin:/usr/sbin"
        environment = ("--env", f"PATH={path}", "--env", f"PYTHONPATH={_HOME}/work", "--env", f"HOME={_HOME}")
        return docker("exec", "--user", user, "--workdir", folder, *environment, self.id, *words)


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The suite's wheel, and those of all that it depends on, as they are locked."""
    folder = tmp_path_factory.mktemp("wheels")
    wheel = build(ROOT, folder)
    locked = re.findall(r"^(\S+==[^\\\n]+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    (constraints := folder / "constraints.txt").write_text("\n".join(locked))
    download = [
        "download",
        "--quiet",
        "--only-binary",
        ":all:",
        "--constraint",
        str(constraints),
        "--dest",
        str(folder),
    ]
    subprocess.run([sys.executable, "-m", "pip", *download, str(wheel)], check=True, capture_output=True)
    folder.chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def machine(wheels: Path) -> Iterator[Machine]:
    """With the suite installed."""
    machine = Machine(wheels)
    try:
        machine.does("useradd", "--create-home", "--home-dir", _HOME, "somebody", user="root", folder="/")
        machine.does("python", "-m", "venv", "env")
        machine.does("sh", "-c", "pip install --quiet --no-index --find-links /wheels /wheels/homeward-*.whl")
        machine.does("sh", "-c", _ELSEWHERE)
        yield machine
    finally:
        docker("rm", "--force", "--volumes", machine.id)


def test_a_suite_from_the_wheel_comes_up_where_there_is_no_checkout(machine: Machine) -> None:
    found = json.loads(machine.does("python", "-c", _UP, folder=f"{_HOME}/work"))
    assert (found["ready"], found["ended"]) == (True, 0), found["said"]
    assert "http://127.0.0.1:8000" in found["said"]


def test_a_suite_from_the_wheel_flies_its_charter_where_there_is_no_checkout(machine: Machine) -> None:
    account = json.loads(machine.does("homeward", "demo", "--json", folder=f"{_HOME}/work"))
    assert (len(account["cases"]), account["problems"], account["events"]["unaccounted"]) == (134, [], 0)


def test_a_suite_from_the_wheel_is_whole_and_agrees_with_what_is_installed(machine: Machine) -> None:
    assert "No broken requirements found" in machine.does("pip", "check")
    assert machine.does("homeward", "--version", folder=f"{_HOME}/work") == "homeward 0.1.0\n"
