"""Runs the tally alone: ``python -m tests.benchmark.tally``."""

from pathlib import Path

from shared.contracts import screening
from shared.service import Service, serve
from shared.settings import ServiceSettings, settings_config
from tests.benchmark.tally import HANDLERS, Unit


class Settings(ServiceSettings):
    """Read from HOMEWARD_TALLY_*."""

    model_config = settings_config("HOMEWARD_TALLY_")


def main() -> None:
    """Until it is told to stop."""
    settings = Settings()
    service = Service(
        name="tally",
        source="/homeward/tally",
        settings=settings,
        unit=Unit,
        publish=lambda event: event,
        handlers=HANDLERS,
        follows=(screening.SOURCE,),
        migrations=Path(__file__).parent / "migrations",
    )
    serve(lambda _: service.app, settings)


if __name__ == "__main__":
    main()
