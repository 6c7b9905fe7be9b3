"""The end of a process that hangs while it stops."""

import os
import subprocess
import sys

HANGING = """
import time
from shared import serving
serving.LIMIT = 0.2
serving.limit_the_stop()
time.sleep(60)
"""


def test_who_hangs_while_it_stops_ends_with_a_line_that_says_so() -> None:
    done = subprocess.run([sys.executable, "-c", HANGING], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert "not stopped in time, giving up" in done.stdout + done.stderr


def test_a_service_that_is_started_without_keys_says_so_in_one_line() -> None:
    given = {"DATABASE_URL": "postgresql+asyncpg://nowhere/x", "AMQP_URL": "amqp://nowhere/", "PUBLIC_KEY": "x"}
    given |= {"IDENTITY_KEY": "x", "SERVICE_KEYS": "x"}
    ended = subprocess.run(
        [sys.executable, "-m", "services.travel"],
        env=os.environ | {f"HOMEWARD_TRAVEL_{name}": value for name, value in given.items()},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 1
    [line] = ended.stderr.splitlines()
    assert line.startswith("homeward: set HOMEWARD_TRAVEL_KEY_FILE or HOMEWARD_TRAVEL_KEYS")
