"""The partners' service's settings."""

from shared.settings import ServiceSettings, settings_config


class Settings(ServiceSettings):
    """From the environment: ``HOMEWARD_PARTNERS_…``."""

    model_config = settings_config("HOMEWARD_PARTNERS_")

    #: Where agencies reach this service; what ``dataschema`` begins with.
    public_url: str = "http://127.0.0.1:8000"
    #: Hosts of our own network that webhooks may call, also by plain HTTP, as JSON: ``["partner.intern", "10.1.2.3"]``.
    #: All others are reached by HTTPS at public addresses alone.
    webhook_private_hosts: frozenset[str] = frozenset()
