"""A small OpenID provider as a process of its own, so that its keys, its tokens and its absence are real.

Under /control the tests rotate its keys, have it sign whatever they like, and ask how often its keys were fetched.
"""

import argparse
import base64
import hashlib
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote, urlencode

import httpx
import uvicorn
from fastapi import Body, FastAPI, Form, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey

from tests.support.homeward import free_port, wait_for

CLIENT, SECRET, AUDIENCE = "homeward-console", "the client's secret: 100 %", "homeward-api"
#: A shared secret that it publishes, as no provider should.
SHARED = b"a secret that everybody can read"
ALGORITHMS = {"RSA": "RS256", "EC": "ES256"}
SUBJECT = "amina.b@example.org"
PERSON = {
    "name": "Amina Benali",
    "preferred_username": "amina.b",
    "groups": ["HQ/Homeward Managers", "everyone"],
    "offices": ["tripoli"],
}


class Issuer:
    """The provider's keys and the sign-ins that are under way."""

    def __init__(self, url: str, console: str) -> None:
        self.url, self.console = url, console
        self.keys: list[RSAKey | ECKey] = []
        self.codes: dict[str, dict[str, str]] = {}
        self.fetches = 0
        #: What the next tokens say instead, by kind.
        self.instead: dict[str, dict[str, Any]] = {}
        self.rotate()

    def rotate(self, kind: str = "RSA", keep: bool = False) -> None:
        """Sign with a new key from now on; the old ones are published further or not."""
        key: RSAKey | ECKey
        if kind == "RSA":
            key = RSAKey.generate_key(2048, {"use": "sig"}, auto_kid=True)
        else:
            key = ECKey.generate_key("P-256", {"use": "sig"}, auto_kid=True)
        self.keys = [key, *(self.keys if keep else [])]

    def sign(self, claims: dict[str, Any], typ: str = "at+jwt", **header: Any) -> str:
        """Signed with the newest key. A claim that is None is left out."""
        now = int(time.time())
        made = {"iss": self.url, "sub": SUBJECT, "iat": now, "exp": now + 300} | claims
        key = self.keys[0]
        made_with = {"alg": ALGORITHMS[key.key_type], "kid": key.kid, "typ": typ} | header
        present = {name: value for name, value in made.items() if value is not None}
        return jwt.encode(made_with, present, key, [made_with["alg"]])

    def access_token(self, **claims: Any) -> str:
        return self.sign({"aud": AUDIENCE, **PERSON, **claims, **self.instead.pop("access", {})})

    def id_token(self, nonce: str) -> str:
        claims = {"aud": CLIENT, "nonce": nonce, **self.instead.pop("id", {})}
        return self.sign(claims, typ="JWT")


def application(issuer: Issuer) -> FastAPI:
    """The provider, and the tests' control of it."""
    app = FastAPI(openapi_url=None)
    _publishing(app, issuer)
    _signing_in(app, issuer)
    _control(app, issuer)
    return app


def _publishing(app: FastAPI, issuer: Issuer) -> None:
    @app.get("/.well-known/openid-configuration")
    async def configuration() -> dict[str, Any]:
        named = {f"{each}_endpoint": f"{issuer.url}/{each}" for each in ("authorization", "token", "end_session")}
        return {
            "issuer": issuer.instead.get("metadata", {}).get("issuer", issuer.url),
            "jwks_uri": f"{issuer.url}/keys",
            **named,
            "authorization_response_iss_parameter_supported": True,
            "id_token_signing_alg_values_supported": list(ALGORITHMS.values()),
        }

    @app.get("/keys")
    async def keys() -> dict[str, Any]:
        issuer.fetches += 1
        # A key of a kind that nobody knows yet, and a shared secret that nobody should use.
        others = [
            {"kty": "AKP", "kid": "ml"},
            {"kty": "oct", "kid": "shared", "k": base64.urlsafe_b64encode(SHARED).decode()},
        ]
        return {"keys": [*others, *KeySet(list(issuer.keys)).as_dict()["keys"]]}


def _signing_in(app: FastAPI, issuer: Issuer) -> None:
    @app.get("/authorization")
    async def authorize(request: Request) -> HTMLResponse:
        asked = dict(request.query_params)
        known = asked["client_id"] == CLIENT and asked["redirect_uri"] == f"{issuer.console}/sign-in/provider/callback"
        proper = asked["response_type"] == "code" and "openid" in asked["scope"].split()
        if not (known and proper and asked["code_challenge_method"] == "S256" and len(asked["code_challenge"]) == 43):
            raise HTTPException(400)
        fields = "".join(f'<input type="hidden" name="{escape(k)}" value="{escape(v)}">' for k, v in asked.items())
        head = '<title>Provider</title><link rel="icon" href="data:,">'
        button = '<button type="submit">Go on as Amina</button>'
        return HTMLResponse(f'{head}<form method="post" action="/log-in">{fields}{button}</form>')

    @app.post("/log-in")
    async def log_in(request: Request) -> RedirectResponse:
        asked = {name: str(value) for name, value in (await request.form()).items()}
        code = secrets.token_urlsafe(16)
        issuer.codes[code] = asked
        answer = {"code": code, "state": asked["state"], "iss": issuer.url} | issuer.instead.pop("answer", {})
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode(answer)}", 303)

    @app.post("/token")
    async def token(
        request: Request,
        code: Annotated[str, Form()],
        redirect_uri: Annotated[str, Form()],
        code_verifier: Annotated[str, Form()],
    ) -> dict[str, Any]:
        asked = issuer.codes.pop(code, None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(code_verifier.encode()).digest()).rstrip(b"=").decode()
        if asked is None or asked["redirect_uri"] != redirect_uri or asked["code_challenge"] != challenge:
            raise HTTPException(400, "invalid_grant")
        expected = "Basic " + base64.b64encode(f"{CLIENT}:{quote(SECRET, safe='')}".encode()).decode()
        if request.headers.get("authorization") != expected:
            raise HTTPException(401, "invalid_client")
        id_token = issuer.id_token(asked["nonce"])
        return {"id_token": id_token, "access_token": issuer.access_token(), "token_type": "Bearer", "expires_in": 300}

    @app.get("/end_session")
    async def end_session(client_id: str, post_logout_redirect_uri: str) -> RedirectResponse:
        if client_id != CLIENT or post_logout_redirect_uri != f"{issuer.console}/sign-in":
            raise HTTPException(400)
        return RedirectResponse(f"{post_logout_redirect_uri}?ended=here", 303)


def _control(app: FastAPI, issuer: Issuer) -> None:
    @app.post("/control/rotate")
    async def rotate(kind: str = "RSA", keep: bool = False) -> None:
        issuer.rotate(kind, keep)

    @app.post("/control/token")
    async def made(claims: Annotated[dict[str, Any], Body()], header: Annotated[dict[str, Any], Body()]) -> str:
        return issuer.sign({"aud": AUDIENCE, **PERSON, **claims}, **header)

    @app.post("/control/instead")
    async def instead(values: Annotated[dict[str, dict[str, Any]], Body()]) -> None:
        issuer.instead = values

    @app.get("/control/fetches")
    async def fetches() -> int:
        return issuer.fetches


class ProviderProcess:
    """The provider, started and stopped; at the same address each time."""

    def __init__(self, output: Path, console: str = "http://127.0.0.1:9") -> None:
        self.port, self.console, self.output = free_port(), console, output
        #: Another site than 127.0.0.1 to a browser, as a real provider is.
        self.issuer = f"http://localhost:{self.port}"
        self._http = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", headers={"Connection": "close"})
        self._process: subprocess.Popen[bytes] | None = None
        #: Whether its key is another than the one it began with.
        self.rotated = False

    def start(self) -> None:
        """Begin, with a key of its own, and wait until it answers."""
        arguments = ["--port", str(self.port), "--issuer", self.issuer, "--console", self.console]
        with self.output.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.oidc_provider", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=os.environ.copy(),
                cwd=Path(__file__).parents[2],
                start_new_session=True,
            )
        wait_for(lambda: self._http.get("/keys").is_success, seconds=30)

    def stop(self) -> None:
        """An outage: nobody answers there."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def hang(self) -> None:
        """Another kind of outage: it is there and doesn't answer."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def close(self) -> None:
        """End for good."""
        self.stop()
        self._http.close()

    def rotate(self, kind: str = "RSA", *, keep: bool = False) -> None:
        """Have it sign with a new key."""
        self.rotated = True
        self._http.post("/control/rotate", params={"kind": kind, "keep": keep}).raise_for_status()

    def token(self, header: dict[str, Any] | None = None, **claims: Any) -> str:
        """An access token signed by it; a claim that is None is left out."""
        answer = self._http.post("/control/token", json={"claims": claims, "header": header or {}})
        return str(answer.raise_for_status().json())

    def say_instead(self, **values: dict[str, Any]) -> None:
        """What its next ``answer``, ``id`` and ``access`` token, or its ``metadata``, say instead of the truth."""
        self._http.post("/control/instead", json=values).raise_for_status()

    def public_keys(self) -> list[dict[str, Any]]:
        """What it publishes, of the kinds that are used."""
        listed = self._http.get("/keys").json()["keys"]
        return [each for each in listed if each["kty"] in ALGORITHMS]

    @property
    def fetches(self) -> int:
        """How often its keys were fetched."""
        return int(self._http.get("/control/fetches").json())


@contextmanager
def provider_process(folder: Path, console: str = "http://127.0.0.1:9") -> Iterator[ProviderProcess]:
    """Running; ``console`` is the only client's address."""
    found = ProviderProcess(folder / "provider.log", console)
    try:
        found.start()
        yield found
    finally:
        found.close()


def main() -> None:
    """Run it until it is told to stop."""
    parser = argparse.ArgumentParser()
    for name in ("--port", "--issuer", "--console"):
        parser.add_argument(name, required=True)
    given = parser.parse_args()
    app = application(Issuer(given.issuer, given.console))
    uvicorn.run(app, host="127.0.0.1", port=int(given.port), log_level="warning")


if __name__ == "__main__":
    main()
