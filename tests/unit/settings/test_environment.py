"""Settings are refused when they are unknown or contradict one another, and may stand in files."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from services.gateway.settings import Settings as GatewaySettings
from services.partners.settings import Settings as PartnersSettings
from services.travel.settings import Settings
from shared.auth.keys import generate_key, key_set, public_pem
from shared.environment import SettingsUnusable
from shared.protection.wrapping import first_keys
from shared.settings import ServiceSettings

SECRET = "open-sesame"
PASSWORD_URL = f"postgresql+asyncpg://travel:{SECRET}@127.0.0.1:9/homeward"
PREFIX = "HOMEWARD_TRAVEL_"


def told(monkeypatch: pytest.MonkeyPatch, kind: type[ServiceSettings] = Settings, **variables: str) -> list[str]:
    """What is said of settings that are refused."""
    for name, value in variables.items():
        monkeypatch.setenv(f"{kind.prefix()}{name}", value)
    with pytest.raises(SettingsUnusable) as raised:
        kind.read()
    return str(raised.value).splitlines()


def started(variables: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Travel, started with these settings: what it said, and how it ended."""
    own = {f"{PREFIX}{name}": value for name, value in variables.items()}
    command = [sys.executable, "-m", "services.travel"]
    return subprocess.run(command, env=os.environ | own, capture_output=True, text=True, timeout=60, check=False)


def test_a_misspelt_setting_is_refused_and_the_one_that_was_meant_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    [line] = told(monkeypatch, LARGEST_BODDY="1")
    assert line == f"{PREFIX}LARGEST_BODDY is no setting: did you mean {PREFIX}LARGEST_BODY?"


def test_a_setting_of_another_service_is_none_of_this_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert told(monkeypatch, SECURE_COOKIE="true") == [f"{PREFIX}SECURE_COOKIE is no setting"]
    monkeypatch.setenv("HOMEWARD_GATEWAY_SECURE_COOKIE", "true")
    assert GatewaySettings.read().secure_cookie


def test_what_a_value_should_be_is_told_and_the_value_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = told(monkeypatch, PORT=SECRET, LONGEST_REQUEST="-1", OIDC__ISSUER="http://elsewhere.example")
    assert [line.split(":")[0] for line in lines] == [
        f"{PREFIX}OIDC__ISSUER",
        f"{PREFIX}PORT",
        f"{PREFIX}LONGEST_REQUEST",
    ]
    assert SECRET not in "".join(lines)


def test_what_should_be_json_and_is_none_is_told_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = told(monkeypatch, PartnersSettings, WEBHOOK_PRIVATE_HOSTS=SECRET)
    assert lines == ["HOMEWARD_PARTNERS_WEBHOOK_PRIVATE_HOSTS: it is given as JSON, and this is none"]


@pytest.mark.parametrize(
    ("kind", "variables", "fault"),
    [
        (Settings, {"KEYS": first_keys().text(), "KEY_FILE": "keys.json"}, "key_file and keys are both set"),
        (Settings, {"CLOCK_START": "2030-01-01T00:00:00Z"}, "in production the time is the real one"),
        (Settings, {"AUDIT_EXPORT": "audit"}, "audit_export needs audit_key"),
        (GatewaySettings, {"ACCOUNTS": "accounts.json"}, "accounts needs private_key"),
        (
            Settings,
            {"AMQP_URL": "amqp://a/", "AMQP_URL_FILE": "b"},
            "AMQP_URL_FILE and HOMEWARD_TRAVEL_AMQP_URL are both",
        ),
        (Settings, {"AMQP_URL_FILE": "/nowhere/amqp"}, "AMQP_URL_FILE: /nowhere/amqp: No such file"),
    ],
    ids=["keys", "clock", "heads", "accounts", "value and file", "no file"],
)
def test_what_contradicts_is_refused(
    kind: type[ServiceSettings], variables: dict[str, str], fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    [line] = told(monkeypatch, kind, **variables)
    assert fault in line


def test_a_setting_and_a_member_of_one_may_stand_in_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "url").write_text(f"{PASSWORD_URL}\n")
    (tmp_path / "issuer").write_text("https://provider.example.org\n")
    monkeypatch.setenv(f"{PREFIX}DATABASE_URL_FILE", str(tmp_path / "url"))
    monkeypatch.setenv(f"{PREFIX}OIDC__ISSUER_FILE", str(tmp_path / "issuer"))
    settings = Settings.read()
    assert settings.database_url == PASSWORD_URL
    assert settings.oidc is not None
    assert settings.oidc.issuer == "https://provider.example.org"


def test_no_secret_is_shown_by_what_shows_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{PREFIX}DATABASE_URL", PASSWORD_URL)
    monkeypatch.setenv(f"{PREFIX}AMQP_URL", f"amqp://travel:{SECRET}@127.0.0.1/")
    monkeypatch.setenv(f"{PREFIX}KEYS", SECRET)
    monkeypatch.setenv(f"{PREFIX}IDENTITY_KEY", SECRET)
    settings = Settings.read()
    assert SECRET not in f"{settings!r} {settings}"


def test_secrets_from_files_are_neither_in_the_environment_nor_in_the_log(tmp_path: Path) -> None:
    key = generate_key()
    given = {
        "DATABASE_URL": PASSWORD_URL,
        "AMQP_URL": f"amqp://travel:{SECRET}@127.0.0.1:9/",
        "KEYS": first_keys(SECRET).text(),
        "IDENTITY_KEY": key.as_pem(private=True).decode(),
        "PUBLIC_KEY": public_pem(key),
        "SERVICE_KEYS": key_set({}),
    }
    for name, value in given.items():
        (tmp_path / name).write_text(value)
    ended = started({f"{name}_FILE": str(tmp_path / name) for name in given})
    assert ended.returncode
    assert "startup failed" in ended.stdout + ended.stderr
    assert SECRET not in ended.stdout + ended.stderr


def test_a_service_that_is_refused_says_one_line_and_ends() -> None:
    ended = started({"DATABASE_URL": PASSWORD_URL, "DATABSE_URL": PASSWORD_URL})
    assert ended.returncode == 1
    assert ended.stderr == f"homeward: {PREFIX}DATABSE_URL is no setting: did you mean {PREFIX}DATABASE_URL?\n"


def test_a_service_says_at_once_all_that_it_needs() -> None:
    ended = started({"PORT": "9000"})
    assert ended.returncode == 1
    [line] = ended.stderr.splitlines()
    assert f"{PREFIX}DATABASE_URL, {PREFIX}AMQP_URL, {PREFIX}PUBLIC_KEY" in line
