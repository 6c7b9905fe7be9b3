"""The manifests of deploy/k8s, as a cluster gets them."""

import re
import subprocess
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

import yaml

from tests.architecture.tree import ROOT, SERVICES
from tests.deploy.kubectl import kubectl

OVERLAYS = ("dev", "production")
#: Besides, production with a database that was recovered.
RENDERED = (*OVERLAYS, "recovery")

#: With what kustomize ends a generated name: of what is in it.
HASH = "[bcdfghkmt2456789]{10}"

Resource = dict[str, Any]


class _AsTheClusterReads(yaml.SafeLoader):
    """For which a moment is text."""


_AsTheClusterReads.yaml_implicit_resolvers = {
    first: [each for each in found if each[0] != "tag:yaml.org,2002:timestamp"]
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@cache
def rendered(overlay: str) -> tuple[Resource, ...]:
    """Everything that an overlay applies."""
    folder = ROOT / "deploy/k8s/overlays" / overlay
    done = subprocess.run([kubectl(), "kustomize", str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return tuple(yaml.load_all(done.stdout, _AsTheClusterReads))


def of_kind(resources: Iterable[Resource], *kinds: str) -> list[Resource]:
    """Those of these kinds."""
    return [each for each in resources if each["kind"] in kinds]


def name_of(resource: Resource) -> str:
    """Kind and name."""
    return f"{resource['kind']} {resource['metadata']['name']}"


def named(resources: Iterable[Resource], kind: str, name: str) -> Resource:
    """The one of this kind and name, or of this name and a hash."""
    [found] = [each for each in of_kind(resources, kind) if re.fullmatch(f"{name}(-{HASH})?", each["metadata"]["name"])]
    return found


def workloads(resources: Iterable[Resource]) -> Iterator[tuple[str, Resource, Resource]]:
    """Of everything that makes pods itself: its name, the pods' labels and their spec."""
    for each in of_kind(resources, "Deployment", "Job", "StatefulSet", "DaemonSet"):
        template = each["spec"]["template"]
        yield name_of(each), template["metadata"]["labels"], template["spec"]


def containers(resources: Iterable[Resource]) -> Iterator[tuple[str, Resource]]:
    """Every container of these pods, with where it is."""
    for name, _, spec in workloads(resources):
        for container in (*spec.get("initContainers", ()), *spec["containers"]):
            yield f"{name}, {container['name']}", container


def environment(resources: Iterable[Resource], container: Resource) -> dict[str, str]:
    """The variables of a container; what comes from elsewhere stands for itself."""
    maps = {each["metadata"]["name"]: each["data"] for each in of_kind(resources, "ConfigMap")}
    found: dict[str, str] = {}
    for each in container.get("envFrom", ()):
        found |= {each["prefix"] + key: value for key, value in maps[each["configMapRef"]["name"]].items()}
    return found | {each["name"]: each.get("value", "secret") for each in container.get("env", ())}


def services(resources: Iterable[Resource]) -> dict[str, Resource]:
    """The Deployments of our services, by the service's name."""
    found = {each["metadata"]["name"]: each for each in of_kind(resources, "Deployment")}
    return {name: found[name] for name in SERVICES}
