"""Which versions of others' servers are named, in one place as in the other, and in what documents say of them."""

import re

import yaml

from tests.architecture.tree import ROOT
from tests.deploy.manifests import named, of_kind, rendered

_COMPOSE = yaml.safe_load((ROOT / "deploy/compose/telemetry.yaml").read_text())["services"]


def _collector() -> str:
    spec = named(rendered("production"), "Deployment", "collector")["spec"]["template"]["spec"]
    return str(spec["containers"][0]["image"])


def _version(image: str) -> str:
    [version] = re.findall(r":v?(\d+(?:\.\d+)+)", image)
    return str(version)


def test_compose_and_kubernetes_have_the_same_collector() -> None:
    assert _COMPOSE["collector"]["image"] == _collector()


def test_the_broker_keeps_queues_without_a_delivery_limit_small() -> None:
    # Before 4.1.5 a quorum queue without one never gives back its files.
    [broker] = of_kind(rendered("production"), "RabbitmqCluster")
    assert tuple(map(int, _version(broker["spec"]["image"]).split("."))) >= (4, 1, 5)


def test_the_documents_name_the_versions_that_the_manifests_do() -> None:
    [database, *_] = of_kind(rendered("production"), "Cluster")
    [broker] = of_kind(rendered("production"), "RabbitmqCluster")
    told = (ROOT / "docs/deploy.md").read_text()
    postgres, rabbitmq = _version(database["spec"]["imageName"]), _version(broker["spec"]["image"])
    assert f"PostgreSQL {postgres}, RabbitMQ {rabbitmq}, the collector {_version(_collector())}" in told
    prometheus, grafana = (_version(_COMPOSE[each]["image"]) for each in ("prometheus", "grafana"))
    assert f"Prometheus {prometheus} and Grafana {grafana}" in told
