"""``homeward up`` on an empty directory tells how to sign in, and what it tells works."""

import json
import re
import subprocess
import sys
import time
from pathlib import Path

import httpx

from tests.support.homeward import Homeward, free_port, up, wait_for


def test_a_new_suite_is_signed_in_to_within_a_minute_by_what_it_prints(tmp_path: Path) -> None:
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o711)
    data, port = tmp_path / "data", free_port()
    suite = Homeward(tmp_path / "up", *up(data, port))
    try:
        wait_for(lambda: "Ctrl-C" in suite.text(), seconds=90, process=suite)
        begun = time.monotonic()
        url, name, file, role = re.findall(
            r"open (\S+)/sign-in\n +2\. name: (\S+)\n +first password: in (\S+), under (\S+)\n", suite.text()
        )[0]
        first = json.loads(Path(file).read_text())[role]["password"]
        with httpx.Client(base_url=url, timeout=30) as browser:
            signed = browser.post("/sign-in", data={"name": name, "password": first})
            assert signed.headers["location"] == "/account"
            assert browser.get("/").headers["location"] == "/account"
            form = {"old": first, "new": "walk home slowly 7", "again": "walk home slowly 7"}
            assert browser.post("/account/password", data=form).headers["location"] == "/"
            assert "Pipeline" in browser.get("/").text
        assert time.monotonic() - begun < 60
        assert first not in suite.text()
        asked = [sys.executable, "-m", "services", "reconcile", "--json", "--url", url, "--data", str(data)]
        told = subprocess.run(asked, capture_output=True, text=True, check=False)
        assert "consumers" in json.loads(told.stdout), told.stderr
    finally:
        suite.stop()
