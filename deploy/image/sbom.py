"""Writes what is in an image as CycloneDX 1.6: installed packages with their licences, Python, Debian's libraries.

``python sbom.py PACKAGES TARGET``, within the base image, after root.py: what is listed is what is there.
"""

import json
import platform
import re
import subprocess
import sys
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

PLACE = Path("usr/share/sbom/homeward.cdx.json")
_CLASSIFIER = "License :: OSI Approved :: "


def main(packages: Path, target: Path) -> None:
    found = [of_package(each) for each in distributions(path=[str(packages)])]
    found += [of_debian(*each) for each in debian_packages(target)]
    found.append(component("python", platform.python_version(), f"pkg:generic/python@{platform.python_version()}"))
    found.sort(key=lambda each: str(each["purl"]))
    bill = {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "components": found}
    (target / PLACE).parent.mkdir(parents=True)
    (target / PLACE).write_text(json.dumps(bill, indent=1))


def component(name: str, version: str, purl: str, **more: Any) -> dict[str, Any]:
    return {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl, **more}


def of_package(package: Distribution) -> dict[str, Any]:
    name, version = package.metadata["Name"], package.version
    plain = re.sub(r"[-_.]+", "-", name).lower()
    return component(name, version, f"pkg:pypi/{plain}@{version}", licenses=licences(package))


def licences(package: Distribution) -> list[dict[str, Any]]:
    """The expression that the package declares, else its classifiers, else the first line of its word."""
    told = package.metadata
    if expression := told.get("License-Expression"):
        return [{"expression": expression}]
    classified = [each.removeprefix(_CLASSIFIER) for each in told.get_all("Classifier", []) if _CLASSIFIER in each]
    named = classified or (told.get("License") or "unknown").splitlines()[:1]
    return [{"license": {"name": each}} for each in named]


def of_debian(name: str, version: str) -> dict[str, Any]:
    return component(name, version, f"pkg:deb/debian/{name}@{version.replace('+', '%2B')}")


def debian_packages(target: Path) -> set[tuple[str, str]]:
    """Names and versions of the packages from which a file is in the image."""
    files = [f"/{each.relative_to(target)}" for each in target.rglob("*") if each.is_file()]
    # A library's file may be known by its name before /usr was merged.
    files += [each.removeprefix("/usr") for each in files if each.startswith("/usr/lib")]
    owned = subprocess.run(["dpkg", "--search", *files], capture_output=True, text=True, check=False).stdout
    names = sorted({each.split(":")[0] for line in owned.splitlines() for each in line.split(": ")[0].split(", ")})
    query = ["dpkg-query", "--show", "--showformat", "${Package} ${Version}\n", *names]
    listed = subprocess.run(query, capture_output=True, text=True, check=True).stdout if names else ""
    return {(name, version) for name, version in map(str.split, listed.splitlines())}


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
