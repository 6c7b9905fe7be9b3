"""Settings are refused when they are unknown or contradict one another, and may stand in files."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url
from yarl import URL

from services.gateway.settings import Settings as GatewaySettings
from services.partners.settings import Settings as PartnersSettings
from services.travel.app import create_app
from services.travel.settings import Settings
from shared.auth.keys import generate_key, key_set, public_pem
from shared.environment import SettingsUnusable
from shared.process import serve
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
        (Settings, {"AMQP_URL_FILE": "/nowhere/amqp"}, "AMQP_URL_FILE names no file that can be used: No such file"),
        (Settings, {"AMQP_URL": "amqp://a@b/", "AMQP_USER": "c", "AMQP_PASSWORD": "d"}, "an address that has none"),
        (Settings, {"DATABASE_URL": "postgresql://b/", "DATABASE_PASSWORD": "d"}, "are given together"),
        (Settings, {"REPLICAS_AT": "http://travel-replicas:8000"}, "address with {service} in it"),
    ],
    ids=["keys", "clock", "heads", "accounts", "value and file", "no file", "two users", "no user", "one for all"],
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


def test_an_address_gets_its_user_and_password_from_files_of_their_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in {"user": "travel", "password": "a/b@c:d%\n"}.items():
        (tmp_path / name).write_text(value)
        for server in ("DATABASE", "AMQP"):
            monkeypatch.setenv(f"{PREFIX}{server}_{name.upper()}_FILE", str(tmp_path / name))
    monkeypatch.setenv(f"{PREFIX}DATABASE_URL", "postgresql+asyncpg://travel-db-rw:5432/homeward?ssl=verify-full")
    monkeypatch.setenv(f"{PREFIX}AMQP_URL", "amqps://one:5671/,amqps://two:5671/")
    settings = Settings.read()
    database = make_url(settings.database_url)
    assert (database.username, database.password, database.host) == ("travel", "a/b@c:d%", "travel-db-rw")
    for url, host in zip(settings.amqp_url.split(","), ("one", "two"), strict=True):
        broker = URL(url)
        assert (broker.user, broker.password, broker.host) == ("travel", "a/b@c:d%", host)
    assert "a/b@c:d%" not in repr(settings) and "%2F" not in repr(settings)


#: What may stand in a file, or in the place of its name, by mistake.
MISTAKES = {
    "a word": SECRET,
    "another key": f"-----BEGIN PRIVATE KEY-----\n{SECRET}\n-----END PRIVATE KEY-----\n",
    "JSON": f'{{"issuer": "{SECRET}"}}',
    "bytes": f"\xff{SECRET}",
}


@pytest.mark.parametrize("mistake", MISTAKES)
@pytest.mark.parametrize(
    "setting",
    ["DATABASE_URL", "PUBLIC_KEY", "IDENTITY_KEY", "SERVICE_KEYS", "KEY_FILE", "KEYS", "PROGRAMME", "OIDC", "PORT"],
)
def test_a_file_with_something_else_in_it_is_one_line_that_does_not_tell_it(
    setting: str, mistake: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text(MISTAKES[mistake], "latin-1")
    assert SECRET not in _refusal(monkeypatch, setting, str(tmp_path / "file"))


@pytest.mark.parametrize("file", [SECRET, f"/nowhere/{SECRET}", "."])
def test_a_secret_in_the_place_of_a_files_name_is_not_told(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "names no file that can be used" in _refusal(monkeypatch, "DATABASE_URL", file)


def _refusal(monkeypatch: pytest.MonkeyPatch, setting: str, file: str) -> str:
    """The one line with which the service doesn't start when this setting's file is that one."""
    key = generate_key()
    given = {
        "DATABASE_URL": "postgresql+asyncpg://travel:travel@127.0.0.1:9/homeward",
        "AMQP_URL": "amqp://travel:travel@127.0.0.1:9/",
        "IDENTITY_KEY": key.as_pem(private=True).decode(),
        "PUBLIC_KEY": public_pem(key),
        "SERVICE_KEYS": key_set({}),
    }
    given |= {} if setting in ("KEYS", "KEY_FILE") else {"KEYS": first_keys().text()}
    for name, value in (given | {f"{setting}_FILE": file}).items():
        if name != setting:
            monkeypatch.setenv(f"{PREFIX}{name}", value)
    with pytest.raises(SystemExit) as ended:
        serve(create_app, Settings)
    told = str(ended.value)
    assert "\n" not in told and setting in told
    assert SECRET not in told
    return told


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
