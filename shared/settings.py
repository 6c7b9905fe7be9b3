"""Settings that every service has. Each reads them from the environment under its own prefix."""

from pathlib import Path
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.auth.discovery import SecureUrl
from shared.auth.roles import Role

#: Signatures that are checked with a public key.
Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519", "EdDSA"]


def settings_config(prefix: str) -> SettingsConfigDict:
    """pydantic-settings' configuration for a service: ``HOMEWARD_TRAVEL_DATABASE_URL`` and the like."""
    return SettingsConfigDict(env_prefix=prefix, env_nested_delimiter="__", extra="forbid", frozen=True)


class IdentityProvider(BaseModel):
    """An OpenID provider whose access tokens are accepted beside the gateway's own, and what its claims give here."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    #: Letter for letter as the provider's tokens have it; HTTPS, but on loopback.
    issuer: SecureUrl
    #: What a token must be meant for; better not the id of the console's client, or id tokens would do as well.
    audience: str = Field(default="homeward", min_length=1)
    #: Claims that hold roles or groups; dots lead into a claim, as in ``realm_access.roles``.
    role_claims: tuple[str, ...] = ("roles", "groups")
    #: Role here by the provider's name of a role or group. Who has none of them may do nothing.
    roles: dict[str, Role] = {}
    #: Claims that hold offices.
    office_claims: tuple[str, ...] = ("offices",)
    #: Office here by the provider's name, ``*`` for all of them; without a table the claim holds offices' own codes.
    offices: dict[str, str] = {}
    #: The algorithms of its signatures.
    algorithms: frozenset[Algorithm] = Field(default=frozenset({"RS256", "PS256", "ES256"}), min_length=1)
    #: Seconds after which its keys are fetched again; an unknown key's are at once.
    keys_lifetime_seconds: float = Field(default=3600, gt=0)
    #: Seconds for which its keys serve while it can't be reached.
    stale_keys_seconds: float = Field(default=24 * 3600, gt=0)


class ServiceSettings(BaseSettings):
    """What a service needs to run."""

    #: SQLAlchemy address of the service's own database: ``postgresql+asyncpg://user:password@host/homeward_travel``.
    database_url: str = ""
    #: Address of the broker, ``amqp://user:password@host/``; of several nodes of a cluster with commas between them.
    amqp_url: str = ""
    #: The programme's policy; the file beside the services when empty.
    programme: Path | None = None
    #: Ed25519 public key with which tokens are verified: PEM text, or the path of a PEM file.
    public_key: str = ""
    #: Ed25519 private key with which this service signs its calls to the others: PEM text, or the path of a PEM file.
    identity_key: SecretStr = SecretStr("")
    #: The public keys of the services that may call this one: a JWK set, or the path of one; ``kid`` is the name.
    service_keys: str = ""
    #: The key-encryption keys that wrap the service's data keys: a file, kept and backed up apart from the database …
    key_file: Path | None = None
    #: … or its content: ``{"current": "ID", "keys": {"ID": "32 bytes in base64"}}``.
    keys: SecretStr = SecretStr("")
    #: The file of the register of erasures; it must not be in a backup of the database. None is kept when empty.
    erasures: Path | None = None
    #: The organisation's identity provider; without one there are local accounts only. The same for every service,
    #: as JSON, or member by member: ``HOMEWARD_TRAVEL_OIDC__ISSUER``.
    oidc: IdentityProvider | None = None
    #: Ed25519 private key that signs the heads of the audit (PEM); made there, mode 0600, if there is none.
    audit_key: Path | None = None
    #: A directory to which signed heads are exported: better one that whoever runs the database can't write.
    audit_export: Path | None = None
    #: In production the programme's clock is the real one and can't be set.
    environment: Literal["production", "test", "demo"] = "production"
    #: Where the programme's clock starts in a demonstration or a test; real time when empty.
    clock_start: AwareDatetime | None = None
    #: OTLP over HTTP: ``http://collector:4318``; nothing is exported when empty.
    otlp_endpoint: str = ""
    #: Where the other services are, for their logs and their reads.
    screening_url: str = "http://screening:8000"
    travel_url: str = "http://travel:8000"
    reintegration_url: str = "http://reintegration:8000"
    monitoring_url: str = "http://monitoring:8000"
    partners_url: str = "http://partners:8000"
    #: Proxies in front of this service, with commas between: their X-Forwarded-For tells where a request comes from.
    trusted_proxies: str = ""
    #: Where this service listens.
    host: str = "127.0.0.1"
    port: int = 8000
    #: Bytes of a request's body; of one that brings a file.
    largest_body: int = Field(default=1024 * 1024, gt=0)
    largest_upload: int = Field(default=6 * 1024 * 1024, gt=0)
    #: Seconds until an answer has to begin.
    longest_request: float = Field(default=60, gt=0)
    #: Requests under way at once; who comes then is told to come again.
    most_requests: int = Field(default=1000, gt=0)

    @property
    def over_tls(self) -> bool:
        """Whether browsers reach this service by HTTPS alone."""
        return False

    def url_of(self, service: str) -> str:
        """The base address of another service."""
        return str(getattr(self, f"{service}_url"))
