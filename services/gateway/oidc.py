"""Signing in with the organisation's identity provider: the authorization code flow with PKCE, for the console."""

import asyncio
import base64
import hashlib
import hmac
import secrets
from dataclasses import asdict, dataclass
from urllib.parse import quote, urlencode

import httpx
from pydantic import BaseModel, Field, ValidationError

from services.gateway.settings import ProviderClient, Settings
from shared.auth.discovery import Metadata, http_client
from shared.auth.keys import load_or_generate_key
from shared.auth.notes import NoteBroken, Notes
from shared.auth.oidc import Provider
from shared.auth.principal import Principal
from shared.auth.provider_claims import principal_id
from shared.auth.published_keys import ProviderUnreachable
from shared.errors import Unauthenticated

CALLBACK = "/sign-in/provider/callback"
#: Seconds for finding one's password and the second factor.
PATIENCE_SECONDS = 600
#: Seconds that one sign-in may wait for the provider: some look through a directory meanwhile.
EXCHANGE_TIMEOUT = 10.0
#: Browsers keep 4,096 bytes with the cookie's name, and drop a longer one without a word.
LONGEST_TOKEN = 4000
#: Seconds for which a browser keeps a token whose provider doesn't tell its lifetime; the token itself knows.
_WORKING_DAY = 10 * 3600
_PURPOSE = "sign-in with the provider"


class NotSignedIn(Unauthenticated):
    """The identity provider has not signed you in: try again, or ask those who run it."""


class AttemptLost(Unauthenticated):
    """This sign-in took too long, or was begun in another window or browser: begin again."""


class UnusableToken(Unauthenticated):
    """The identity provider knows you, but gave no access token that is meant for Homeward: tell those who run it."""


class Answer(BaseModel):
    """What the provider has the browser bring back."""

    code: str = Field(default="", max_length=4000)
    state: str = Field(default="", max_length=200)
    error: str = Field(default="", max_length=200)
    iss: str | None = Field(default=None, max_length=500)


class _Tokens(BaseModel):
    id_token: str
    access_token: str
    expires_in: int = Field(default=_WORKING_DAY, gt=0)


@dataclass(frozen=True, slots=True)
class _Attempt:
    """What the browser keeps while its user is away at the provider."""

    state: str
    nonce: str
    verifier: str
    to: str


@dataclass(frozen=True, slots=True)
class Session:
    """The token that the services accept, for how long, and where its owner wanted to go."""

    token: str
    seconds: int
    principal: Principal
    to: str


@dataclass(frozen=True)
class ProviderSignIn:
    """The console as a client of the provider; ``app.state.provider_sign_in`` where it is one."""

    provider: Provider
    client: ProviderClient
    seal: Notes

    async def begin(self, to: str) -> tuple[str, str]:
        """The provider's address, and what the browser keeps until it is back. Raises ProviderUnreachable."""
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        attempt = _Attempt(state, nonce, verifier, to)
        asked = self.client.parameters | {
            "response_type": "code",
            "client_id": self.client.id,
            "redirect_uri": self.redirect_uri,
            "scope": " ".join(self.client.scopes),
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": _challenge(attempt.verifier),
            "code_challenge_method": "S256",
        }
        kept = self.seal.close(asdict(attempt), purpose=_PURPOSE, seconds=PATIENCE_SECONDS)
        return _with_query((await self._metadata()).authorization_endpoint, asked), kept

    async def finish(self, answer: Answer, kept: str) -> Session:
        """The session. Raises AttemptLost, NotSignedIn, UnusableToken and ProviderUnreachable."""
        attempt = self._attempt(kept)
        if not hmac.compare_digest(attempt.state.encode(), answer.state.encode()):
            raise AttemptLost
        metadata = await self._metadata()
        # RFC 9207: the answer of another provider, whose code must not be shown to this one.
        of_another = answer.iss != metadata.issuer
        if of_another and (answer.iss or metadata.authorization_response_iss_parameter_supported):
            raise NotSignedIn
        if answer.error or not answer.code:
            raise NotSignedIn
        tokens = await self._exchange(metadata, answer.code, attempt.verifier)
        return await self._session(tokens, attempt)

    async def farewell(self, token: str) -> str | None:
        """Where the provider ends the session of this token, if it was its own and it offers that."""
        if not self.provider.issued(token):
            return None
        try:
            endpoint = (await self._metadata()).end_session_endpoint
        except ProviderUnreachable:
            return None
        back = f"{self.client.console_url.rstrip('/')}/sign-in"
        query = {"client_id": self.client.id, "post_logout_redirect_uri": back}
        return _with_query(endpoint, query) if endpoint else None

    @property
    def redirect_uri(self) -> str:
        """As it is registered with the provider."""
        return self.client.console_url.rstrip("/") + CALLBACK

    async def _metadata(self) -> Metadata:
        return (await self.provider.keys.current()).metadata

    def _attempt(self, kept: str) -> _Attempt:
        try:
            return _Attempt(**self.seal.open(kept, purpose=_PURPOSE))
        except NoteBroken as error:
            raise AttemptLost from error

    async def _exchange(self, metadata: Metadata, code: str, verifier: str) -> _Tokens:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "code_verifier": verifier,
        }
        secret, auth = self.client.secret.get_secret_value(), None
        if secret:
            # RFC 6749, 2.3.1: both are encoded like a form's fields first.
            auth = httpx.BasicAuth(quote(self.client.id, safe=""), quote(secret, safe=""))
        else:
            form["client_id"] = self.client.id
        try:
            async with (
                asyncio.timeout(EXCHANGE_TIMEOUT),
                http_client(auth) as http,
            ):
                response = await http.post(metadata.token_endpoint, data=form, headers={"Accept": "application/json"})
        except (httpx.TransportError, TimeoutError) as error:
            raise ProviderUnreachable from error
        return _tokens(response)

    async def _session(self, tokens: _Tokens, attempt: _Attempt) -> Session:
        claims = await self.provider.identity(tokens.id_token, client=self.client.id, nonce=attempt.nonce)
        try:
            principal = await self.provider.verify(tokens.access_token)
        except Unauthenticated as error:
            raise UnusableToken from error
        if principal.id != principal_id(claims["iss"], claims["sub"]):
            raise NotSignedIn
        if len(tokens.access_token) > LONGEST_TOKEN:
            raise UnusableToken("The identity provider's access token is too long for a cookie: tell those who run it.")
        return Session(tokens.access_token, tokens.expires_in, principal, attempt.to)


def provider_sign_in_of(settings: Settings, provider: Provider | None) -> ProviderSignIn | None:
    """Signing in with the provider, if the console is registered with one."""
    if provider is None or settings.oidc_client is None or settings.private_key is None:
        return None
    return ProviderSignIn(provider, settings.oidc_client, Notes(load_or_generate_key(settings.private_key)))


def _tokens(response: httpx.Response) -> _Tokens:
    if response.is_server_error:
        raise ProviderUnreachable
    if not response.is_success:
        raise NotSignedIn
    try:
        return _Tokens.model_validate_json(response.content)
    except ValidationError as error:
        raise UnusableToken from error


def _challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _with_query(url: str, query: dict[str, str]) -> str:
    return f"{url}{'&' if '?' in url else '?'}{urlencode(query)}"
