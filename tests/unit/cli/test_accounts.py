"""``homeward accounts`` on a data directory."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.__main__ import app
from services.cli.up import how_to_sign_in
from services.credentials import Credentials
from shared.auth import passwords
from shared.auth.accounts import Accounts, Whose

runner = CliRunner()


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with the account of a manager."""
    for name in ("HOMEWARD_TOKEN", "HOMEWARD_NAME"):
        monkeypatch.delenv(name, raising=False)
    Accounts(tmp_path / "accounts.json").create("manager", ["manager"], password=Whose.OWN)  # type: ignore[list-item]
    return tmp_path


def homeward(data: Path, *words: str) -> str:
    result = runner.invoke(app, ["accounts", *words, "--data", str(data)])
    if result.exception:
        raise result.exception
    return result.stdout.strip()


def test_somebody_is_added_reset_disabled_and_listed(data: Path) -> None:
    accounts = Accounts(data / "accounts.json")
    first = homeward(data, "add", "amina", "--role", "medical", "--role", "protection", "--office", "tripoli")
    assert passwords.matches(accounts.get("amina").password_hash, first)
    second = homeward(data, "reset", "amina")
    assert second != first
    assert passwords.matches(accounts.get("amina").password_hash, second)
    for words in (("disable", "amina"), ("unlock", "amina"), ("reset", "manager", "--second-factor")):
        assert homeward(data, *words) == ""
    rows = {row["name"]: row for row in json.loads(homeward(data, "list", "--json"))}
    assert (rows["amina"]["roles"], rows["amina"]["offices"]) == (["medical", "protection"], ["tripoli"])
    assert (rows["amina"]["disabled"], rows["manager"]["disabled"]) == (True, False)
    assert "disabled, first password" in homeward(data, "list")
    homeward(data, "enable", "amina")
    assert not accounts.get("amina").disabled


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("unlock nobody", "There is no account of this name."),
        ("add manager --role manager", "There is an account of this name."),
        ("add a/b --role manager", "a name has letters, digits and . _ @ - only"),
        ("disable manager --data /nonexistent", "/nonexistent/accounts.json is not there"),
    ],
)
def test_what_can_not_be_done_is_told_in_one_line(data: Path, words: str, told: str) -> None:
    arguments = ["accounts", *words.split()]
    result = runner.invoke(app, arguments if "--data" in arguments else [*arguments, "--data", str(data)])
    assert str(result.exception).startswith(told)
    assert "\n" not in str(result.exception)


def test_the_way_in_is_told_and_the_password_itself_to_a_terminal_alone(tmp_path: Path) -> None:
    held = Credentials(tmp_path)
    name, password = held.by_role["manager"]
    shown = "\n".join(how_to_sign_in("http://127.0.0.1:8000", held, show=True))
    kept = "\n".join(how_to_sign_in("http://127.0.0.1:8000", held, show=False))
    assert "http://127.0.0.1:8000/sign-in" in shown
    assert f"name: {name}" in shown and "choose your own password" in shown
    assert password in shown and password not in kept and str(held.passwords_file) in kept


def test_a_password_that_was_changed_has_no_entry_any_more(tmp_path: Path) -> None:
    name, _ = Credentials(tmp_path).by_role["manager"]
    Accounts(tmp_path / "accounts.json").choose_password(name, "walk home slowly 7")
    again = Credentials(tmp_path)
    assert "manager" not in again.by_role
    assert "manager" not in json.loads(again.passwords_file.read_text())
    again.passwords_file.unlink()
    assert "manager" not in Credentials(tmp_path).by_role


def test_first_passwords_become_a_simulated_persons_own_and_no_person_s_does(tmp_path: Path) -> None:
    name, _ = Credentials(tmp_path).by_role["manager"]
    accounts = Accounts(tmp_path / "accounts.json")
    accounts.choose_password(name, "walk home slowly 7")
    Credentials(tmp_path, simulated_people=True)
    kinds = {account.name: account.password for account in accounts.all()}
    assert kinds.pop(name) is Whose.OWN
    assert set(kinds.values()) == {Whose.MACHINE}


def test_first_passwords_go_by_account_and_a_file_that_went_by_role_is_read_too(tmp_path: Path) -> None:
    made = Credentials(tmp_path)
    kept = json.loads(made.passwords_file.read_text())
    assert kept["partner-liaison"]["roles"] == ["partner_liaison"]
    by_role = {each["roles"][0]: {"name": name, "password": each["password"]} for name, each in kept.items()}
    made.passwords_file.write_text(json.dumps(by_role))
    assert Credentials(tmp_path).first == made.first
    assert json.loads(made.passwords_file.read_text()) == kept


def test_a_directory_that_is_older_than_a_role_gets_its_account_and_is_told_of_it(tmp_path: Path) -> None:
    file = tmp_path / "accounts.json"
    Credentials(tmp_path)
    for name in Accounts(file).names():
        Accounts(file).choose_password(name, "walk home slowly 7")
    kept = json.loads(file.read_text())
    before = [each for each in kept["accounts"] if each["name"] != "partner-liaison"]
    file.write_text(json.dumps(kept | {"accounts": before}))
    again = Credentials(tmp_path)
    assert list(again.first) == ["partner-liaison"]
    assert passwords.matches(
        Accounts(file).get("partner-liaison").password_hash, again.first["partner-liaison"].password
    )
    assert "name: partner-liaison" in "\n".join(how_to_sign_in("http://127.0.0.1:8000", again, show=True))
    others = [json.loads(each.model_dump_json()) for each in Accounts(file).all() if each.name != "partner-liaison"]
    assert {each["password_hash"] for each in others} == {each["password_hash"] for each in before}
