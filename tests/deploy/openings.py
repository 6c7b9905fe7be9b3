"""What opens one policy to whoever there is, for tests to plant: each guard of the network has to see every one."""

from collections.abc import Callable

from tests.deploy.manifests import Resource

Plant = Callable[[Resource], object]

_PORTS = [{"port": 8000}]


def _add(way: str, rule: Resource) -> Plant:
    return lambda it: it["spec"][way].append(rule)


#: By what is planted: how, and a word of what the rule tells then.
OPENED: dict[str, tuple[Plant, str]] = {
    "in from everybody": (_add("ingress", {"ports": _PORTS}), "lets in from whatever"),
    "in from every namespace": (
        _add("ingress", {"from": [{"namespaceSelector": {}}], "ports": _PORTS}),
        "lets in from what",
    ),
    "in from every address": (
        _add("ingress", {"from": [{"ipBlock": {"cidr": "0.0.0.0/0"}}], "ports": _PORTS}),
        "lets in from half the world",
    ),
    "out to every namespace": (
        _add("egress", {"to": [{"namespaceSelector": {}}], "ports": _PORTS}),
        "lets out to whatever",
    ),
}
