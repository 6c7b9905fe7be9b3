"""Every guard holds on the tree as it stands."""

import re
import tomllib
from typing import Any

import pytest

from tests.architecture.rules import RULES, Rule
from tests.architecture.tree import ROOT, SERVICES, lint_imports, sources


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_no_file_breaks_the_rule(rule: Rule) -> None:
    found = [violation for source in sources() for violation in rule.violations(source)]
    assert not found, "\n".join([str(rule.find.__doc__), *found])


def test_every_rule_looks_at_something() -> None:
    assert [rule.name for rule in RULES if not any(rule.applies_to(source.path) for source in sources())] == []


def test_every_import_stays_within_its_boundaries() -> None:
    told = lint_imports(ROOT)
    assert told.returncode == 0, told.stdout + told.stderr


def test_every_service_has_its_layers_checked() -> None:
    contracts = _project()["tool"]["importlinter"]["contracts"]
    layered = {container for contract in contracts for container in contract.get("containers", [])}
    assert {f"services.{name}" for name in SERVICES} <= layered


def test_the_lock_holds_hashes_and_no_address() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    assert "://" not in lock
    assert len(re.findall(r"^\S+==", lock, re.MULTILINE)) == len(
        re.findall(r"^\S+==.*\\\n +--hash=", lock, re.MULTILINE)
    )


def test_every_dependency_is_in_the_lock() -> None:
    project = _project()["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    locked = {
        _plain(name) for name in re.findall(r"^([\w.-]+)==", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    }
    assert {_plain(re.split(r"[\[<>=!~; ]", each)[0]) for each in wanted} <= locked


def _project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
