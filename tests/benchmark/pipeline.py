"""How fast one service process handles a backlog: ``python -m tests.benchmark.pipeline travel --events 20000``.

The process is the service as it ships. The backlog waits in its quorum queue before it starts; the end is when
every event is handled and every outgoing event is confirmed by the broker.
"""

import argparse
import asyncio
import json
from dataclasses import asdict
from functools import partial
from pathlib import Path

from tests.benchmark.consuming import KINDS, measure
from tests.benchmark.lab import Lab, Process

_PROFILER = ("py-spy", "record", "--rate", "200", "--format", "raw")


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=sorted(KINDS))
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--times", type=int, default=1)
    parser.add_argument("--processes", type=int, default=1, help="of the service, on one database and queue")
    parser.add_argument("--profile", type=Path, help="have py-spy, which must be on the PATH, write a profile here")
    chosen = parser.parse_args()
    with Lab() as lab:
        for _ in range(chosen.times):
            found = measure(
                lab,
                chosen.kind,
                chosen.events,
                processes=chosen.processes,
                tell=_tell,
                started=partial(_profile, lab, chosen.profile),
            )
            print(json.dumps(asdict(asyncio.run(found)), indent=1))


def _profile(lab: Lab, file: Path | None, process: Process) -> None:
    _tell(f"pid {process.pid}")
    if file:
        lab.start([*_PROFILER, "--pid", str(process.pid), "--output", str(file.absolute())], {})


def _tell(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    main()
