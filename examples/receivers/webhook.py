#!/usr/bin/env python3
"""Receives Homeward's webhooks behind a server that speaks HTTPS: webhook.py PORT FOLDER, HOMEWARD_SECRET=whsec_…"""

import base64
import hmac
import json
import os
import shutil
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

secret = base64.b64decode(os.environ["HOMEWARD_SECRET"].removeprefix("whsec_"))


class Receiver(BaseHTTPRequestHandler):
    def do_OPTIONS(self, status: int = 204) -> None:
        self.send_response(status)  # Before the first event we are asked whether we want any, and by whom.
        self.send_header("WebHook-Allowed-Origin", self.headers.get("WebHook-Request-Origin", ""))
        self.end_headers()

    def do_POST(self) -> None:
        body = self.rfile.read(max(0, min(int(self.headers["Content-Length"]), 1_000_000)))
        id, sent, given = (self.headers.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature"))
        mac = b"v1," + base64.b64encode(hmac.digest(secret, f"{id}.{sent}.".encode() + body, "sha256"))
        signed = any(hmac.compare_digest(mac, each) for each in given.encode().split())  # Two while it is rotated.
        if genuine := signed and abs(time.time() - int(sent)) < 300:  # An old one is somebody's who has recorded it.
            event = json.loads(body)
            subject = Path(sys.argv[2]) / event["subject"]
            if event["type"] == "org.homeward.partners.tombstone.v1":
                shutil.rmtree(subject, ignore_errors=True)  # It must be destroyed, backups too.
            subject.mkdir(parents=True, exist_ok=True)
            (subject / f"{event['id']}.json").write_bytes(body)  # One that comes twice is written again.
        self.do_OPTIONS(204 if genuine else 401)  # Only now that it is kept.


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()
