"""Docker as the tests of images use it: its own commands."""

import json
import subprocess
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
#: Seconds for one command; a build with nothing in its cache takes two minutes.
PATIENCE = 600


def docker(*words: str, fails: bool = False) -> str:
    """What a command prints. ``fails``: it has to, and what it says of that is the answer."""
    done = subprocess.run(["docker", *words], capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert (done.returncode != 0) is fails, f"docker {' '.join(words)}: {done.stdout}{done.stderr}"
    return done.stderr if fails else done.stdout


def image_of(service: str) -> str:
    return f"homeward/{service}:{VERSION}"


def inspected(image: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(docker("image", "inspect", image))[0]
    return found


def python_in(image: str, program: str, *options: str) -> Any:
    """What a program prints as JSON that runs in a container of the image, which can write nowhere."""
    run = ("run", "--rm", "--read-only", "--network", "none", *options, "--entrypoint", "python", image)
    return json.loads(docker(*run, "-c", program))
