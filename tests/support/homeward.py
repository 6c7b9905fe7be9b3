"""The ``homeward`` command as a process of its own."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from services.credentials import directory_token
from shared.auth.roles import Role
from tests.support.purposes import usual_purpose

#: The command as this checkout has it.
CHECKOUT = (sys.executable, "-m", "services")


def free_port() -> int:
    """A port that was free just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def up(data: Path, port: int) -> list[str]:
    """The arguments of a suite in one process: the port beside may be anybody's."""
    return ["up", "--data", str(data), "--port", str(port), "--agencies-port", str(free_port())]


class Homeward:
    """A running command; its output is kept in a file."""

    def __init__(self, output: Path, *arguments: str, program: Sequence[str] = CHECKOUT, **environment: str) -> None:
        self.output = output
        with output.open("wb") as file:
            self.process = subprocess.Popen(
                [*program, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                env=os.environ | {"COLUMNS": "200"} | environment,
                start_new_session=True,
            )

    def kill(self) -> None:
        """SIGKILL, to the process alone: nobody tells its children."""
        self.process.kill()
        self.process.wait()

    def stop(self, seconds: float = 30) -> int:
        """Tell it to stop, as an operator would; its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)

    def text(self) -> str:
        """What it has printed so far."""
        return self.output.read_text(errors="replace")


class Client:
    """Someone at a gateway that another process runs."""

    def __init__(self, port: int, data: Path, role: str) -> None:
        # No connection is kept, for nobody closes it.
        self._http = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30, headers={"Connection": "close"})
        self._data, self._role = data, role
        self._token = ""

    def get(self, path: str, **query: Any) -> Any:
        return self._ask("GET", path, params=query).json()

    def post(self, path: str, body: Mapping[str, Any], key: str | None = None) -> httpx.Response:
        return self._ask("POST", path, json=body, headers={"Idempotency-Key": key or str(uuid4())})

    @property
    def token(self) -> str:
        """As the command line has it, once the directory has a key."""
        if not self._token:
            self._token = directory_token(self._data, self._role) or ""
        return self._token

    def _ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        headers = more.pop("headers", {}) | {"Authorization": f"Bearer {self.token}"} | usual_purpose(Role(self._role))
        answer = self._http.request(method, path, headers=headers, **more)
        answer.raise_for_status()
        return answer


def wait_for(probe: Any, *, seconds: float, process: Homeward | None = None) -> Any:
    """Ask until the answer is true; connection errors count as not yet. A process that has ended is not waited for."""
    end = time.monotonic() + seconds
    while True:
        try:
            if answer := probe():
                return answer
        except (httpx.HTTPError, OSError, KeyError, ValueError):
            pass
        if process is not None and process.process.poll() is not None:
            raise AssertionError(f"it ended: {process.text()[-2000:]}")
        if time.monotonic() > end:
            raise AssertionError(f"it did not become true in time: {process.text()[-2000:] if process else ''}")
        time.sleep(0.05)
