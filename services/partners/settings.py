"""The partners' service's settings."""

from typing import Self

from pydantic import Field, SecretStr, field_validator, model_validator

from services.partners.webhooks.addresses import place_of
from shared.settings import PerSecond, Requests, Seconds, ServiceSettings, settings_config


class Settings(ServiceSettings):
    """From the environment: ``HOMEWARD_PARTNERS_…``."""

    model_config = settings_config("HOMEWARD_PARTNERS_")

    #: Requests that one agency may make …
    requests_per_second: PerSecond = 50
    #: … of which so many at once after a pause.
    burst: Requests = 1000
    #: The same for each address from which somebody comes without a key …
    strangers_per_second: PerSecond = 20
    #: … of which so many at once after a pause.
    strangers_burst: Requests = 400
    #: Claims of access that fail: so many from one address …
    claims_burst: Requests = 20
    #: … and one more after so many seconds.
    claims_every_seconds: Seconds = 30
    #: Where agencies reach this service; what ``dataschema`` begins with.
    public_url: str = "http://127.0.0.1:8000"
    #: What of our own network an agency's webhooks may call, also by plain HTTP, as JSON, by the agency's name:
    #: ``{"Reintegration NGO": ["10.1.2.3:8443"]}``. All else is reached by HTTPS at public addresses alone.
    webhook_private_hosts: dict[str, frozenset[str]] = Field(default_factory=dict)
    #: The broker that agencies consume from, better none of our own: ``amqps://user:password@host`` of the user that
    #: publishes. Without these three nobody can subscribe by AMQP.
    agencies_amqp_url: SecretStr = SecretStr("")
    #: Its management API, ``https://user:password@host``, of a user with the tag ``administrator``.
    agencies_management_url: SecretStr = SecretStr("")
    #: Where agencies reach it: ``amqps://host:5671``.
    agencies_amqp_public_url: str = ""
    #: What our virtual hosts, users and queues there begin with; another one for each installation that shares it.
    agencies_amqp_prefix: str = Field(default="homeward", pattern=r"^[a-z0-9-]{1,40}$")

    @field_validator("webhook_private_hosts")
    @classmethod
    def _places(cls, value: dict[str, frozenset[str]]) -> dict[str, frozenset[str]]:
        for each in value.values():
            for place in each:
                place_of(place)
        return value

    @model_validator(mode="after")
    def _all_or_none(self) -> Self:
        there = [bool(each) for each in self._of_amqp]
        if any(there) and not all(there):
            raise ValueError("agencies_amqp_url, agencies_management_url and agencies_amqp_public_url go together")
        return self

    @property
    def by_amqp(self) -> bool:
        """Whether agencies can be delivered to by AMQP."""
        return all(self._of_amqp)

    @property
    def _of_amqp(self) -> tuple[str, str, str]:
        urls = (self.agencies_amqp_url, self.agencies_management_url)
        return (urls[0].get_secret_value(), urls[1].get_secret_value(), self.agencies_amqp_public_url)
