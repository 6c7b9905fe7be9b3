"""A running gateway, and who asks it."""

import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

import httpx
import typer

from services.cli.failure import Failure, Refused
from services.credentials import directory_token
from services.patience import AWAY, PATIENCE, asked_for, pauses
from shared.auth.purposes import Purpose
from shared.web.purpose import HEADER

#: Where ``homeward up`` keeps its data unless told otherwise.
DEFAULT_DATA = Path("~/.local/share/homeward")

Data = Annotated[
    Path, typer.Option("--data", envvar="HOMEWARD_DATA", help="Where the embedded suite keeps its data and accounts.")
]
Url = Annotated[str, typer.Option("--url", envvar="HOMEWARD_URL", help="The gateway's address.")]
Token = Annotated[
    str, typer.Option("--token", envvar="HOMEWARD_TOKEN", help="An access token; else you sign in.", show_default=False)
]
DEFAULT_URL = "http://127.0.0.1:8000"

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})

#: A list of some thousand people takes a while.
_SECONDS = 120


class _Broken(Exception):
    """The connection broke before there was an answer."""


@dataclass(frozen=True)
class Connection:
    """Requests to one gateway as one account."""

    client: httpx.Client

    def get(self, path: str, **params: Any) -> Any:
        """What is there. Raises Failure."""
        return self._content(self._send("GET", path, params={name: v for name, v in params.items() if v is not None}))

    def post(self, path: str, body: Mapping[str, Any] | None = None, **more: Any) -> Any:
        """Give a command. Raises Failure."""
        if body is not None:
            more["json"] = body
        return self._content(self._send("POST", path, headers={"Idempotency-Key": str(uuid4())}, **more))

    def lines(self, path: str, **params: Any) -> Iterator[Any]:
        """Give a command that answers line by line while it is carried out. Raises Failure."""
        try:
            with self.client.stream("POST", path, params=params) as answer:
                if not answer.is_success:
                    answer.read()
                    self._content(answer)
                yield from (json.loads(line) for line in answer.iter_lines())
        except httpx.TransportError as error:
            raise Failure(f"{self.client.base_url} went away ({error or type(error).__name__}): ask again") from error

    def _send(self, method: str, path: str, **request: Any) -> httpx.Response:
        """Again for a while when a part of the suite is away; where nobody listens at all it is told at once."""
        ends = time.monotonic() + PATIENCE
        for pause in pauses():
            asked = 0.0
            try:
                answer = self._attempt(method, path, request)
                if answer.status_code not in AWAY or time.monotonic() > ends:
                    return answer
                asked = asked_for(answer)
            except _Broken as broken:
                if time.monotonic() > ends:
                    raise self._silent(broken.__cause__) from broken
            time.sleep(max(pause, asked))
        raise AssertionError("unreachable")

    def _attempt(self, method: str, path: str, request: Mapping[str, Any]) -> httpx.Response:
        try:
            return self.client.request(method, path, **request)
        except (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError) as error:
            raise _Broken from error
        except (httpx.ReadTimeout, httpx.WriteTimeout) as error:
            raise Failure(
                f"{self.client.base_url} has not answered within {_SECONDS} s, "
                "and what was asked may still be under way: look with `homeward status` or `homeward reconcile` first"
            ) from error
        except httpx.TransportError as error:
            raise self._silent(error) from error

    def _silent(self, error: BaseException | None) -> Failure:
        return Failure(
            f"no answer from {self.client.base_url} ({error or type(error).__name__}): "
            "start the suite with `homeward up`, or name another gateway with --url"
        )

    def _content(self, answer: httpx.Response) -> Any:
        if answer.status_code == httpx.codes.NO_CONTENT:
            return None
        try:
            content = answer.json()
        except ValueError:
            raise Failure(f"{answer.request.url}: {answer.status_code}, and not JSON: is this a gateway?") from None
        if not answer.is_success:
            raise Refused(problem(content, answer.status_code), answer.status_code)
        return content


def open_client(url: str) -> httpx.Client:
    """A client of the gateway at that address."""
    return httpx.Client(base_url=url, timeout=_SECONDS)


@contextmanager
def connected(url: str, token: str, data: Path, role: str, purpose: Purpose | None = None) -> Iterator[Connection]:
    """A connection with a token, or as an account that has the role, for a purpose. Raises Failure."""
    with open_client(url) as client:
        connection = Connection(client)
        if purpose:
            client.headers[HEADER] = purpose
        client.headers["Authorization"] = f"Bearer {token or _sign_in(connection, data, role)}"
        yield connection


def problem(content: Any, status: int) -> str:
    """A problem document in one line."""
    if not isinstance(content, dict):
        return f"{status}: {content}"
    sentence = str(content.get("detail") or content.get("title") or "")
    more = "; ".join(map(_fault, content.get("errors") or content.get("missing") or content.get("reasons") or ()))
    return f"{status}: {sentence}{f' ({more})' if more else ''}"


def _fault(each: Any) -> str:
    return f"{each.get('pointer')}: {each.get('detail')}" if isinstance(each, dict) else str(each)


def _sign_in(connection: Connection, data: Path, role: str) -> str:
    name, password = os.environ.get("HOMEWARD_NAME"), os.environ.get("HOMEWARD_PASSWORD")
    if name and password:
        return _session(connection, name, password, os.environ.get("HOMEWARD_CODE", ""))
    # A gateway elsewhere has another key, and would get a token that is good here.
    if connection.client.base_url.host in _LOOPBACK and (token := directory_token(data.expanduser(), role)):
        return token
    if not sys.stdin.isatty():
        raise Failure(
            "nobody is signed in: give --token, set HOMEWARD_NAME and HOMEWARD_PASSWORD, "
            "or name the suite's data directory with --data"
        )
    name = name or typer.prompt("Name", err=True)
    password = typer.prompt("Password", hide_input=True, err=True)
    return _session(connection, name, password, typer.prompt("Code, if you have a second factor", default="", err=True))


def _session(connection: Connection, name: str, password: str, code: str) -> str:
    answer = connection.post("/api/sign-in", {"name": name, "password": password, "code": code})
    if answer.get("duties"):
        raise Failure(f"this account has something to do first: sign in at {connection.client.base_url}/sign-in")
    return str(answer["access_token"])
