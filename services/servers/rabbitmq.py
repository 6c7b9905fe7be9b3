import os
import pwd
import secrets
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

from services.servers.debian import NotInstalled, install
from services.servers.server import (
    SECRET,
    PrivateDirectory,
    Server,
    ServerUnavailable,
    end,
    free_ports,
    kill_family,
    last_lines,
    rabbitmq_answers,
    wait_until_answering,
)
from shared.persistence.embedded.programs import Account, die_with_parent, unprivileged_account

DEBIAN_SCRIPT = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")  # the one on PATH switches user and directories


class ControlFailed(Exception):
    """rabbitmqctl could not do what was asked."""


def installed_rabbitmq() -> Path | None:
    if DEBIAN_SCRIPT.exists():
        return DEBIAN_SCRIPT
    found = shutil.which("rabbitmq-server")
    return Path(found).resolve() if found else None


def install_rabbitmq() -> None:
    """Debian's package. Raises ServerUnavailable."""
    try:
        install("rabbitmq-server", installed_rabbitmq)
    except NotInstalled as error:
        raise ServerUnavailable(str(error)) from error


def _account() -> Account | None:
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam("rabbitmq")
    except KeyError:
        return unprivileged_account()
    return Account(entry.pw_uid, entry.pw_gid)


class LocalRabbitMQ(Server):
    """RabbitMQ installed on this machine: own node name, ports, directories, cookie and port mapper, on loopback."""

    def __init__(self, script: Path) -> None:
        self._script = script
        self._home = PrivateDirectory(_account())
        self.folder = self._home.path
        self._port, self._distribution_port, self._mapper_port = free_ports(3)
        self._data = self._home.path / "data"
        self._node: subprocess.Popen[bytes] | None = None
        self._mapper: subprocess.Popen[bytes] | None = None
        self._environment = self._configure()
        self.url = f"amqp://homeward:{SECRET}@127.0.0.1:{self._port}/"

    def start(self) -> None:
        if self._mapper is None:
            self._mapper = self._launch(_port_mapper(), "-port", str(self._mapper_port), "-address", "127.0.0.1")
        node = self._node = self._launch(str(self._script))
        wait_until_answering(
            lambda: rabbitmq_answers(self.url),
            lambda: None if node.poll() is None else last_lines(self._home.path / "output"),
        )

    def stop(self) -> None:
        end(self._node, signal.SIGTERM)

    def kill(self) -> None:
        if self._node:
            kill_family(self._node.pid)
            self._node.wait()

    def close(self) -> None:
        self.kill()
        end(self._mapper, signal.SIGTERM)
        self._home.remove()

    @property
    def pids(self) -> set[int]:
        """Of the processes that make it up."""
        return {process.pid for process in (self._node, self._mapper) if process}

    def control(self, *arguments: str) -> str:
        """What rabbitmqctl says, asked about this node. Raises ControlFailed."""
        command = [str(self._script.resolve().with_name("rabbitmqctl")), *arguments]
        try:
            done = subprocess.run(
                command,
                env=self._environment,
                capture_output=True,
                text=True,
                check=False,
                timeout=60,
                **self._as_owner(),
            )
        except subprocess.TimeoutExpired:
            raise ControlFailed(f"rabbitmqctl {arguments[0]} did not end") from None
        if done.returncode:
            raise ControlFailed(f"rabbitmqctl {arguments[0]}: {done.stderr.strip()[-300:]}")
        return str(done.stdout)

    def wipe(self) -> None:
        """Lose the disk: SIGKILL, and everything that the node has kept is gone; ``start`` gives an empty broker."""
        self.kill()
        shutil.rmtree(self._data)

    def _configure(self) -> dict[str, str]:
        home = self._home
        home.write(".erlang.cookie", secrets.token_hex(20), mode=0o400)
        configuration = home.write(
            "rabbitmq.conf",
            f"listeners.tcp.local = 127.0.0.1:{self._port}\ndefault_user = homeward\ndefault_pass = {SECRET}\n"
            "disk_free_limit.absolute = 50MB\nlog.console = true\nlog.file = false\n",
        )
        own = {
            "HOME": home.path,
            "LC_ALL": "C.UTF-8",
            "ERL_EPMD_PORT": self._mapper_port,
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": f"homeward-{self._port}-{secrets.token_hex(3)}@localhost",
            "RUNNING_UNDER_SYSTEMD": "true",  # the script becomes the node, so that our signals reach it and no other
            "RABBITMQ_DIST_PORT": self._distribution_port,
            "RABBITMQ_CONFIG_FILE": configuration,
            "RABBITMQ_ADVANCED_CONFIG_FILE": home.path / "advanced.config",
            "RABBITMQ_CONF_ENV_FILE": home.write("rabbitmq-env.conf", ""),
            "RABBITMQ_ENABLED_PLUGINS_FILE": home.write("enabled_plugins", "[].\n"),
            "RABBITMQ_MNESIA_BASE": self._data,
            "RABBITMQ_LOG_BASE": home.path / "logs",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
        }
        others = {name: value for name, value in os.environ.items() if not name.startswith("RABBITMQ_")}
        return others | {name: str(value) for name, value in own.items()}

    def _as_owner(self) -> dict[str, Any]:
        account = self._home.account
        return {"user": account.uid, "group": account.gid, "extra_groups": []} if account else {}

    def _launch(self, *command: str) -> subprocess.Popen[bytes]:
        with (self._home.path / "output").open("ab") as output:
            return subprocess.Popen(
                command,
                cwd=self._home.path,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=die_with_parent(signal.SIGKILL),  # noqa: PLW1509  it makes two system calls and takes no lock
                **self._as_owner(),
            )


def _port_mapper() -> str:
    """Started by us, because one that the node starts would outlive it."""
    if found := shutil.which("epmd"):
        return found
    erlang = shutil.which("erl")
    folder = Path(erlang).resolve().parents[1] if erlang else Path("/usr/lib/erlang")
    for candidate in sorted(folder.glob("erts-*/bin/epmd")):
        return str(candidate)
    raise ServerUnavailable("Erlang's epmd is missing")
