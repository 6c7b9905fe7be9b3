"""Every manifest is what the cluster's API and the operators' own schemas take."""

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import cache
from pathlib import Path

import jsonschema
import kubernetes_validate
import pytest

from tests.deploy.manifests import RENDERED, Resource, name_of, of_kind, rendered

#: The three newest that the validator knows.
VERSIONS = ("1.35", "1.36", "1.37")
_OPERATORS = (
    *("rabbitmq.com/", "postgresql.cnpg.io/", "barmancloud.cnpg.io/", "keda.sh/", "cert-manager.io/"),
    *("external-secrets.io/", "gateway.networking.k8s.io/", "monitoring.coreos.com/"),
)


@cache
def schemas() -> dict[tuple[str, str], Resource]:
    """By version and kind: what the operators' definitions say of it."""
    found = [json.loads(path.read_text()) for path in (Path(__file__).parent / "schemas").glob("*.json")]
    return {(each["properties"]["apiVersion"]["const"], each["properties"]["kind"]["const"]): each for each in found}


def ours(overlay: str) -> list[Resource]:
    """What the operators' schemas are for."""
    return [each for each in rendered(overlay) if each["apiVersion"].startswith(_OPERATORS)]


def faults(resource: Resource) -> Iterator[str]:
    """What a resource has that its operator doesn't take."""
    schema = schemas()[resource["apiVersion"], resource["kind"]]
    for error in jsonschema.Draft202012Validator(schema).iter_errors(resource):
        yield f"{name_of(resource)}: {error.json_path}: {error.message}"


def overridden(overlay: str) -> Resource:
    """The broker's pod as far as its override says it. The operator knows the images: it merges by name."""
    [broker] = of_kind(rendered(overlay), "RabbitmqCluster")
    spec = deepcopy(broker["spec"]["override"]["statefulSet"]["spec"]["template"]["spec"])
    for each in (*spec["initContainers"], *spec["containers"]):
        each["image"] = "whatever"
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "broker"}, "spec": spec}


def native() -> list[Resource]:
    """What the cluster's own API takes, once where both overlays have the same."""
    found = {json.dumps(each): each for overlay in RENDERED for each in rendered(overlay) if each not in ours(overlay)}
    return list(found.values())


@pytest.mark.parametrize("version", VERSIONS)
def test_the_api_takes_every_manifest(version: str) -> None:
    for each in native():
        kubernetes_validate.validate(each, version, strict=True)


def test_these_are_the_newest_versions() -> None:
    assert kubernetes_validate.latest_version().startswith(VERSIONS[-1])


@pytest.mark.parametrize("overlay", RENDERED)
def test_the_operators_take_every_manifest(overlay: str) -> None:
    assert [fault for each in ours(overlay) for fault in faults(each)] == []


@pytest.mark.parametrize("overlay", RENDERED)
@pytest.mark.parametrize("version", VERSIONS)
def test_the_broker_s_override_is_a_pod_and_of_the_operator_s_containers(version: str, overlay: str) -> None:
    pod = overridden(overlay)
    kubernetes_validate.validate(pod, version, strict=True)
    # A container of another name would be one more.
    assert [each["name"] for each in pod["spec"]["initContainers"]] == ["setup-container"]
    assert [each["name"] for each in pod["spec"]["containers"]] == ["rabbitmq"]


@pytest.mark.parametrize(
    "plant",
    [
        lambda spec: spec["containers"][0].update(planted={}),
        lambda spec: spec["initContainers"][0]["securityContext"].update(planted=True),
        lambda spec: spec["securityContext"].update(planted=True),
        lambda spec: spec["topologySpreadConstraints"][0].update(planted=1),
    ],
)
def test_a_member_that_the_broker_s_pod_has_not_is_found(plant: Callable[[Resource], None]) -> None:
    pod = overridden("production")
    plant(pod["spec"])
    with pytest.raises(kubernetes_validate.ValidationError, match="planted"):
        kubernetes_validate.validate(pod, VERSIONS[-1], strict=True)


def test_every_schema_is_one_and_is_needed() -> None:
    used = {(each["apiVersion"], each["kind"]) for overlay in RENDERED for each in ours(overlay)}
    assert schemas().keys() == used
    for schema in schemas().values():
        jsonschema.Draft202012Validator.check_schema(schema)
        assert schema["$comment"].startswith("Members that Homeward uses, ")


@pytest.mark.parametrize("kind", ["Cluster", "User", "ScaledObject", "HTTPRoute"])
def test_a_member_that_there_is_not_is_found(kind: str) -> None:
    resource = deepcopy(of_kind(rendered("production"), kind)[0])
    resource["spec"]["instancez"] = 3
    assert any("instancez" in each for each in faults(resource))


def test_the_api_refuses_a_member_that_there_is_not() -> None:
    resource = deepcopy(of_kind(rendered("production"), "Deployment")[0])
    resource["spec"]["template"]["spec"]["replicaz"] = 1
    with pytest.raises(kubernetes_validate.ValidationError, match="replicaz"):
        kubernetes_validate.validate(resource, VERSIONS[-1], strict=True)
