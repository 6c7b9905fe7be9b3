"""Starts services for the fault suite: ``python -m tests.faults.process travel``, or a nursery, which has everything
imported once and forks a child for each line on its input, so that who was killed is back in a tenth of a second.
"""

import gc
import importlib
import json
import os
import select
import signal
import sys
from pathlib import Path
from typing import Any

from services.embedded import SERVICES
from shared.persistence.embedded.programs import die_with_parent
from tests.faults import hooks, mutations, spoiling


def run_service(name: str) -> None:
    """Run one service under the hooks that the environment names, until it is told to stop."""
    mutations.apply(os.environ.get("HOMEWARD_FAULTS_MUTATIONS", ""))
    control, replica = Path(os.environ["HOMEWARD_FAULTS_CONTROL"]), os.environ["HOMEWARD_FAULTS_REPLICA"]
    spoiling.install(control, replica)
    hooks.install(control, replica)
    process = importlib.import_module("shared.process")
    settings = importlib.import_module(f"services.{name}.settings").Settings
    process.serve(importlib.import_module(f"services.{name}.app").create_app, settings)


def nursery() -> None:
    """Fork a child for each line of input, and tell on the output of every child that begins or ends."""
    for name in SERVICES:
        importlib.import_module(f"services.{name}.app")
    importlib.import_module("uvloop")
    gc.freeze()
    signal.signal(signal.SIGCHLD, lambda *_: None)
    waking, told = os.pipe()
    os.set_blocking(told, False)
    signal.set_wakeup_fd(told)
    _tell(ready=True)
    _serve(waking)


def _serve(waking: int) -> None:
    pending = b""
    while True:
        readable, _, _ = select.select([0, waking], [], [])
        if waking in readable:
            os.read(waking, 4096)
            _reap()
        if 0 in readable:
            found = os.read(0, 65536)
            if not found:
                return
            *lines, pending = (pending + found).split(b"\n")
            for line in lines:
                _fork(json.loads(line))


def _reap() -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        _tell(ended=pid, status=os.waitstatus_to_exitcode(status))


def _fork(order: dict[str, Any]) -> None:
    ask = die_with_parent(signal.SIGKILL)
    if pid := os.fork():
        _tell(started=pid, replica=order["replica"])
        return
    status = 1
    try:
        if ask:
            ask()
        os.setsid()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for target, descriptor in ((0, nothing), (1, log), (2, log)):
            os.dup2(descriptor, target)
        os.environ.update(order["environment"])
        run_service(order["service"])
        status = 0
    except BaseException:  # noqa: BLE001  a forked child must never go on with its parent's work
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stderr.flush()
        os._exit(status)


def _tell(**what: Any) -> None:
    os.write(1, json.dumps(what).encode() + b"\n")


if __name__ == "__main__":
    if sys.argv[1:] == ["--nursery"]:
        nursery()
    else:
        run_service(sys.argv[1])
