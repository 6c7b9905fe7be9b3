"""Settings that every service has. Each reads them from the environment under its own prefix."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar, get_args

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from shared.auth.discovery import SecureUrl
from shared.auth.keys import KeyUnusable
from shared.auth.roles import Role
from shared.environment import SettingsUnusable, faults_of, signed_in, with_files

T = TypeVar("T")

#: Signatures that are checked with a public key.
Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519", "EdDSA"]


@dataclass(frozen=True)
class Unit:
    """In what a setting is counted."""

    name: str


Bytes = Annotated[int, Field(gt=0), Unit("bytes")]
Seconds = Annotated[float, Field(gt=0), Unit("seconds")]
Requests = Annotated[int, Field(gt=0), Unit("requests")]
PerSecond = Annotated[float, Field(gt=0), Unit("requests a second")]


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
    #: After these its keys are fetched again; an unknown key's are at once.
    keys_lifetime_seconds: Seconds = 3600
    #: So long its keys serve while it can't be reached.
    stale_keys_seconds: Seconds = 24 * 3600


class ServiceSettings(BaseSettings):
    """What a service needs to run."""

    #: SQLAlchemy address of the service's own database: ``postgresql+asyncpg://user:password@host/homeward_travel``.
    database_url: str = Field(default="", repr=False)
    #: Who signs in there, where the address names nobody …
    database_user: str = ""
    #: … and the password.
    database_password: str = Field(default="", repr=False)
    #: Address of the broker, ``amqp://user:password@host/``; of several nodes of a cluster with commas between them.
    amqp_url: str = Field(default="", repr=False)
    #: Who signs in there, where the address names nobody …
    amqp_user: str = ""
    #: … and the password.
    amqp_password: str = Field(default="", repr=False)
    #: The programme's policy; the file beside the services when empty. A sound change is taken over within seconds, a
    #: file with a fault changes nothing and is told in the log.
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
    #: Where the other services are, for their logs and their reads: screening …
    screening_url: str = "http://screening:8000"
    #: … travel …
    travel_url: str = "http://travel:8000"
    #: … reintegration …
    reintegration_url: str = "http://reintegration:8000"
    #: … monitoring …
    monitoring_url: str = "http://monitoring:8000"
    #: … and partners.
    partners_url: str = "http://partners:8000"
    #: Where every replica of another service is, ready or not, for its log, its health and reports to it:
    #: ``http://{service}-replicas:8000``. Where it is for all else when empty.
    replicas_at: str = ""
    #: Proxies in front of this service, with commas between: their X-Forwarded-For tells where a request comes from.
    trusted_proxies: str = ""
    #: The address on which this service listens …
    host: str = "127.0.0.1"
    #: … and the port.
    port: int = Field(default=8000, ge=1, le=65535)
    #: The largest body of a request …
    largest_body: Bytes = 1024 * 1024
    #: … and of one that brings a file.
    largest_upload: Bytes = 6 * 1024 * 1024
    #: Until an answer has to begin.
    longest_request: Seconds = 60
    #: Requests under way at once; who comes then is told to come again.
    most_requests: Requests = 1000

    @classmethod
    def read(cls, **values: Any) -> Self:
        """From the environment, but for what is given here. Raises SettingsUnusable."""
        try:
            return cls(**values)
        except ValidationError as error:
            raise faults_of(error, cls.prefix()) from None
        except SettingsError as error:
            # It names the setting, and its cause has the value.
            setting = str(error).split('"')[1].upper()
            raise SettingsUnusable(f"{cls.prefix()}{setting}: it is given as JSON, and this is none") from None

    @classmethod
    def prefix(cls) -> str:
        """With what its variables' names begin."""
        return cls.model_config.get("env_prefix", "")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What is given to the class, then the environment and the files that it names."""
        if cls.prefix() and isinstance(env_settings, EnvSettingsSource):
            paths = {name for name, field in cls.model_fields.items() if Path in get_args(field.annotation)}
            env_settings.env_vars = with_files(env_settings.env_vars, cls.prefix().lower(), cls.model_fields, paths)
        return init_settings, env_settings

    @model_validator(mode="before")
    @classmethod
    def _signed_in(cls, given: dict[str, Any]) -> dict[str, Any]:
        found = dict(given)
        for server in ("database", "amqp"):
            user, password = (str(given.get(f"{server}_{each}", "")) for each in ("user", "password"))
            if user or password:
                found[f"{server}_url"] = signed_in(str(given.get(f"{server}_url", "")), user, password)
        return found

    @field_validator("database_url")
    @classmethod
    def _of_a_database(cls, value: str) -> str:
        try:
            if value:
                make_url(value)
        except (ArgumentError, ValueError):
            raise ValueError("this is no address of a database") from None
        return value

    @field_validator(*(f"{name}_url" for name in ("screening", "travel", "reintegration", "monitoring", "partners")))
    @classmethod
    def _of_a_service(cls, value: str) -> str:
        if not re.fullmatch(r"https?://[^\s/]+/?\S*", value):
            raise ValueError("this is no http:// or https:// address")
        return value

    @field_validator("replicas_at")
    @classmethod
    def _of_each_service(cls, value: str) -> str:
        if value and not re.fullmatch(r"https?://[^\s{}]*\{service\}[^\s{}]*", value):
            raise ValueError("this is no http:// or https:// address with {service} in it")
        return value

    @model_validator(mode="after")
    def _contradict_nothing(self) -> Self:
        if self.key_file and self.keys.get_secret_value():
            raise ValueError("key_file and keys are both set: the keys are in one of them")
        if self.audit_export and not self.audit_key:
            raise ValueError("audit_export needs audit_key: what is exported is signed")
        if self.clock_start and self.environment == "production":
            raise ValueError("clock_start is for a demonstration or a test: in production the time is the real one")
        return self

    def read_as(self, setting: str, read: Callable[[str], T]) -> T:
        """What a key's setting holds. Raises SettingsUnusable."""
        value = getattr(self, setting)
        try:
            return read(value.get_secret_value() if isinstance(value, SecretStr) else value)
        except KeyUnusable as error:
            raise SettingsUnusable(f"{self.prefix()}{setting.upper()}: {error}") from None

    @property
    def over_tls(self) -> bool:
        """Whether browsers reach this service by HTTPS alone."""
        return False

    def url_of(self, service: str) -> str:
        """The base address of another service."""
        return str(getattr(self, f"{service}_url"))

    def replicas_of(self, service: str) -> str:
        """The base address at which every replica of another service is found, ready or not."""
        return self.replicas_at.replace("{service}", service) or self.url_of(service)
