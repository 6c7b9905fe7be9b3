"""Runs the tally alone: ``python -m tests.benchmark.tally``."""

from pathlib import Path

from shared.contracts import screening
from shared.process import serve
from shared.service import Service
from shared.settings import ServiceSettings, settings_config
from tests.benchmark.tally import HANDLERS, Unit


class Settings(ServiceSettings):
    """Read from HOMEWARD_TALLY_*."""

    model_config = settings_config("HOMEWARD_TALLY_")


def service(settings: ServiceSettings) -> Service:
    """The tally."""
    return Service(
        name="tally",
        source="/homeward/tally",
        settings=settings,
        unit=Unit,
        publish=lambda event: event,
        handlers=HANDLERS,
        follows=(screening.SOURCE,),
        migrations=Path(__file__).parent / "migrations",
    )


if __name__ == "__main__":
    serve(lambda settings: service(settings).app, Settings)
