"""Local accounts."""

from pathlib import Path

import pytest

from shared.auth.accounts import AccountExists, Accounts, WrongCredentials
from shared.auth.roles import Role


async def test_a_new_account_signs_in_with_its_generated_password(tmp_path: Path) -> None:
    accounts = Accounts(tmp_path / "accounts.json")
    password = accounts.create("amina", [Role.CASEWORKER], ["tripoli"])
    principal = await accounts.authenticate("amina", password)
    assert principal.name == "amina"
    assert principal.may([Role.CASEWORKER])
    assert principal.sees("tripoli")
    assert not principal.sees("sebha")


@pytest.mark.parametrize("name", ["amina", "nobody"])
async def test_a_wrong_password_and_a_wrong_name_are_told_alike(tmp_path: Path, name: str) -> None:
    accounts = Accounts(tmp_path / "accounts.json")
    accounts.create("amina", [Role.CASEWORKER])
    with pytest.raises(WrongCredentials, match="name or the password is wrong"):
        await accounts.authenticate(name, "guess")


async def test_without_a_file_nobody_signs_in(tmp_path: Path) -> None:
    with pytest.raises(WrongCredentials):
        await Accounts(tmp_path / "accounts.json").authenticate("amina", "guess")


def test_the_file_keeps_no_password_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "accounts.json"
    password = Accounts(path).create("amina", [Role.CASEWORKER])
    assert password not in path.read_text()
    assert "$argon2id$" in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_name_is_taken_once(tmp_path: Path) -> None:
    accounts = Accounts(tmp_path / "accounts.json")
    accounts.create("amina", [Role.CASEWORKER])
    with pytest.raises(AccountExists):
        accounts.create("amina", [Role.ADMIN])
    assert accounts.names() == ["amina"]


async def test_a_new_password_replaces_the_old_one(tmp_path: Path) -> None:
    accounts = Accounts(tmp_path / "accounts.json")
    old = accounts.create("amina", [Role.CASEWORKER])
    new = accounts.set_password("amina")
    assert (await accounts.authenticate("amina", new)).name == "amina"
    with pytest.raises(WrongCredentials):
        await accounts.authenticate("amina", old)
