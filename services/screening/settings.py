"""Screening's settings, from the environment."""

from shared.settings import ServiceSettings, settings_config


class Settings(ServiceSettings):
    """Read from HOMEWARD_SCREENING_*."""

    model_config = settings_config("HOMEWARD_SCREENING_")
