"""Settings as they stand in the environment: each under its name, or in a file that ``NAME_FILE`` names."""

from collections.abc import Collection, Mapping
from difflib import get_close_matches
from pathlib import Path

from pydantic import ValidationError

#: Appended to a setting's name: its value is what that file holds.
FILE = "_file"
#: Between a setting and a member of it.
MEMBER = "__"


class SettingsUnusable(Exception):
    """Settings that are unknown, unreadable, or contradict one another; a line for each, and never a value."""


def with_files(variables: Mapping[str, str | None], prefix: str, known: Collection[str]) -> dict[str, str | None]:
    """The variables, in small letters, with what the files hold that they name. Raises SettingsUnusable."""
    found, faults = dict(variables), []
    for name in sorted(each for each in variables if each.startswith(prefix)):
        setting = name.removeprefix(prefix)
        if _named(setting, known):
            continue
        if not setting.endswith(FILE) or not _named(setting.removesuffix(FILE), known):
            faults.append(_unknown(name, prefix, known))
        elif (target := name.removesuffix(FILE)) in variables:
            faults.append(f"{name.upper()} and {target.upper()} are both set: one of them")
        else:
            try:
                found[target] = Path(variables[name] or "").read_text("utf-8").rstrip("\n")
                del found[name]
            except (OSError, UnicodeDecodeError) as error:
                faults.append(f"{name.upper()}: {variables[name]}: {getattr(error, 'strerror', None) or 'not UTF-8'}")
    if faults:
        raise SettingsUnusable("\n".join(faults))
    return found


def faults_of(error: ValidationError, prefix: str) -> SettingsUnusable:
    """What is wrong, by the variables' names; a value may be a secret and is not told."""
    lines = [
        f"{prefix}{MEMBER.join(map(str, each['loc'])).upper() or '…'}: {each['msg'].removeprefix('Value error, ')}"
        for each in error.errors(include_input=False, include_url=False)
    ]
    return SettingsUnusable("\n".join(lines))


def _named(setting: str, known: Collection[str]) -> bool:
    name, _, member = setting.partition(MEMBER)
    # No setting has a member of such a name, but any member may be in a file.
    return name in known and not member.endswith(FILE)


def _unknown(name: str, prefix: str, known: Collection[str]) -> str:
    near = get_close_matches(name.removeprefix(prefix).removesuffix(FILE), known, 1)
    meant = f": did you mean {prefix.upper()}{near[0].upper()}?" if near else ""
    return f"{name.upper()} is no setting{meant}"
