"""Settings as they stand in the environment: each under its name, or in a file that ``NAME_FILE`` names."""

import re
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from pathlib import Path
from urllib.parse import quote

from pydantic import ValidationError

#: Appended to a setting's name: its value is what that file holds.
FILE = "_file"
#: Between a setting and a member of it.
MEMBER = "__"


class SettingsUnusable(Exception):
    """Settings that are unknown, unreadable, or contradict one another; a line for each, and never a value."""


class NotAPath(ValueError):
    """A file that should hold a path holds something else: the key itself, perhaps."""


def with_files(
    variables: Mapping[str, str | None], prefix: str, known: Collection[str], paths: Collection[str]
) -> dict[str, str | None]:
    """The variables, in small letters, with what the files hold that they name. Raises SettingsUnusable.

    ``paths``: settings that are paths themselves, such as the place of a key that is mounted.
    """
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
                found[target] = _content(variables[name] or "", a_path=setting.removesuffix(FILE) in paths)
                del found[name]
            except (OSError, ValueError) as error:
                # Neither the file's name, which may be a secret in the wrong place, nor what the file holds.
                faults.append(f"{name.upper()} names no file that can be used: {_why(error)}")
    if faults:
        raise SettingsUnusable("\n".join(faults))
    return found


def signed_in(url: str, user: str, password: str) -> str:
    """The address, or addresses with commas between them, of a server with a user's name in it. Raises ValueError."""
    if "@" in url or not (user and password):
        raise ValueError("a user and a password are given together, and for an address that has none")
    return re.sub("(?<=://)", f"{quote(user, safe='')}:{quote(password, safe='')}@", url)


def faults_of(error: ValidationError, prefix: str) -> SettingsUnusable:
    """What is wrong, by the variables' names; a value may be a secret and is not told."""
    lines = [
        f"{prefix}{MEMBER.join(map(str, each['loc'])).upper() or '…'}: {each['msg'].removeprefix('Value error, ')}"
        for each in error.errors(include_input=False, include_url=False)
    ]
    return SettingsUnusable("\n".join(lines))


def _content(file: str, *, a_path: bool) -> str:
    content = Path(file).read_text("utf-8").rstrip("\n")
    if a_path and not (content.startswith("/") and "\n" not in content and Path(content).parent.is_dir()):
        raise NotAPath
    return content


def _why(error: OSError | ValueError) -> str:
    match error:
        case OSError():
            return error.strerror or "it can't be read"
        case NotAPath():
            return "it holds no absolute path, and the setting is one"
        case _:
            return "it isn't UTF-8"


def _named(setting: str, known: Collection[str]) -> bool:
    name, _, member = setting.partition(MEMBER)
    # No setting has a member of such a name, but any member may be in a file.
    return name in known and not member.endswith(FILE)


def _unknown(name: str, prefix: str, known: Collection[str]) -> str:
    near = get_close_matches(name.removeprefix(prefix).removesuffix(FILE), known, 1)
    meant = f": did you mean {prefix.upper()}{near[0].upper()}?" if near else ""
    return f"{name.upper()} is no setting{meant}"
