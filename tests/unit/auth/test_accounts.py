"""Local accounts and their passwords."""

from pathlib import Path

import pytest

from shared.auth import passwords
from shared.auth.accounts import AccountExists, Accounts, NoSuchAccount, Whose
from shared.auth.administration import Administration
from shared.auth.roles import Role


def test_a_new_account_has_its_roles_and_offices_and_a_generated_password(tmp_path: Path) -> None:
    accounts = Accounts(tmp_path / "accounts.json")
    password = accounts.create("amina", [Role.CASEWORKER], ["tripoli"])
    account = accounts.get("amina")
    assert passwords.matches(account.password_hash, password)
    assert account.principal.roles == {Role.CASEWORKER}
    assert account.principal.sees("tripoli")
    assert not account.principal.sees("sebha")
    assert account.password is Whose.FIRST


def test_without_a_file_there_is_nobody(tmp_path: Path) -> None:
    assert Accounts(tmp_path / "accounts.json").find("amina") is None


def test_the_file_keeps_no_password_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "accounts.json"
    password = Accounts(path).create("amina", [Role.CASEWORKER])
    assert password not in path.read_text()
    assert "$argon2id$" in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_lies_beside_the_accounts_is_their_owners_too(tmp_path: Path) -> None:
    administration = Administration.of(tmp_path / "accounts.json")
    administration.add("amina", [Role.ADMIN])
    administration.unlock("amina")
    modes = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir()}
    assert modes == dict.fromkeys(("accounts.json", ".accounts.json.lock", "accounts.key", "accounts.ledger"), 0o600)


def test_a_name_is_taken_once(tmp_path: Path) -> None:
    accounts = Accounts(tmp_path / "accounts.json")
    accounts.create("amina", [Role.CASEWORKER])
    with pytest.raises(AccountExists):
        accounts.create("amina", [Role.ADMIN])
    assert accounts.names() == ["amina"]


def test_a_change_by_another_process_counts_at_once(tmp_path: Path) -> None:
    here, there = Accounts(tmp_path / "accounts.json"), Accounts(tmp_path / "accounts.json")
    here.create("amina", [Role.CASEWORKER])
    assert not there.get("amina").disabled
    for disabled in (True, False, True):
        here.change("amina", lambda each, value=disabled: each.model_copy(update={"disabled": value}))  # type: ignore[misc]
        assert there.get("amina").disabled is disabled


def test_who_is_not_there_is_not_changed(tmp_path: Path) -> None:
    with pytest.raises(NoSuchAccount):
        Accounts(tmp_path / "accounts.json").set_password("amina")


@pytest.mark.parametrize(
    ("chosen", "rule"),
    [
        ("elevensigns", passwords.PasswordTooShort),
        ("x1" * 60 + "abcdefghi", passwords.PasswordTooLong),
        ("My-AMINA-password", passwords.PasswordHoldsName),
        ("Password1234", passwords.PasswordTooCommon),
        ("xyzxyzxyzxyz", passwords.PasswordTooCommon),
        ("aaaaaaaaaaaaaaa", passwords.PasswordTooCommon),
    ],
)
def test_a_password_that_is_easily_guessed_is_refused(chosen: str, rule: type[Exception]) -> None:
    with pytest.raises(rule):
        passwords.check_choice(chosen, "amina")


@pytest.mark.parametrize("chosen", ["all lower case words", "000 is a number", "مرحبا بالعودة إلى", "x" * 127 + "y"])
def test_no_kind_of_sign_is_asked_for(chosen: str) -> None:
    passwords.check_choice(chosen, "amina")


def test_two_ways_of_writing_a_letter_are_one_password() -> None:
    assert passwords.matches(passwords.hash_of("caf\u00e9 de la gare"), "cafe\u0301 de la gare")
