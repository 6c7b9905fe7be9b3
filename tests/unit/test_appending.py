"""Files that replicas share are written by one of them at a time."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from shared.appending import alone_with
from shared.audit.heads import Heads
from shared.auth.accounts import Accounts
from shared.auth.roles import Role
from shared.ids import new_id
from shared.protection.register import Register


def _registers(folder: Path) -> Path:
    Register(folder / "erasures.jsonl").add([new_id()])
    return folder / "erasures.jsonl"


def _exports(folder: Path) -> Path:
    heads = Heads("travel", cast(Any, None), folder / "audit.key", folder / "heads")
    heads._append(folder / "heads", "a head\n")
    return folder / "heads" / "travel.heads"


def _invites(folder: Path) -> Path:
    Accounts(folder / "accounts.json").create(str(new_id()), [Role.CASEWORKER])
    return folder / ".accounts.json.lock"


@pytest.mark.parametrize("write", [_registers, _exports, _invites])
def test_who_writes_waits_until_nobody_else_does(write: Callable[[Path], Path], tmp_path: Path) -> None:
    shared = write(tmp_path)
    before = _all(tmp_path)
    with alone_with(shared):
        other = threading.Thread(target=write, args=(tmp_path,))
        other.start()
        # Nothing can be waited for, as nothing may happen: without the lock it takes some milliseconds.
        other.join(0.5)
        assert other.is_alive()
        assert _all(tmp_path) == before
    other.join(10)
    assert not other.is_alive()
    assert _all(tmp_path) != before


def _all(folder: Path) -> dict[Path, bytes]:
    return {each: each.read_bytes() for each in folder.rglob("*") if each.is_file()}


def test_a_register_keeps_what_every_writer_adds_once(tmp_path: Path) -> None:
    register = Register(tmp_path / "erasures.jsonl")
    first, second, third = new_id(), new_id(), new_id()
    register.add([first, second])
    register.add([second, third])
    assert register.owners() == sorted([first, second, third])
    assert len((tmp_path / "erasures.jsonl").read_text().splitlines()) == 3
