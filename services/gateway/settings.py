"""The gateway's settings: ``HOMEWARD_GATEWAY_…`` in the environment."""

from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from shared.auth.discovery import SecureUrl
from shared.auth.roles import Role
from shared.settings import PerSecond, Requests, ServiceSettings, settings_config


class ProviderClient(BaseModel):
    """The console as it is registered with the identity provider."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    #: The client's id.
    id: str = Field(min_length=1)
    #: Its secret; none for a public client.
    secret: SecretStr = SecretStr("")
    #: Where browsers find the console. ``/sign-in/provider/callback`` there is the redirect address to register, and
    #: ``/sign-in`` the one after signing out.
    console_url: SecureUrl
    #: What is asked for; some providers want a scope of their own for an access token that is meant for us.
    scopes: tuple[str, ...] = ("openid", "profile")
    #: Further parameters of the request, such as ``audience`` or ``resource`` where a provider wants it.
    parameters: dict[str, str] = {}


class Settings(ServiceSettings):
    """What the gateway needs besides what every service needs."""

    model_config = settings_config("HOMEWARD_GATEWAY_")

    #: The private key that signs tokens (PEM, mode 0600); without it and accounts nobody can sign in here.
    private_key: Path | None = None
    #: The local accounts.
    accounts: Path | None = None
    #: Whether the console's cookie is sent over HTTPS only: behind TLS, say yes.
    secure_cookie: bool = False
    #: Roles that need a second factor, as a JSON list. Unless it is set: in production everybody who can see personal
    #: data or administers the suite, else nobody.
    second_factor_roles: frozenset[Role] | None = None
    #: With this and ``oidc`` the console offers to sign in with the organisation's account.
    oidc_client: ProviderClient | None = None
    #: Requests that one person may make …
    requests_per_second: PerSecond = 50
    #: … of which so many at once after a pause.
    burst: Requests = 1000
    #: The same for each address from which somebody comes who isn't signed in …
    strangers_per_second: PerSecond = 20
    #: … of which so many at once after a pause.
    strangers_burst: Requests = 400

    @property
    def over_tls(self) -> bool:
        """Whether browsers reach the gateway by HTTPS alone."""
        return self.secure_cookie

    @model_validator(mode="after")
    def _client_of_a_provider(self) -> Self:
        if self.oidc_client and not (self.oidc and self.private_key):
            raise ValueError("oidc_client needs oidc, and private_key for what the browser keeps meanwhile")
        if self.accounts and not self.private_key:
            raise ValueError("accounts needs private_key: nobody could be given a token")
        return self
