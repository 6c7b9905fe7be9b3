"""No manifest breaks a rule of tests/deploy/policies.py, and each rule turns red on what it is for."""

from copy import deepcopy

import pytest

from tests.deploy.manifests import RENDERED, Resource, named, rendered
from tests.deploy.openings import OPENED, Plant
from tests.deploy.policies import RULES


@pytest.mark.parametrize("overlay", RENDERED)
@pytest.mark.parametrize("rule", RULES)
def test_no_manifest_breaks_the_rule(rule: str, overlay: str) -> None:
    assert list(RULES[rule](rendered(overlay))) == []


def _spec(resource: Resource) -> Resource:
    spec: Resource = resource["spec"]["template"]["spec"]
    return spec


def _container(resource: Resource) -> Resource:
    container: Resource = _spec(resource)["containers"][0]
    return container


def _backend(route: Resource) -> Resource:
    backend: Resource = route["spec"]["rules"][0]["backendRefs"][0]
    return backend


#: Rule, kind and name of a resource of production, what is done to it, and a word of what is told then.
HOLES: list[tuple[str, str, str, Plant, str]] = [
    ("limits", "Deployment", "travel", lambda it: _container(it)["resources"]["limits"].pop("memory"), "memory"),
    ("limits", "Job", "travel-migration", lambda it: _container(it).pop("resources"), "requests"),
    ("limits", "RabbitmqCluster", "broker", lambda it: it["spec"].pop("resources"), "no limits"),
    ("restricted", "Deployment", "travel", lambda it: _spec(it)["securityContext"].update(runAsUser=0), "root"),
    (
        "restricted",
        "Deployment",
        "collector",
        lambda it: _container(it)["securityContext"].update(readOnlyRootFilesystem=False),
        "not restricted",
    ),
    (
        "restricted",
        "Job",
        "gateway-migration",
        lambda it: _spec(it)["volumes"].append({"name": "node", "hostPath": {"path": "/"}}),
        "node's files",
    ),
    ("restricted", "Namespace", "homeward", lambda it: it["metadata"]["labels"].clear(), "enforce"),
    ("accounts", "Deployment", "travel", lambda it: _spec(it).update(serviceAccountName="screening"), "screening"),
    ("accounts", "Deployment", "travel", lambda it: _spec(it).pop("automountServiceAccountToken"), "get a token"),
    ("accounts", "ServiceAccount", "travel", lambda it: it.update(automountServiceAccountToken=True), "gives"),
    ("pins", "Deployment", "travel", lambda it: _container(it).update(image="homeward/travel:latest"), "no version"),
    ("pins", "Deployment", "travel", lambda it: _container(it).update(image="homeward/travel:9.9.9"), "several"),
    ("pins", "Cluster", "travel-db", lambda it: it["spec"].pop("imageName"), "operator chooses"),
    ("wildcards", "Permission", "travel-broker", lambda it: it["spec"]["permissions"].update(read=".*"), "more"),
    ("wildcards", "Permission", "travel-broker", lambda it: it["spec"]["permissions"].pop("read"), "default"),
    ("wildcards", "User", "travel-broker", lambda it: it["spec"].update(tags=["administrator"]), "manage"),
    ("wildcards", "Role", "queue-depth", lambda it: it["rules"][0].pop("resourceNames"), "no single"),
    (
        "probes",
        "Deployment",
        "travel",
        lambda it: _container(it)["readinessProbe"]["httpGet"].update(path="/healthz"),
        "readinessProbe",
    ),
    ("probes", "Deployment", "travel", lambda it: _spec(it).update(terminationGracePeriodSeconds=10), "killed"),
    (
        "survival",
        "PodDisruptionBudget",
        "travel",
        lambda it: it["spec"]["selector"]["matchLabels"].update(a="b"),
        "budget",
    ),
    ("survival", "Deployment", "travel", lambda it: _spec(it)["topologySpreadConstraints"].pop(), "spread"),
    ("survival", "Deployment", "travel", lambda it: it["spec"].update(replicas=3), "against"),
    (
        "secrets",
        "Deployment",
        "travel",
        lambda it: _container(it)["env"].append({"name": "BROKER_PASSWORD", "value": "sesame"}),
        "is here",
    ),
    (
        "secrets",
        "Job",
        "travel-migration",
        lambda it: _container(it)["env"].append(
            {"name": "PGPASSWORD", "valueFrom": {"secretKeyRef": {"name": "travel-db-app", "key": "password"}}}
        ),
        "in its environment",
    ),
    (
        "secrets",
        "Deployment",
        "gateway",
        lambda it: _container(it)["envFrom"].append({"secretRef": {"name": "gateway-sign-in"}}),
        "in its environment",
    ),
    ("secrets", "ExternalSecret", "backups", lambda it: it["spec"]["target"].pop("deletionPolicy"), "isn't kept"),
    (
        "settings",
        "Deployment",
        "partners",
        lambda it: _container(it)["envFrom"][1]["configMapRef"].update(name="partners-settings"),
        "partners-settings may change",
    ),
    (
        "peers",
        "Service",
        "travel",
        lambda it: it["spec"].update(publishNotReadyAddresses=True),
        "ready replicas of travel",
    ),
    ("peers", "Service", "travel", lambda it: it["spec"].update(clusterIP="None"), "ready replicas of travel"),
    (
        "peers",
        "Service",
        "travel-replicas",
        lambda it: it["spec"].pop("publishNotReadyAddresses"),
        "every replica of travel",
    ),
    ("peers", "Service", "travel-replicas", lambda it: it["spec"].pop("clusterIP"), "every replica of travel"),
    (
        "peers",
        "Service",
        "travel-replicas",
        lambda it: it["spec"]["selector"].update({"app.kubernetes.io/name": "gateway"}),
        "nobody asks",
    ),
    ("peers", "ConfigMap", "settings", lambda it: it["data"].pop("REPLICAS_AT"), "every replica of travel"),
    (
        "peers",
        "ConfigMap",
        "settings",
        lambda it: it["data"].update(SCREENING_URL="http://agencies:8000"),
        "gateway: SCREENING_URL",
    ),
    ("outside", "NetworkPolicy", "travel-db", lambda it: it["spec"]["egress"][0].pop("to"), "whatever there is"),
    ("outside", "NetworkPolicy", "travel-db", lambda it: it["spec"]["egress"][0].update(ports=[]), "whatever there is"),
    *(("outside", "NetworkPolicy", "travel", plant, told) for plant, told in OPENED.values()),
    (
        "outside",
        "NetworkPolicy",
        "databases-to-object-store",
        lambda it: it["spec"]["egress"][0]["to"][0]["ipBlock"].update(cidr="0.0.0.0/0"),
        "half the world",
    ),
    ("visitors", "HTTPRoute", "agencies", lambda it: _backend(it).update(name="partners-replicas"), "aren't ready"),
]


@pytest.mark.parametrize(("rule", "kind", "name", "plant", "told"), HOLES)
def test_the_rule_finds_what_it_is_for(rule: str, kind: str, name: str, plant: Plant, told: str) -> None:
    resources = deepcopy(rendered("production"))
    plant(named(resources, kind, name))
    assert any(told in each for each in RULES[rule](resources))


def test_a_secret_in_a_manifest_is_found() -> None:
    secret = {"kind": "Secret", "metadata": {"name": "keys"}}
    assert list(RULES["secrets"]([*rendered("dev"), secret])) == ["Secret keys: its content is here"]
