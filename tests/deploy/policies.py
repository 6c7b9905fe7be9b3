"""What no manifest may do. Each rule is given an overlay's resources and tells where it is broken."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from ipaddress import ip_network
from urllib.parse import urlsplit

from shared.serving import LIMIT
from shared.settings import ServiceSettings
from tests.architecture.tree import SERVICES
from tests.deploy.manifests import HASH, Resource, containers, environment, name_of, of_kind, services, workloads

Rule = Callable[[Sequence[Resource]], Iterator[str]]

#: Of these an operator makes the pods.
_OPERATED = ("Cluster", "RabbitmqCluster")
#: Whom services call; nobody calls the gateway.
PEERS = sorted({*SERVICES} - {"gateway"})
_PORT = 8000
#: What a probe asks, as shared/web/internal.py answers it.
_PROBES = {"startupProbe": "/healthz", "readinessProbe": "/readyz", "livenessProbe": "/healthz"}


def limits(resources: Sequence[Resource]) -> Iterator[str]:
    """Every container says what it needs and what it may take."""
    wanted = {"cpu", "memory", "ephemeral-storage"}
    for where, container in containers(resources):
        for side in ("requests", "limits"):
            if missing := wanted - container.get("resources", {}).get(side, {}).keys():
                yield f"{where}: no {side} of {', '.join(sorted(missing))}"
    for each in of_kind(resources, *_OPERATED):
        if not {"cpu", "memory"} <= each["spec"].get("resources", {}).get("limits", {}).keys():
            yield f"{name_of(each)}: no limits"


def restricted(resources: Sequence[Resource]) -> Iterator[str]:
    """The restricted standard of pod security, and a root file system that can't be written."""
    for name, _, spec in workloads(resources):
        context = spec.get("securityContext", {})
        if not context.get("runAsNonRoot") or not context.get("runAsUser"):
            yield f"{name}: may run as root"
        if any(spec.get(each) for each in ("hostNetwork", "hostPID", "hostIPC")):
            yield f"{name}: shares the node's namespaces"
        if any("hostPath" in each for each in spec.get("volumes", ())):
            yield f"{name}: mounts the node's files"
    for where, container in containers(resources):
        context = container.get("securityContext", {})
        fits = (
            context.get("allowPrivilegeEscalation") is False
            and context.get("readOnlyRootFilesystem") is True
            and context.get("capabilities", {}) == {"drop": ["ALL"]}
            and context.get("seccompProfile") == {"type": "RuntimeDefault"}
            and not context.get("privileged")
        )
        if not fits:
            yield f"{where}: is not restricted"
    for each in of_kind(resources, "Namespace"):
        if each["metadata"]["labels"].get("pod-security.kubernetes.io/enforce") != "restricted":
            yield f"{name_of(each)}: doesn't enforce the restricted standard"


def accounts(resources: Sequence[Resource]) -> Iterator[str]:
    """Each service has an account of its own, whose token no pod gets."""
    made = {each["metadata"]["name"]: each for each in of_kind(resources, "ServiceAccount")}
    users: dict[str, set[str]] = defaultdict(set)
    for name, labels, spec in workloads(resources):
        account = spec.get("serviceAccountName", "default")
        users[account].add(labels["app.kubernetes.io/name"])
        if account not in made:
            yield f"{name}: there is no account {account}"
        if spec.get("automountServiceAccountToken") is not False:
            yield f"{name}: its pods get a token"
    for account, whose in users.items():
        if len(whose) > 1:
            yield f"{account} is the account of {', '.join(sorted(whose))}"
    for each in made.values():
        if each.get("automountServiceAccountToken") is not False:
            yield f"{name_of(each)}: gives its token to pods"


def pins(resources: Sequence[Resource]) -> Iterator[str]:
    """Every image has a version, and all of ours the same."""
    images = {where: container["image"] for where, container in containers(resources)}
    for each in of_kind(resources, *_OPERATED):
        images[name_of(each)] = each["spec"].get("image") or each["spec"].get("imageName", "")
    for where, image in images.items():
        if not re.search(r":v?\d+(\.\d+)+([-.]\w+)*(@sha256:[0-9a-f]{64})?$", image):
            yield f"{where}: {image or 'an image that the operator chooses'} is no version"
    ours = {image.partition(":")[2] for image in images.values() if image.startswith("homeward/")}
    if len(ours) > 1:
        yield f"several versions of ours: {', '.join(sorted(ours))}"


def wildcards(resources: Sequence[Resource]) -> Iterator[str]:
    """No permission is for whatever there may be: of the broker, or of the cluster."""
    for each in of_kind(resources, "Permission"):
        for what, pattern in each["spec"]["permissions"].items():
            if not re.fullmatch(r"\^(homeward\\\.(\w+|\(\w+(\|\w+)*\)))?\$", pattern):
                yield f"{name_of(each)}: {what} {pattern!r} names more than it needs to"
        if each["spec"].get("permissions", {}).keys() != {"configure", "write", "read"}:
            yield f"{name_of(each)}: something is left to the default"
    for each in of_kind(resources, "User"):
        if each["spec"].get("tags"):
            yield f"{name_of(each)}: may manage the broker"
    for each in of_kind(resources, "Role", "ClusterRole"):
        for rule in each["rules"]:
            if "*" in (*rule["verbs"], *rule["resources"], *rule["apiGroups"]) or not rule.get("resourceNames"):
                yield f"{name_of(each)}: names no single resource"


def probes(resources: Sequence[Resource]) -> Iterator[str]:
    """A service is asked what it answers, and gets the time that it takes to stop."""
    for name, deployment in services(resources).items():
        spec = deployment["spec"]["template"]["spec"]
        container = spec["containers"][0]
        for probe, path in _PROBES.items():
            if container.get(probe, {}).get("httpGet") != {"path": path, "port": "http"}:
                yield f"{name}: no {probe} at {path}"
        leaving = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        if spec.get("terminationGracePeriodSeconds", 0) < leaving + LIMIT or not leaving:
            yield f"{name}: is killed before it has stopped"


def survival(resources: Sequence[Resource]) -> Iterator[str]:
    """Where there is more than one of a service, a node that is emptied or lost takes one at a time."""
    budgets = of_kind(resources, "PodDisruptionBudget")
    for name, deployment in services(resources).items():
        template = deployment["spec"]["template"]
        spread = {each["topologyKey"] for each in template["spec"].get("topologySpreadConstraints", ())}
        if spread != {"topology.kubernetes.io/zone", "kubernetes.io/hostname"}:
            yield f"{name}: isn't spread over zones and nodes"
        if deployment["spec"].get("replicas") == 1:
            continue
        labels = template["metadata"]["labels"].items()
        if not any(each["spec"]["selector"]["matchLabels"].items() <= labels for each in budgets):
            yield f"{name}: has no budget of disruptions"
        if "replicas" in deployment["spec"]:
            yield f"{name}: its replicas are set against the autoscaler"
        if deployment["spec"]["strategy"].get("rollingUpdate", {}).get("maxUnavailable") != 0:
            yield f"{name}: a rollout takes away replicas first"


def secrets(resources: Sequence[Resource]) -> Iterator[str]:
    """No secret is in a manifest, nor in an environment, and none goes away because a store doesn't answer with it."""
    for each in of_kind(resources, "Secret"):
        yield f"{name_of(each)}: its content is here"
    for each in of_kind(resources, "ExternalSecret"):
        if each["spec"]["target"].get("deletionPolicy") != "Retain":
            yield f"{name_of(each)}: isn't kept"
    for where, container in containers(resources):
        for variable in container.get("env", ()):
            secret = re.search(r"(PASSWORD|SECRET|TOKEN|_KEYS?)$", variable["name"])
            if secret and "value" in variable:
                yield f"{where}: {variable['name']} is here"
            if "://" in variable.get("value", "") and re.search(r"://\w+:\w+@", variable["value"]):
                yield f"{where}: {variable['name']} holds a password"
        for each in (*container.get("env", ()), *container.get("envFrom", ())):
            if each.keys() & {"secretRef"} or each.get("valueFrom", {}).keys() & {"secretKeyRef"}:
                yield f"{where}: a Secret is in its environment"


def settings(resources: Sequence[Resource]) -> Iterator[str]:
    """A pod that starts again gets the settings with which it was rolled out: others have another name."""
    for where, container in containers(resources):
        for each in container.get("envFrom", ()):
            name = each.get("configMapRef", {}).get("name", "")
            if not re.search(f"-{HASH}$", name):
                yield f"{where}: {name or 'what is no ConfigMap'} may change under it"


def peers(resources: Sequence[Resource]) -> Iterator[str]:
    """Requests meet replicas that are ready; logs and reports every one, for who was set back waits for those."""
    addresses = {each["metadata"]["name"]: each["spec"] for each in of_kind(resources, "Service")}
    for address, spec in addresses.items():
        if spec.get("publishNotReadyAddresses") and spec["selector"]["app.kubernetes.io/name"] not in PEERS:
            yield f"Service {address}: nobody asks there"
    for name, deployment in services(resources).items():
        told = environment(resources, deployment["spec"]["template"]["spec"]["containers"][0])
        prefix = f"HOMEWARD_{name.upper()}_"
        for other in PEERS:
            variable = f"{other.upper()}_URL"
            url = told.get(prefix + variable, ServiceSettings.model_fields[variable.lower()].default)
            if _replicas(addresses, url, other) != "ready":
                yield f"{name}: {variable} doesn't lead to ready replicas of {other}"
            if _replicas(addresses, told.get(f"{prefix}REPLICAS_AT", "").format(service=other), other) != "every":
                yield f"{name}: REPLICAS_AT doesn't lead to every replica of {other}"


def _replicas(addresses: Mapping[str, Resource], address: str, service: str) -> str | None:
    """Which of the service's replicas are met at an address: every one, or those that are ready."""
    url = urlsplit(address)
    spec = addresses.get(url.hostname or "")
    if spec is None or spec["selector"].get("app.kubernetes.io/name") != service or url.port != _PORT:
        return None
    # Without an address of its own nothing translates the port.
    every = spec.get("publishNotReadyAddresses") and spec.get("clusterIP") == "None"
    return "every" if every else None if spec.get("publishNotReadyAddresses") or "clusterIP" in spec else "ready"


def visitors(resources: Sequence[Resource]) -> Iterator[str]:
    """Who comes from outside meets replicas that are ready."""
    addresses = {each["metadata"]["name"]: each["spec"] for each in of_kind(resources, "Service")}
    for each in of_kind(resources, "HTTPRoute"):
        for backend in (backend for rule in each["spec"]["rules"] for backend in rule["backendRefs"]):
            there = addresses.get(backend["name"])
            if there is None or there.get("publishNotReadyAddresses"):
                yield f"{name_of(each)}: {backend['name']} has replicas that aren't ready"


def outside(resources: Sequence[Resource]) -> Iterator[str]:
    """Who leaves the namespace or comes in is named, and by no more than a network; webhooks alone go anywhere."""
    for each in of_kind(resources, "NetworkPolicy"):
        for way, peers, told in (("egress", "to", "lets out to"), ("ingress", "from", "lets in from")):
            for rule in each["spec"].get(way) or ():
                if not _named(rule, peers):
                    yield f"{name_of(each)}: {told} whatever there is"
                blocks = [peer["ipBlock"]["cidr"] for peer in rule.get(peers) or () if "ipBlock" in peer]
                anywhere = way == "egress" and each["metadata"]["name"] == "webhooks"
                if not anywhere and any(ip_network(block).prefixlen < 8 for block in blocks):
                    yield f"{name_of(each)}: {told} half the world"


def _named(rule: Resource, peers: str) -> bool:
    """Whether a rule names its peers and ports: a missing or an empty list, or selector of namespaces, is for all."""
    ports, whom = rule.get("ports") or (), rule.get(peers) or ()
    by_name = all(peer and peer.get("namespaceSelector") != {} for peer in whom)
    return bool(whom and ports) and by_name and all("port" in port for port in ports)


RULES: dict[str, Rule] = {
    each.__name__: each
    for each in (
        limits,
        restricted,
        accounts,
        pins,
        wildcards,
        probes,
        survival,
        secrets,
        settings,
        peers,
        visitors,
        outside,
    )
}
