#!/usr/bin/env python3
"""Receives Homeward's webhooks; needs nothing but Python. Usage: webhook.py PORT FOLDER, with HOMEWARD_SECRET=whsec_…

Put it behind a server that speaks HTTPS. It keeps each event, once per id, and answers 204 only then.
"""

import base64
import hashlib
import hmac
import json
import os
import shutil
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

secret = base64.b64decode(os.environ["HOMEWARD_SECRET"].removeprefix("whsec_"))
folder = Path(sys.argv[2])


class Receiver(BaseHTTPRequestHandler):
    def do_OPTIONS(self) -> None:
        self.send_response(204)  # Before the first event we are asked whether we want any.
        self.send_header("WebHook-Allowed-Origin", self.headers.get("WebHook-Request-Origin", ""))
        self.end_headers()

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        body = self.rfile.read(min(int(length), 1_000_000)) if length.isdecimal() else b""
        self.send_response(204 if self.genuine(body) and keep(json.loads(body)) else 401)
        self.end_headers()

    def genuine(self, body: bytes) -> bool:
        id, sent = self.headers.get("webhook-id", ""), self.headers.get("webhook-timestamp", "")
        mac = base64.b64encode(hmac.digest(secret, f"{id}.{sent}.".encode() + body, hashlib.sha256))
        given = self.headers.get("webhook-signature", "").encode().split()
        # Several while a secret is rotated; an old request is somebody's who has recorded it.
        signed = any(hmac.compare_digest(b"v1," + mac, each) for each in given)
        return signed and sent.isdecimal() and abs(time.time() - int(sent)) < 300


def keep(event: dict) -> bool:
    subject = folder / event["subject"]
    if event["type"] == "org.homeward.partners.tombstone.v1":
        shutil.rmtree(subject, ignore_errors=True)  # It must be destroyed, backups too.
    subject.mkdir(parents=True, exist_ok=True)
    (subject / f"{event['id']}.json").write_text(json.dumps(event))
    return True


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()
