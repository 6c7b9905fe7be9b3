"""Who can connect to whom under the NetworkPolicies of an overlay."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from tests.deploy.manifests import Resource, of_kind, workloads

#: Labels that the operators give to the pods of what they run.
_DATABASE, _BROKER = "cnpg.io/cluster", {"app.kubernetes.io/component": "rabbitmq"}
#: The label by which a namespace is named, and this one's.
_NAMED = "kubernetes.io/metadata.name"
_HOME = {_NAMED: "homeward"}
#: What stands for every port, and for whoever there is.
EVERY_PORT, EVERYBODY = 0, "everybody"
#: Of a direction: where a policy has its rules, and a rule its peers.
_MEMBERS = {"Ingress": ("ingress", "from"), "Egress": ("egress", "to")}
#: In place of peers or ports that a rule doesn't name.
_ALL: tuple[Resource, ...] = ({},)


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
        Edge(source, target, port or other)
        for source, allowed in out.items()
        for target, port in allowed
        for name, other in into[target]
        if name == source and (port == other or EVERY_PORT in (port, other))
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
    """Pod, network or namespace, and port: who outside of this namespace is reached."""
    return _elsewhere(resources, "Egress")


def entering(resources: Sequence[Resource]) -> set[tuple[str, str, int]]:
    """Pod, network or namespace, and port: who outside of this namespace is let in."""
    return _elsewhere(resources, "Ingress")


def _elsewhere(resources: Sequence[Resource], way: str) -> set[tuple[str, str, int]]:
    policies = [each["spec"] for each in of_kind(resources, "NetworkPolicy")]
    return {
        (name, where, port)
        for name, labels in pods(resources).items()
        for peer, port in _let_through(policies, labels, way)
        if (where := _outside(peer))
    }


def _outside(peer: Resource) -> str | None:
    """What a peer names outside of this namespace. Expressions are left out, for they only narrow it."""
    if "ipBlock" in peer:
        return str(peer["ipBlock"]["cidr"])
    if "namespaceSelector" in peer:
        return "/".join(_told(peer[each]) for each in ("namespaceSelector", "podSelector") if each in peer)
    return None if peer else EVERYBODY


def _told(selector: Resource) -> str:
    labels = selector.get("matchLabels", {}).items()
    return " ".join(value if key == _NAMED else f"{key}={value}" for key, value in labels) or EVERYBODY


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
    for peer, port in _let_through(policies, labels, way):
        yield from ((name, port) for name in _inside(peer, there))


def _let_through(policies: Sequence[Resource], labels: Mapping[str, str], way: str) -> Iterator[tuple[Resource, int]]:
    """Each peer and port of a pod's rules. A rule that names no peer has an empty one, for everybody; so with ports."""
    rules, peers = _MEMBERS[way]
    for policy in policies:
        if way in policy["policyTypes"] and selects(policy["podSelector"], labels):
            for rule in policy.get(rules) or ():
                for peer in rule.get(peers) or _ALL:
                    yield from ((peer, _port(each)) for each in rule.get("ports") or _ALL)


def _port(port: Resource) -> int:
    if "endPort" in port:
        raise NotImplementedError("a range of ports")
    return int(port.get("port", EVERY_PORT))


def _inside(peer: Resource, there: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Pods of this namespace that a peer names; other namespaces and addresses are none of them."""
    if "ipBlock" in peer or not selects(peer.get("namespaceSelector", {}), _HOME):
        return []
    return [name for name, labels in there.items() if selects(peer.get("podSelector", {}), labels)]
