"""What an installed suite reads besides its modules is declared, or a wheel lacks it."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_file_that_is_no_module_is_declared_as_package_data() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    packed = {
        found
        for package, patterns in declared.items()
        for pattern in patterns
        for found in (ROOT / package.replace(".", "/")).glob(pattern + "/*" if pattern.endswith("**") else pattern)
    }
    held = {
        each
        for name in ("services", "shared")
        for each in (ROOT / name).rglob("*")
        if each.is_file() and each.suffix != ".py" and "__pycache__" not in each.parts
    }
    assert held
    assert held <= packed, sorted(str(each.relative_to(ROOT)) for each in held - packed)
