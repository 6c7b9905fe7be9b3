"""ETags of what was read: who has it already is told so (304), and gets no body.

There is no ``If-Match``: a command is an intention, not a new state of a whole record. What has changed meanwhile is
seen by its transition table under the lock, and answered 409; a hash of what the caller had read would say less,
for it covers gates that are evaluated at the moment and leaves out what the caller's roles may not read.
"""

import hashlib

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class ETags:
    """ASGI middleware: successful reads in JSON that are sent in one piece."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET":
            await self.app(scope, receive, send)
            return
        known = Headers(scope=scope).get("if-none-match", "")
        start: Message | None = None

        async def tagged_send(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start" and _taggable(message):
                start = message
                return
            if start is not None:
                begun, start = start, None
                if not message.get("more_body"):
                    message = _tagged(begun, message, known)
                await send(begun)
            await send(message)

        await self.app(scope, receive, tagged_send)


def _taggable(start: Message) -> bool:
    headers = Headers(raw=start["headers"])
    return start["status"] == 200 and headers.get("content-type") == "application/json" and "etag" not in headers


def _tagged(start: Message, message: Message, known: str) -> Message:
    """The message that carries the body, after the start got its tag; an empty one when the caller has it."""
    headers = MutableHeaders(raw=start["headers"])
    headers["ETag"] = tag = f'"{hashlib.sha256(message.get("body", b"")).hexdigest()[:32]}"'
    if not matches(known, tag):
        return message
    start["status"] = 304
    del headers["content-length"], headers["content-type"]
    return {**message, "body": b""}


def matches(known: str, tag: str) -> bool:
    """Whether ``If-None-Match`` names the tag, by RFC 9110's weak comparison."""
    return known.strip() == "*" or tag in (each.strip().removeprefix("W/") for each in known.split(","))
