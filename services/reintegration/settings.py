"""Reintegration's settings."""

from shared.settings import ServiceSettings, settings_config


class Settings(ServiceSettings):
    """From the environment: ``HOMEWARD_REINTEGRATION_…``."""

    model_config = settings_config("HOMEWARD_REINTEGRATION_")
