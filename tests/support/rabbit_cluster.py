"""Three RabbitMQ nodes of one cluster on this machine, which can be killed, and cut off from one another."""

import json
import secrets
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from services.servers.rabbitmq import ControlFailed, LocalRabbitMQ
from services.servers.server import last_lines

#: What a cluster of three is run with: who is cut off stops serving, so that its clients turn to the others.
PARTITIONS = "pause_minority"


class Member(LocalRabbitMQ):
    """One node. The first begins the cluster, the others join it when they start for the first time."""

    def __init__(self, script: Path, cookie: str, first: "Member | None") -> None:
        self._cookie, self._first = cookie, first
        super().__init__(script)
        if first is not None:
            self._mapper = first._mapper

    def _configure(self) -> dict[str, str]:
        environment = super()._configure()
        (self._home.path / ".erlang.cookie").unlink()
        self._home.write(".erlang.cookie", self._cookie, mode=0o400)
        configuration = self._home.path / "rabbitmq.conf"
        joined = f"cluster_partition_handling = {PARTITIONS}\n"
        if self._first is not None:
            environment["ERL_EPMD_PORT"] = self._first._environment["ERL_EPMD_PORT"]
            joined += f"cluster_formation.classic_config.nodes.1 = {self._first.name}\n"
            joined += f"cluster_formation.classic_config.nodes.2 = {environment['RABBITMQ_NODENAME']}\n"
        self._home.write("rabbitmq.conf", configuration.read_text() + joined)
        return environment

    @property
    def name(self) -> str:
        """Its name among the nodes."""
        return self._environment["RABBITMQ_NODENAME"]

    @property
    def running(self) -> bool:
        return self._node is not None and self._node.poll() is None

    def last_words(self) -> str:
        """The end of its output: who connected, who led, whom it missed."""
        return last_lines(self._home.path / "output", 25).replace(" | ", "\n")


class Cluster:
    """The nodes, and what can be done to them. Nodes end with the thread that started them, so it keeps its own."""

    def __init__(self, script: Path) -> None:
        self._threads = ThreadPoolExecutor(3)
        self._cookie = secrets.token_hex(20)
        self.nodes: list[Member] = []
        self._cut: set[Member] = set()
        first = Member(script, self._cookie, None)
        self._start(first)
        self.nodes += [Member(script, self._cookie, first) for _ in range(2)]
        list(self._threads.map(Member.start, self.nodes[1:]))

    def _start(self, node: Member) -> None:
        self.nodes.append(node)
        self._threads.submit(node.start).result()

    @property
    def url(self) -> str:
        """Every node's address."""
        return ",".join(node.url for node in self.nodes)

    def seen_by(self, node: Member) -> set[str]:
        """The names of the nodes that run, as one of them sees it."""
        return set(json.loads(node.control("cluster_status", "--formatter", "json"))["running_nodes"])

    def leader(self, queue: str) -> Member:
        """The node with the queue's leader."""
        listed = self.nodes[0].control("list_queues", "name", "leader", "--formatter", "json", "--quiet")
        [name] = [each["leader"] for each in json.loads(listed) if each["name"] == queue]
        return next(node for node in self.nodes if node.name == name)

    def start(self, node: Member) -> None:
        """Start a node that was killed."""
        self._threads.submit(node.start).result()

    def cut_off(self, node: Member) -> None:
        """Break its connections with the others, and have every new one refused; clients still reach it."""
        self._cut.add(node)
        node.control("eval", self._with_each_other(node, "erlang:set_cookie({0}, cut), erlang:disconnect_node({0})"))

    def heal(self, node: Member) -> None:
        """Let the nodes find one another again."""
        node.control("eval", self._with_each_other(node, f"erlang:set_cookie({{0}}, '{self._cookie}')"))
        self._cut.discard(node)

    def restore(self) -> None:
        """Start what was killed, heal what was cut off, and wait until every node sees all of them."""
        # Side by side, for one that was the last to stop is waited for by the others.
        list(self._threads.map(Member.start, [node for node in self.nodes if not node.running]))
        for node in list(self._cut):
            self.heal(node)
        end = time.monotonic() + 60
        while any(len(self.seen_by(node)) < len(self.nodes) for node in self.nodes):
            if time.monotonic() > end:
                raise AssertionError(f"the nodes did not find one another\n{self.account()}")

    def account(self) -> str:
        """What each node says of the queues and their bindings, and the end of its output."""
        return "\n".join(part for node in self.nodes for part in self._told_by(node))

    def _told_by(self, node: Member) -> list[str]:
        told = [f"== {node.name} {'runs' if node.running else 'does not run'}"]
        for question in ("list_queues name leader online messages consumers", "list_bindings") if node.running else ():
            try:
                told.append(node.control("--quiet", *question.split()))
            except ControlFailed as error:
                told.append(str(error))
        return [*told, node.last_words()]

    def _with_each_other(self, node: Member, expression: str) -> str:
        others = [f"'{each.name}'" for each in self.nodes if each is not node]
        return ", ".join(expression.format(name) for name in others) + "."

    def close(self) -> None:
        """End the nodes and remove their data."""
        for node in reversed(self.nodes):
            node.close()
        self._threads.shutdown()


@contextmanager
def rabbit_cluster(script: Path) -> Iterator[Cluster]:
    """Three nodes that have found one another."""
    cluster = Cluster(script)
    try:
        yield cluster
    finally:
        cluster.close()
