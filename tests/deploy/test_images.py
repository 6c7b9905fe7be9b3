"""Each image holds one service and what it needs, runs as nobody in particular, and writes nowhere."""

import subprocess

import pytest
from cyclonedx.model.bom import Bom

from services.embedded import SERVICES
from tests.deploy.engine import ROOT, VERSION, docker, image_of, inspected, python_in

pytestmark = pytest.mark.images

#: What an image may weigh, in bytes.
LARGEST = 250_000_000
HELD = """
import json, os
print(json.dumps({"app": sorted(os.listdir("/app")),
                  "services": sorted(each for each in os.listdir("/app/services") if each != "__pycache__")}))
"""
#: The embedded PostgreSQL is for a suite in one process: what it needs is not in an image.
IMPORTS = """
import importlib, json, os, pkgutil
import shared, services
name = os.environ["SERVICE"]
found = []
for package in (shared, importlib.import_module(f"services.{name}")):
    for each in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not each.name.startswith("shared.persistence.embedded") and not each.name.endswith("__main__"):
            found.append(importlib.import_module(each.name).__name__)
importlib.import_module(f"services.{name}.__main__")
print(json.dumps(found))
"""
WRITES = """
import json, os
def written(place):
    try:
        open(place, "w").close()
    except OSError as error:
        return error.strerror
    return "written"
places = ["/app/x", "/opt/homeward/x", "/etc/x", "/usr/x", "/var/lib/homeward/x"]
print(json.dumps({"user": [os.getuid(), os.getgid()], "written": {place: written(place) for place in places}}))
"""
INSTALLED = """
import json, re
from importlib.metadata import distributions
print(json.dumps(sorted(re.sub("[-_.]+", "-", each.metadata["Name"]).lower() + "@" + each.version
                        for each in distributions(path=["/opt/homeward"]))))
"""
LOOSE = """
import json, os, stat
found = []
for folder, folders, files in os.walk("/"):
    if folder == "/":
        folders[:] = [each for each in folders if each not in ("dev", "proc", "sys")]
    for name in folders + files:
        path = os.path.join(folder, name)
        about = os.lstat(path)
        if not stat.S_ISLNK(about.st_mode):
            if about.st_mode & (stat.S_ISUID | stat.S_ISGID):
                found.append(["runs as somebody else", path])
            if about.st_mode & stat.S_IWOTH and not about.st_mode & stat.S_ISVTX:
                found.append(["anybody may write it", path])
        if stat.S_ISREG(about.st_mode) and not name.endswith((".py", ".pyc", ".so")):
            with open(path, "rb") as file:
                if b"PRIVATE KEY-----" in file.read():
                    found.append(["holds a key", path])
print(json.dumps(found))
"""
SBOM = "print(open('/usr/share/sbom/homeward.cdx.json').read())"

each_service = pytest.mark.parametrize("name", SERVICES)


@pytest.fixture(scope="session", autouse=True)
def _built() -> None:
    subprocess.run([ROOT / "deploy/build"], check=True, capture_output=True)


@each_service
def test_an_image_holds_shared_and_its_one_service(name: str) -> None:
    held = python_in(image_of(name), HELD)
    assert held == {"app": ["LICENSE", "programme.toml", "services", "shared"], "services": ["__init__.py", name]}


@each_service
def test_every_module_in_an_image_finds_what_it_imports(name: str) -> None:
    found = python_in(image_of(name), IMPORTS)
    assert {f"services.{name}.app", "shared.service"} <= set(found)


@each_service
def test_a_service_runs_as_a_user_without_rights_and_writes_to_its_volume_alone(name: str) -> None:
    alone = python_in(image_of(name), WRITES)
    assert alone["user"] == [10001, 10001] and "written" not in alone["written"].values()
    with_volume = python_in(image_of(name), WRITES, "--mount", "type=volume,target=/var/lib/homeward")
    assert [place for place, what in with_volume["written"].items() if what == "written"] == ["/var/lib/homeward/x"]


@each_service
def test_an_image_is_small_and_says_what_it_is(name: str) -> None:
    image = inspected(image_of(name))
    assert image["Size"] < LARGEST, image["Size"]
    labels = image["Config"]["Labels"]
    told = {key.removeprefix("org.opencontainers.image."): value for key, value in labels.items()}
    assert (told["title"], told["version"], told["licenses"]) == (f"homeward-{name}", VERSION, "Apache-2.0")
    assert image["Config"]["Healthcheck"]["Test"] == ["CMD", "python", "-m", "shared.container", "healthy"]


@each_service
def test_an_image_lists_what_is_installed_in_it(name: str) -> None:
    bill = python_in(image_of(name), SBOM)
    listed = {each["purl"].removeprefix("pkg:pypi/") for each in bill["components"] if "pkg:pypi/" in each["purl"]}
    assert listed == set(python_in(image_of(name), INSTALLED))
    names = {each["name"] for each in bill["components"]}
    assert {"python", "libc6", "libssl3", "sqlalchemy"} <= {each.lower() for each in names}
    assert len(Bom.from_json(bill).components) == len(bill["components"])  # type: ignore[attr-defined]


def test_all_images_share_every_layer_but_the_last() -> None:
    layers = [inspected(image_of(name))["RootFS"]["Layers"] for name in SERVICES]
    assert {len(each) for each in layers} == {len(layers[0])}
    for position, of_all in enumerate(zip(*layers, strict=True), start=1):
        assert len(set(of_all)) == (len(SERVICES) if position == len(layers[0]) else 1), position


def test_an_image_has_no_shell_and_no_package_manager() -> None:
    for program in ("sh", "bash", "apt-get", "pip"):
        assert "not found" in docker("run", "--rm", "--entrypoint", program, image_of("travel"), fails=True)


@each_service
def test_nothing_loose_lies_in_an_image(name: str) -> None:
    assert python_in(image_of(name), LOOSE, "--user", "0") == []


def test_a_service_without_settings_ends_with_the_line_that_helps() -> None:
    told = docker("run", "--rm", "--read-only", image_of("travel"), fails=True)
    assert told.startswith("homeward: set HOMEWARD_TRAVEL_DATABASE_URL, ")
    assert told.strip().endswith("to start this service") and "\n" not in told.strip()
