import os
import shutil
import subprocess
from collections.abc import Awaitable, Callable

from services.servers.server import SECRET, Server, free_ports, postgres_answers, rabbitmq_answers, wait_until_answering


def docker_works() -> bool:
    if shutil.which("docker") is None:
        return False
    try:
        return subprocess.run(["docker", "info"], check=False, capture_output=True, timeout=5).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


class DockerServer(Server):
    """One container. Its host port is fixed: Docker would give another one at every restart."""

    def __init__(
        self,
        image: str,
        port: int,
        url: str,
        answers: Callable[[str], Awaitable[bool]],
        command: str = "",
        **environment: str,
    ) -> None:
        # Its clean-up container needs an image that many sites don't mirror; we remove what we start.
        os.environ.setdefault("TESTCONTAINERS_RYUK_DISABLED", "true")
        from testcontainers.core.container import DockerContainer

        (host_port,) = free_ports(1)
        self._answers = answers
        self._container: DockerContainer = DockerContainer(image).with_bind_ports(port, host_port)
        self._container.with_envs(**environment)
        if command:
            self._container.with_command(command)
        self._url, self._host_port = url, host_port
        self._created = False

    def start(self) -> None:
        if self._created:
            self._container.get_wrapped_container().start()
        else:
            self._container.start()
            self._created = True
        self.url = self._url.format(f"{self._container.get_container_host_ip()}:{self._host_port}")
        wait_until_answering(lambda: self._answers(self.url), self._last_words)

    def stop(self) -> None:
        if self._running():
            self._container.get_wrapped_container().stop(timeout=30)

    def kill(self) -> None:
        if self._running():
            self._container.get_wrapped_container().kill("SIGKILL")
            self._container.get_wrapped_container().wait(timeout=30)

    def close(self) -> None:
        self._container.stop()

    def _running(self) -> bool:
        container = self._container.get_wrapped_container()
        container.reload()
        return bool(container.status == "running")

    def _last_words(self) -> str | None:
        if self._running():
            return None
        return " | ".join(self._container.get_wrapped_container().logs(tail=6).decode(errors="replace").splitlines())


def docker_postgres() -> Server:
    """As testcontainers' own module starts it; ours can be stopped, killed and started again."""
    return DockerServer(
        "postgres:17-alpine",
        5432,
        f"postgresql+asyncpg://homeward:{SECRET}@{{}}/homeward",
        postgres_answers,
        # What is lost with the machine's power is not missed here.
        "postgres -c fsync=off -c max_connections=300 -c max_wal_size=256MB",
        POSTGRES_USER="homeward",
        POSTGRES_PASSWORD=SECRET,
        POSTGRES_DB="homeward",
    )


def docker_rabbitmq() -> Server:
    return DockerServer(
        "rabbitmq:4-management-alpine",
        5672,
        f"amqp://homeward:{SECRET}@{{}}/",
        rabbitmq_answers,
        RABBITMQ_DEFAULT_USER="homeward",
        RABBITMQ_DEFAULT_PASS=SECRET,
    )
