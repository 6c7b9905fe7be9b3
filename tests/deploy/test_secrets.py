"""``homeward secrets``: made once, kept, entered by their owner alone, and no more rights than a service needs."""

import importlib
import json
import re
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from typer.testing import CliRunner

from services.cli import certificates, secrets
from services.cli.server_users import FOLLOWED, definitions
from services.embedded import SERVICES
from shared.protection.wrapping import first_keys
from tests.deploy.compose import COMMAND
from tests.deploy.engine import ROOT

#: What a variable is called that holds a secret, and not the file of one.
SECRET = re.compile(r"(PASSWORD|SECRET|TOKEN|IDENTITY_KEY|KEYS|DATABASE_URL|AMQP_URL)$")


def _make(folder: Path) -> dict[str, bytes]:
    subprocess.run([*COMMAND, "secrets", str(folder)], cwd=ROOT, check=True, capture_output=True)
    return _files(folder)


def _files(folder: Path) -> dict[str, bytes]:
    """What is in each file. A password's hash has another salt each time."""
    files = (each for each in folder.rglob("*") if each.is_file() and each.name != "definitions.json")
    return {str(each.relative_to(folder)): each.read_bytes() for each in files}


def test_secrets_that_are_there_are_kept(tmp_path: Path) -> None:
    made = _make(tmp_path / "secrets")
    assert made["mounts/travel/homeward_travel_identity_key"].startswith(b"-----BEGIN PRIVATE KEY-----")
    assert _make(tmp_path / "secrets") == made


@pytest.mark.parametrize(("days", "renewed"), [(59, True), (61, False)])
def test_a_certificate_that_soon_ends_is_made_anew_for_the_broker_and_whoever_trusts_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: int, renewed: bool
) -> None:
    folder = tmp_path / "secrets"
    with monkeypatch.context() as patch:
        patch.setattr(certificates, "_VALID", timedelta(days=days))
        made = _make_here(folder)
    again = _make_here(folder)
    changed = {each for each in made if again[each] != made[each]}
    mounted = {"mounts/rabbitmq/rabbitmq.pem", "mounts/rabbitmq/rabbitmq.key"}
    mounted |= {f"mounts/{name}/ca.pem" for name in (*SERVICES, "rabbitmq")}
    assert changed == (mounted | {"tls/ca.pem", "tls/rabbitmq.pem", "tls/rabbitmq.key"} if renewed else set())
    shown = x509.load_pem_x509_certificate(again["mounts/rabbitmq/rabbitmq.pem"])
    shown.verify_directly_issued_by(x509.load_pem_x509_certificate(again["mounts/travel/ca.pem"]))


def _make_here(folder: Path) -> dict[str, bytes]:
    """As the command does, in this process."""
    told = CliRunner().invoke(secrets.app, [str(folder)])
    assert told.exit_code == 0, told.output
    shown = x509.load_pem_x509_certificate((folder / "tls/rabbitmq.pem").read_bytes())
    assert f"ends on {shown.not_valid_after_utc.date()}" in told.output
    return _files(folder)


def test_nobody_else_can_enter_the_folder_and_a_container_reads_what_is_mounted(tmp_path: Path) -> None:
    _make(tmp_path / "secrets")
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700
    mounted = [each for each in (tmp_path / "secrets/mounts").rglob("*") if each.is_file()]
    assert mounted and {each.stat().st_mode & 0o777 for each in mounted} == {0o444}


def test_a_container_has_its_own_keys_alone(tmp_path: Path) -> None:
    made = _make(tmp_path / "secrets")
    own = {name: made[f"identities/{name}.key"] for name in SERVICES}
    for name in SERVICES:
        held = b"\n".join(content for file, content in made.items() if file.startswith(f"mounts/{name}/"))
        assert [other for other, key in own.items() if key in held] == [name]
        assert (made["token.key"] in held) is (name == "gateway")


@pytest.mark.parametrize("file", sorted((ROOT / "deploy/compose").glob("*.yaml")), ids=lambda each: each.stem)
def test_no_secret_is_in_a_containers_environment(file: Path) -> None:
    told = {
        variable: value
        for each in yaml.safe_load(file.read_text())["services"].values()
        for variable, value in each.get("environment", {}).items()
    }
    assert {each for each in told if SECRET.search(each)} == set()
    assert not [each for each in told.values() if "@" in str(each)]


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_may_bind_to_those_whom_it_follows(name: str) -> None:
    settings = importlib.import_module(f"services.{name}.settings").Settings(
        database_url="postgresql+asyncpg://nowhere/homeward", amqp_url="amqp://nowhere/", keys=first_keys().text()
    )
    service = importlib.import_module(f"services.{name}.app").create_app(settings).state.service
    assert sorted(service.follows) == sorted(f"/homeward/{each}" for each in FOLLOWED[name])
    permissions = json.loads(definitions(dict.fromkeys(SERVICES, "x")))["permissions"]
    (own,) = [each for each in permissions if each["user"] == name]
    assert own["write"] == rf"^homeward\.{name}$"
