"""What the pods are told is what the services understand."""

import importlib
import os
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import make_url
from yarl import URL

from services.partners.settings import Settings as PartnersSettings
from shared.auth.permissions import GRANTED
from shared.auth.roles import Role
from tests.architecture.tree import ROOT, SERVICES
from tests.deploy.manifests import OVERLAYS, Resource, environment, of_kind, rendered, services, workloads
from tests.support.route_permissions import OWN

#: What the database's driver reads.
_OTHERS = {"PGSSLROOTCERT"}


def _settings(name: str) -> Any:
    return importlib.import_module(f"services.{name}.settings").Settings


def _mounted(path: str, container: Resource, spec: Resource) -> bool:
    """Whether a volume has the file; of one that doesn't list its files, whether it is there."""
    volumes = {each["name"]: each for each in spec["volumes"]}
    for mount in container["volumeMounts"]:
        folder, _, file = path.rpartition("/")
        if folder == mount["mountPath"] or path.startswith(mount["mountPath"] + "/"):
            volume = volumes[mount["name"]]
            secrets = [each["secret"] for each in volume.get("projected", {}).get("sources", ())]
            secrets += [volume["secret"]] if "secret" in volume else []
            items = [each["path"] for secret in secrets for each in secret.get("items", ())]
            return not items or file in items
    return False


@pytest.mark.parametrize("overlay", OVERLAYS)
@pytest.mark.parametrize("name", SERVICES)
def test_a_service_understands_all_that_it_is_told(
    name: str, overlay: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    [container] = services(rendered(overlay))[name]["spec"]["template"]["spec"]["containers"]
    told = environment(rendered(overlay), container)
    prefix = f"HOMEWARD_{name.upper()}_"
    known = _settings(name).model_fields.keys()
    (tmp_path / "held").write_text("held-by-a-secret\n")
    for variable in told.keys() - _OTHERS:
        setting = variable.removeprefix(prefix).partition("__")[0].lower()
        if variable.endswith("_FILE") and setting != "key_file":
            told[variable] = str(tmp_path / "held")
        assert setting in known or setting.removesuffix("_file") in known, variable
    for each in [each for each in os.environ if each.startswith("HOMEWARD_")]:
        monkeypatch.delenv(each)
    for variable, value in told.items():
        monkeypatch.setenv(variable, value)
    settings = _settings(name)()
    assert settings.environment == ("production" if overlay == "production" else "demo")
    for needed in ("database_url", "amqp_url", "public_key", "identity_key", "service_keys", "key_file", "erasures"):
        assert getattr(settings, needed), needed
    database, broker = make_url(settings.database_url), URL(settings.amqp_url)
    assert (database.password, broker.password) == ("held-by-a-secret", "held-by-a-secret")


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_file_that_a_service_is_told_of_is_mounted(overlay: str) -> None:
    for name, _, spec in workloads(rendered(overlay)):
        for container in spec["containers"]:
            told = environment(rendered(overlay), container).values()
            for path in (each for each in told if each.startswith("/")):
                assert _mounted(path, container, spec), f"{name}: {path}"


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_change_of_the_programme_reaches_services_that_run(overlay: str) -> None:
    resources = rendered(overlay)
    [held] = [each for each in of_kind(resources, "ConfigMap") if each["metadata"]["name"] == "programme"]
    assert held["data"] == {"programme.toml": (ROOT / "programme.toml").read_text("utf-8")}
    for name, deployment in services(resources).items():
        spec = deployment["spec"]["template"]["spec"]
        [volume] = [each["name"] for each in spec["volumes"] if each.get("configMap", {}).get("name") == "programme"]
        [mount] = [each for each in spec["containers"][0]["volumeMounts"] if each["name"] == volume]
        # What is mounted by subPath stays what it was when the pod started.
        assert mount == {"name": volume, "mountPath": "/etc/homeward/programme", "readOnly": True}
        told = environment(resources, spec["containers"][0])
        assert told[f"HOMEWARD_{name.upper()}_PROGRAMME"] == "/etc/homeward/programme/programme.toml"


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_migrations_run_with_the_image_of_the_rollout(overlay: str) -> None:
    resources = rendered(overlay)
    jobs = {each["metadata"]["name"]: each["spec"]["template"]["spec"] for each in of_kind(resources, "Job")}
    for name, deployment in services(resources).items():
        [serving] = deployment["spec"]["template"]["spec"]["containers"]
        [migrating] = jobs[f"{name}-migration"]["containers"]
        assert migrating["image"] == serving["image"]
        assert migrating["args"] == ["migrate"]
        variable = f"HOMEWARD_{name.upper()}_DATABASE_URL"
        assert environment(rendered(overlay), migrating)[variable] == environment(rendered(overlay), serving)[variable]


def test_agencies_reach_what_their_keys_open_and_nothing_else() -> None:
    opened = {each.value for each, roles in GRANTED.items() if Role.AGENCY in roles}
    routes = {
        route for permission, found in OWN["partners"].items() if permission in {*opened, None} for route in found
    }
    first = {"/" + route.split("/")[1] for route in routes}
    [agencies] = [
        each for each in of_kind(rendered("production"), "HTTPRoute") if each["metadata"]["name"] == "agencies"
    ]
    [rule] = agencies["spec"]["rules"]
    assert {each["path"]["value"] for each in rule["matches"]} == first
    assert [each["name"] for each in rule["backendRefs"]] == ["partners"]
    [there] = [each for each in of_kind(rendered("production"), "Service") if each["metadata"]["name"] == "partners"]
    assert there["spec"]["selector"]["app.kubernetes.io/name"] == "partners"


def test_agencies_are_told_the_name_under_which_they_come() -> None:
    [gateway] = of_kind(rendered("production"), "Gateway")
    names = {each["name"]: each["hostname"] for each in gateway["spec"]["listeners"]}
    [partners] = services(rendered("production"))["partners"]["spec"]["template"]["spec"]["containers"]
    told = environment(rendered("production"), partners)["HOMEWARD_PARTNERS_PUBLIC_URL"]
    assert told == f"https://{names['agencies']}"
    assert told != PartnersSettings.model_fields["public_url"].default
    [console] = services(rendered("production"))["gateway"]["spec"]["template"]["spec"]["containers"]
    url = environment(rendered("production"), console)["HOMEWARD_GATEWAY_OIDC_CLIENT__CONSOLE_URL"]
    assert url == f"https://{names['operators']}"


def test_the_images_are_of_this_version() -> None:
    version = next(
        line.split('"')[1] for line in (ROOT / "pyproject.toml").read_text().splitlines() if line.startswith("version")
    )
    for name, deployment in services(rendered("production")).items():
        [container] = deployment["spec"]["template"]["spec"]["containers"]
        assert container["image"] == f"homeward/{name}:{version}"
