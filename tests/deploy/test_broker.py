"""What services may do at the broker is what they do there, by the names in their code."""

import re

import pytest

from tests.architecture.tree import SERVICES
from tests.deploy.composed import on_the_broker
from tests.deploy.manifests import OVERLAYS, Resource, environment, of_kind, rendered, services

#: Connections of a process: ten, and ten more while a projection is rebuilt.
_CONNECTIONS = 20


def _every_name() -> set[str]:
    names = on_the_broker().values()
    return {each.queue for each in names} | {each.own for each in names if each.own}


def _matched(pattern: str) -> set[str]:
    return {name for name in _every_name() if re.search(pattern, name)}


def _permissions(overlay: str, name: str) -> Resource:
    [found] = [
        each["spec"]
        for each in of_kind(rendered(overlay), "Permission")
        if each["metadata"]["name"] == f"{name}-broker"
    ]
    assert found["userReference"] == {"name": f"{name}-broker"}
    permissions: Resource = found["permissions"]
    return permissions


@pytest.mark.parametrize("overlay", OVERLAYS)
@pytest.mark.parametrize("name", SERVICES)
def test_a_service_may_do_what_it_does_and_no_more(name: str, overlay: str) -> None:
    names, permissions = on_the_broker()[name], _permissions(overlay, name)
    mine = {names.queue} | ({names.own} if names.own else set())
    # Declaring an exchange that is there takes the right to configure it; binding reads it and writes the queue.
    assert _matched(permissions["configure"]) == mine | names.followed
    assert _matched(permissions["read"]) == {names.queue} | names.followed
    assert _matched(permissions["write"]) == mine


@pytest.mark.parametrize("pattern", ["homeward.travel2", "xhomeward.travel", "homeward_travel", "amq.topic", ""])
def test_no_other_name_is_matched(pattern: str) -> None:
    for name in SERVICES:
        assert not any(re.search(each, pattern) for each in _permissions("production", name).values())


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_policy_is_for_the_services_queues(overlay: str) -> None:
    [policy] = [each["spec"] for each in of_kind(rendered(overlay), "Policy")]
    assert _matched(policy["pattern"]) == {each.queue for each in on_the_broker().values()}
    assert policy["applyTo"] == "quorum_queues"
    # That there is none is the queue's own argument: a policy with it is written to disk anew every 5 s before 4.1.5.
    assert "delivery-limit" not in policy["definition"]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_only_tls_is_spoken(overlay: str) -> None:
    [broker] = [each["spec"] for each in of_kind(rendered(overlay), "RabbitmqCluster")]
    assert broker["tls"] == {"secretName": "broker-tls", "disableNonTLSListeners": True}
    for name, deployment in services(rendered(overlay)).items():
        told = environment(rendered(overlay), deployment["spec"]["template"]["spec"]["containers"][0])
        assert told[f"HOMEWARD_{name.upper()}_AMQP_URL"].startswith("amqps://")
        assert told[f"HOMEWARD_{name.upper()}_DATABASE_URL"].endswith("?ssl=verify-full")
    for cluster in of_kind(rendered(overlay), "Cluster"):
        assert cluster["spec"]["postgresql"]["pg_hba"][0] == "hostnossl all all all reject"


def test_production_loses_no_commit_and_no_queue_with_one_machine() -> None:
    [broker] = of_kind(rendered("production"), "RabbitmqCluster")
    assert broker["spec"]["replicas"] >= 3
    clusters = of_kind(rendered("production"), "Cluster")
    assert {each["metadata"]["name"] for each in clusters} == {f"{name}-db" for name in SERVICES}
    for each in clusters:
        assert each["spec"]["instances"] >= 3
        assert each["spec"]["postgresql"]["synchronous"]["number"] >= 1
        assert each["spec"]["postgresql"]["synchronous"]["dataDurability"] == "required"
        assert any(plugin.get("isWALArchiver") for plugin in each["spec"]["plugins"])
    backups = {each["spec"]["cluster"]["name"] for each in of_kind(rendered("production"), "ScheduledBackup")}
    assert backups == {each["metadata"]["name"] for each in clusters}


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_scaled_by_its_own_queue_and_its_database_has_room(name: str) -> None:
    production = rendered("production")
    [scaled] = [each["spec"] for each in of_kind(production, "ScaledObject") if each["metadata"]["name"] == name]
    assert scaled["scaleTargetRef"] == {"name": name}
    [queue] = [each["metadata"] for each in scaled["triggers"] if each["type"] == "rabbitmq"]
    assert (queue["queueName"], queue["mode"]) == (on_the_broker()[name].queue, "QueueLength")
    # KEDA refuses `fallback` where no trigger but that of the processor says so.
    assert [each["metricType"] for each in scaled["triggers"]] == ["AverageValue", "Utilization"]
    assert scaled["minReplicaCount"] >= 2
    [cluster] = [each for each in of_kind(production, "Cluster") if each["metadata"]["name"] == f"{name}-db"]
    # One more during a rollout, and ten for who looks after the database.
    needed = (scaled["maxReplicaCount"] + 1) * _CONNECTIONS + 10
    assert int(cluster["spec"]["postgresql"]["parameters"]["max_connections"]) >= needed
