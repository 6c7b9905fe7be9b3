"""Who can connect to whom under the NetworkPolicies of an overlay."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from tests.deploy.manifests import Resource, of_kind, workloads

#: Labels that the operators give to the pods of what they run.
_DATABASE, _BROKER = "cnpg.io/cluster", {"app.kubernetes.io/component": "rabbitmq"}


class Edge(NamedTuple):
    """``source`` may connect to ``target`` at the port."""

    source: str
    target: str
    port: int


def pods(resources: Sequence[Resource]) -> dict[str, Mapping[str, str]]:
    """By name: the labels of every kind of pod in the namespace."""
    own = {name.partition(" ")[2]: labels for name, labels, _ in workloads(resources)}
    databases = [each["metadata"]["name"] for each in of_kind(resources, "Cluster")]
    brokers = [each["metadata"]["name"] for each in of_kind(resources, "RabbitmqCluster")]
    return (
        own
        | {name: {_DATABASE: name} for name in databases}
        | {name: {"app.kubernetes.io/name": name, **_BROKER} for name in brokers}
    )


def edges(resources: Sequence[Resource]) -> set[Edge]:
    """Between these pods: what the source's policies let out and the target's let in."""
    there = pods(resources)
    policies = [each["spec"] for each in of_kind(resources, "NetworkPolicy")]
    out = {name: list(_allowed(policies, labels, "Egress", there)) for name, labels in there.items()}
    into = {name: list(_allowed(policies, labels, "Ingress", there)) for name, labels in there.items()}
    return {
        Edge(source, target, port)
        for source, allowed in out.items()
        for target, port in allowed
        if (source, port) in into[target]
    }


def unguarded(resources: Sequence[Resource]) -> set[str]:
    """Pods that some traffic reaches or leaves without any policy."""
    policies = [each["spec"] for each in of_kind(resources, "NetworkPolicy")]
    return {
        f"{name}: {way}"
        for name, labels in pods(resources).items()
        for way in ("Ingress", "Egress")
        if not any(way in each["policyTypes"] and selects(each["podSelector"], labels) for each in policies)
    }


def leaving(resources: Sequence[Resource]) -> set[tuple[str, str, int]]:
    """Pod, network and port: where addresses are let out to, and not names of pods."""
    policies = [each["spec"] for each in of_kind(resources, "NetworkPolicy")]
    return {
        (name, peer["ipBlock"]["cidr"], port["port"])
        for name, labels in pods(resources).items()
        for policy in policies
        if selects(policy["podSelector"], labels)
        for rule in policy.get("egress", ())
        for peer in rule["to"]
        for port in rule["ports"]
        if "ipBlock" in peer
    }


def selects(selector: Resource, labels: Mapping[str, str]) -> bool:
    """Whether a label selector fits."""
    return selector.get("matchLabels", {}).items() <= labels.items() and all(
        _fits(each, labels) for each in selector.get("matchExpressions", ())
    )


def _fits(expression: Resource, labels: Mapping[str, str]) -> bool:
    match expression["operator"]:
        case "In":
            return labels.get(expression["key"]) in expression["values"]
        case "Exists":
            return expression["key"] in labels
        case other:
            raise NotImplementedError(other)


def _allowed(
    policies: Sequence[Resource], labels: Mapping[str, str], way: str, there: Mapping[str, Mapping[str, str]]
) -> Iterator[tuple[str, int]]:
    rules, peers = ("egress", "to") if way == "Egress" else ("ingress", "from")
    for policy in policies:
        if way in policy["policyTypes"] and selects(policy["podSelector"], labels):
            for rule in policy.get(rules, ()):
                for peer in rule.get(peers, ()):
                    for name in _inside(peer, there):
                        yield from ((name, port["port"]) for port in rule["ports"])


def _inside(peer: Resource, there: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Pods of this namespace that a peer names; other namespaces and addresses are none of them."""
    if "podSelector" not in peer or "namespaceSelector" in peer:
        return []
    return [name for name, labels in there.items() if selects(peer["podSelector"], labels)]
