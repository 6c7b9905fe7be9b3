"""On which line of a TOML file a key stands, which ``tomllib`` does not tell."""

import re
import tomllib
from collections.abc import Mapping
from typing import Any

#: A key and those above it; in an array of tables the number of the table.
Key = tuple[str | int, ...]

_KEY = re.compile(r"\s*([^\s#=\[][^=]*?)\s*=")


def lines_of(text: str) -> dict[Key, int]:
    """By key: its line, from 1. A key of an inline table is found by the table's."""
    found: dict[Key, int] = {}
    table: Key = ()
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("["):
            if header := _read(line):
                table = _numbered(header, found)
                found.setdefault(table, number)
        elif (match := _KEY.match(line)) and (key := _read(f"{match[1]} = 0")):
            found.setdefault(table + key, number)
    return found


def line_of(key: Key, lines: Mapping[Key, int]) -> int:
    """The key's line, or that of the nearest one above that stands in the file."""
    return next((lines[key[:end]] for end in range(len(key), 0, -1) if key[:end] in lines), 1)


def _read(line: str) -> Key | None:
    """A header or key as TOML reads it; None for a line within a longer value."""
    try:
        value: Any = tomllib.loads(line)
    except tomllib.TOMLDecodeError:
        return None
    key: list[str | int] = []
    while isinstance(value, dict) and value:
        [(name, value)] = value.items()
        key.append(name)
        if isinstance(value, list):
            key.append(0)
            value = value[0]
    return tuple(key)


def _numbered(header: Key, found: Mapping[Key, int]) -> Key:
    """The first table of an array that isn't there yet."""
    while header[-1:] and isinstance(last := header[-1], int) and header in found:
        header = (*header[:-1], last + 1)
    return header
