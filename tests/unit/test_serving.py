"""The end of a process that hangs while it stops."""

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
