#!/usr/bin/env python3
"""Receives Homeward's events by the pull feed; needs nothing but Python.

HOMEWARD_URL, HOMEWARD_KEY and HOMEWARD_SUBSCRIPTION say where and as whom; what comes is kept below the folder that is
given. Run it again and again, or with HOMEWARD_WAIT=30 in a loop.
"""

import json
import os
import shutil
import sys
import urllib.request
from pathlib import Path

folder = Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
cursor = folder / "cursor"
url = f"{os.environ['HOMEWARD_URL']}/feed?subscription={os.environ['HOMEWARD_SUBSCRIPTION']}"
wait = os.environ.get("HOMEWARD_WAIT", "0")

while True:
    after = int(cursor.read_text()) if cursor.exists() else 0
    question = urllib.request.Request(f"{url}&after={after}&wait={wait}")
    question.add_header("Authorization", f"Bearer {os.environ['HOMEWARD_KEY']}")
    with urllib.request.urlopen(question, timeout=60) as answer:  # nosec B310: the address is our own setting
        page = json.load(answer)
    for event in page["events"]:
        subject = folder / event["subject"]
        if event["type"] == "org.homeward.partners.tombstone.v1":
            shutil.rmtree(subject, ignore_errors=True)  # It must be destroyed, backups too.
        subject.mkdir(exist_ok=True)
        # An event may come twice, and has the same id then: the file is written again.
        (subject / f"{event['id']}.json").write_text(json.dumps(event))
    if page["next"] == after:
        break
    # Only now that everything is kept; asking from here on says so.
    (folder / "cursor.new").write_text(str(page["next"]))
    (folder / "cursor.new").replace(cursor)
