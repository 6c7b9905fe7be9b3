"""The gateway's settings: ``HOMEWARD_GATEWAY_…`` in the environment."""

from pathlib import Path

from shared.auth.roles import Role
from shared.settings import ServiceSettings, settings_config


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
