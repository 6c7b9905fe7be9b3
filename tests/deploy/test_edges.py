"""What can connect is what does: compared with what services are granted at each other, follow, and show in traces."""

from copy import deepcopy

import pytest

from services.gateway.clients import SERVICES as PASSED_ON_TO
from shared.auth.grants import SERVICE_GRANTS
from tests.architecture.tree import SERVICES
from tests.deploy.composed import on_the_broker
from tests.deploy.manifests import OVERLAYS, named, of_kind, rendered
from tests.deploy.network import EVERYBODY, Edge, edges, entering, leaving, pods, unguarded
from tests.deploy.openings import OPENED
from tests.telemetry.test_edges import CALLS as SEEN
from tests.telemetry.test_edges import EDGES

HTTP, AMQP, POSTGRES, OTLP = 8000, 5671, 5432, 4318

CALLS = {Edge(caller, callee, HTTP) for caller, callee in SERVICE_GRANTS} | {
    Edge("gateway", name, HTTP) for name in PASSED_ON_TO
}


def expected() -> set[Edge]:
    """Everything that connects inside the namespace."""
    shared = {Edge(name, *there) for name in SERVICES for there in (("broker", AMQP), ("collector", OTLP))}
    databases = {
        Edge(source, f"{name}-db", POSTGRES)
        for name in SERVICES
        for source in (name, f"{name}-migration", f"{name}-db")
    }
    managers = {Edge(f"{name}-db", f"{name}-db", 8000) for name in SERVICES}
    nodes = {Edge("broker", "broker", port) for port in (4369, 25672)}
    return CALLS | shared | databases | managers | nodes


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_exactly_what_connects_can_connect(overlay: str) -> None:
    assert edges(rendered(overlay)) == expected()


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_pod_is_under_a_policy_for_both_ways(overlay: str) -> None:
    assert unguarded(rendered(overlay)) == set()


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_edge_of_the_traces_can_be_walked(overlay: str) -> None:
    allowed = edges(rendered(overlay))
    for (child, span), (parent, _) in EDGES:
        if child == parent:
            continue
        if span.startswith("process "):
            # Over the broker: what the span's producer publishes is followed.
            producer = "homeward." + span.removeprefix("process org.homeward.").split(".")[0]
            assert producer in on_the_broker()[child].followed
            assert Edge(child, "broker", AMQP) in allowed
        else:
            assert Edge(parent, child, HTTP) in allowed


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_exactly_the_services_that_call_one_another_in_traces_can(overlay: str) -> None:
    seen = {Edge(caller, callee, HTTP) for caller, callees in SEEN.items() for callee in callees}
    assert {each for each in edges(rendered(overlay)) if {each.source, each.target} <= {*SERVICES}} == seen


def test_an_edge_too_many_is_found() -> None:
    resources = deepcopy(rendered("production"))
    for policy in of_kind(resources, "NetworkPolicy"):
        if policy["metadata"]["name"] in ("travel", "monitoring"):
            for rule in policy["spec"]["egress"] + policy["spec"]["ingress"]:
                for peer in (*rule.get("to", ()), *rule.get("from", ())):
                    for expression in peer["podSelector"].get("matchExpressions", ()):
                        expression["values"] += ["travel", "monitoring", "service"]
    assert Edge("travel", "monitoring", HTTP) in edges(resources) - expected()


def test_a_policy_that_is_missing_is_found() -> None:
    resources = [each for each in rendered("dev") if each["metadata"]["name"] != "screening-db"]
    assert expected() - edges(resources)
    everything = [each for each in rendered("dev") if each["metadata"]["name"] not in ("nobody", "names", "broker")]
    everything += of_kind(rendered("dev"), "RabbitmqCluster")
    assert unguarded(everything) >= {"broker: Ingress"}


def test_every_pod_is_known() -> None:
    assert pods(rendered("production")).keys() == _PODS


#: As overlays/production and components/backups have them until somebody puts in their own.
_IDENTITY_PROVIDER, _API_SERVER, _OBJECT_STORE = "203.0.113.10/32", "203.0.113.20/32", "203.0.113.30/32"

_DATABASES = [f"{name}-db" for name in SERVICES]
#: Every pod asks for names, and nothing else of another namespace.
_PODS = {*SERVICES, *(f"{name}-migration" for name in SERVICES), *_DATABASES, "broker", "collector"}
_NAMES = {(name, "kube-system/k8s-app=kube-dns", 53) for name in _PODS}
#: Who comes in with every overlay: the operators.
_OPERATORS = {("broker", "rabbitmq-system", 15671)} | {(name, "cnpg-system", 8000) for name in _DATABASES}
_SCRAPED = {(name, "monitoring", 9187) for name in _DATABASES}


def test_databases_and_broker_reach_the_cluster_s_api_and_backups_their_store() -> None:
    api = {(name, _API_SERVER, port) for name in (*_DATABASES, "broker") for port in (443, 6443)}
    store = {(name, _OBJECT_STORE, 443) for name in _DATABASES}
    provider = {(name, _IDENTITY_PROVIDER, 443) for name in SERVICES}
    webhooks = {("partners", everywhere, 443) for everywhere in ("0.0.0.0/0", "2000::/3")}
    assert leaving(rendered("production")) == api | store | provider | webhooks | _NAMES


def test_in_dev_only_private_addresses_are_reached_but_by_webhooks() -> None:
    private = {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"}
    left = {(name, block) for name, block, _ in leaving(rendered("dev")) - _NAMES}
    assert {block for name, block in left if name != "partners"} == private
    assert {name for name, _ in left} == {*_DATABASES, "broker", "partners"}


def test_nobody_comes_in_but_operators_prometheus_and_visitors() -> None:
    scraped = {(name, "monitoring", port) for name in ("broker", "collector") for port in (8889, 15691)}
    visited = {(name, "entrance", 8000) for name in ("gateway", "partners")}
    autoscaler = {("broker", "keda", 5671)}
    assert entering(rendered("production")) == _OPERATORS | _SCRAPED | scraped | visited | autoscaler
    assert entering(rendered("dev")) == _OPERATORS | _SCRAPED


@pytest.mark.parametrize("opening", OPENED)
def test_a_policy_that_is_open_to_whoever_there_is_is_found(opening: str) -> None:
    resources = deepcopy(rendered("production"))
    plant, _ = OPENED[opening]
    plant(named(resources, "NetworkPolicy", "travel"))
    seen = entering(resources) | leaving(resources)
    told = {where for name, where, port in seen if (name, port) == ("travel", 8000)}
    assert told == {"0.0.0.0/0" if "address" in opening else EVERYBODY}


def test_whoever_there_is_includes_the_pods_of_this_namespace() -> None:
    resources = deepcopy(rendered("production"))
    named(resources, "NetworkPolicy", "travel")["spec"]["egress"].append({})
    named(resources, "NetworkPolicy", "monitoring")["spec"]["ingress"].append({"from": []})
    assert edges(resources) - expected() >= {Edge("travel", "monitoring", 0)}
    assert Edge("travel", "partners", HTTP) not in edges(resources)


def test_webhooks_reach_no_private_address() -> None:
    [policy] = [each for each in rendered("production") if each["metadata"]["name"] == "webhooks"]
    [rule] = policy["spec"]["egress"]
    assert rule["ports"] == [{"port": 443}]
    spared = set(rule["to"][0]["ipBlock"]["except"])
    assert {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "127.0.0.0/8"} <= spared
