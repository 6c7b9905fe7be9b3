"""Settings that every service has. Each reads them from the environment under its own prefix."""

from pathlib import Path
from typing import Literal

from pydantic import AwareDatetime, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


def settings_config(prefix: str) -> SettingsConfigDict:
    """pydantic-settings' configuration for a service: ``HOMEWARD_TRAVEL_DATABASE_URL`` and the like."""
    return SettingsConfigDict(env_prefix=prefix, extra="forbid", frozen=True)


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
    #: The token with which this service calls the others.
    service_token: str = ""
    #: The key-encryption keys that wrap the service's data keys: a file, kept and backed up apart from the database …
    key_file: Path | None = None
    #: … or its content: ``{"current": "ID", "keys": {"ID": "32 bytes in base64"}}``.
    keys: SecretStr = SecretStr("")
    #: The file of the register of erasures; it must not be in a backup of the database. None is kept when empty.
    erasures: Path | None = None
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
    #: Proxies in front of this service, with commas between: their X-Forwarded-For tells where a request comes from.
    trusted_proxies: str = ""
    #: Where this service listens.
    host: str = "127.0.0.1"
    port: int = 8000

    def url_of(self, service: str) -> str:
        """The base address of another service."""
        return str(getattr(self, f"{service}_url"))
