"""The table of permissions in ``docs/permissions.md``, from ``shared/auth/permissions.py``."""

import inspect
import re
from pathlib import Path

from services.cli.page import Page
from shared.auth.permissions import GRANTED, Permission
from shared.auth.roles import Role

_HEAD = """# Permissions

<!-- Written by `homeward contracts build` from shared/auth/permissions.py. Do not edit. -->

Each route takes one permission, which `/openapi.json` names, and a role has those that are marked here. What is not in
the table is refused. Who has several roles has what each of them has."""


def text() -> str:
    """The whole page."""
    told = _sentences()
    roles = [role.value.replace("_", " ") for role in Role]
    lines = [_HEAD, "", "| permission | lets one | " + " | ".join(roles) + " |", "|---|---|" + ":-:|" * len(roles)]
    for permission in Permission:
        granted = GRANTED.get(permission, frozenset())
        marks = " | ".join("✓" if role in granted else "" for role in Role)
        lines.append(f"| `{permission}` | {told[permission]} | {marks} |")
    return "\n".join(lines) + "\n"


def _sentences() -> dict[str, str]:
    """What each permission's comment says."""
    found = re.findall(r'#: (.+)\n +\w+ = "(.+)"', inspect.getsource(Permission))
    return {value: f"{sentence[0].lower()}{sentence[1:].rstrip('.')}" for sentence, value in found}


PAGE = Page(Path(__file__).parents[2] / "docs" / "permissions.md", text)
