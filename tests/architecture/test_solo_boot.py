"""Each service boots with ``shared/`` and its own folder alone on the path, as in its image."""

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT, SERVICES

#: Without ``site``, so that an editable install can't lend the other services.
BOOT = """
import importlib, importlib.util, json, sys
name, others, path = json.loads(sys.argv[1])
sys.path[:0] = path
app = importlib.import_module(f"services.{name}.app")
settings = importlib.import_module(f"services.{name}.settings").Settings
importlib.import_module(f"services.{name}.__main__")
wrapping = importlib.import_module("shared.protection.wrapping")
composed = app.create_app(settings(
    database_url="postgresql+asyncpg://nowhere/homeward", amqp_url="amqp://nowhere/", keys=wrapping.first_keys().text()
))
print(json.dumps({
    "from": app.__file__,
    "title": composed.title,
    "others": [other for other in others if importlib.util.find_spec(f"services.{other}")],
}))
"""


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_boots_alone(name: str, tmp_path: Path) -> None:
    booted = _boot(_image(tmp_path, name), name)
    assert booted.returncode == 0, booted.stderr
    told = json.loads(booted.stdout)
    assert told == {"from": str(tmp_path / "services" / name / "app.py"), "title": f"Homeward {name}", "others": []}


def test_a_service_that_leans_on_another_does_not_boot(tmp_path: Path) -> None:
    image = _image(tmp_path, "leaning")
    (image / "services/leaning").mkdir()
    (image / "services/leaning/app.py").write_text("from services.travel.app import create_app\n")
    assert "No module named 'services.travel'" in _boot(image, "leaning").stderr


def _image(folder: Path, name: str) -> Path:
    """What the image of a service holds."""
    (folder / "services").mkdir()
    for each in ("shared", "programme.toml", "services/__init__.py", f"services/{name}"):
        if (ROOT / each).exists():
            (folder / each).symlink_to(ROOT / each)
    return folder


def _boot(image: Path, name: str) -> subprocess.CompletedProcess[str]:
    paths = sysconfig.get_paths()
    told = [name, [other for other in SERVICES if other != name], [str(image), paths["purelib"], paths["platlib"]]]
    return subprocess.run(
        [sys.executable, "-S", "-P", "-c", BOOT, json.dumps(told)],
        cwd=image,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
