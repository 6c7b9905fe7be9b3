"""A gateway that the command line asks."""

import json
from collections.abc import Callable
from typing import Any

import httpx


class Gateway:
    """Answers by method and path, and keeps what it was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, Callable[[httpx.Request], Any]] = {}
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def answer(self, request: httpx.Request) -> httpx.Response:
        name = f"{request.method} {request.url.path}"
        sent = json.loads(request.content) if request.content else dict(request.url.params)
        self.asked.append((name, sent))
        answer = self.answers[name](request)
        return answer if isinstance(answer, httpx.Response) else httpx.Response(200, json=answer)
