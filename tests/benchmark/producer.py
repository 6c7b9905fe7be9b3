"""A producer's process: answers for a log and publishes it, and does nothing else.

``python -m tests.benchmark.producer screening``. The real service would also follow others and handle what they
publish, which is not what is measured.
"""

import sys
from pathlib import Path

from shared.messaging.handlers import handlers
from shared.persistence.unit_of_work import UnitOfWork
from shared.service import Service, serve
from shared.settings import ServiceSettings, settings_config


def main() -> None:
    """``NAME``: which service's log."""
    name = sys.argv[1]

    class Settings(ServiceSettings):
        model_config = settings_config(f"HOMEWARD_{name.upper()}_")

    settings = Settings()
    service = Service(
        name=name,
        source=f"/homeward/{name}",
        settings=settings,
        unit=UnitOfWork,
        handlers=handlers(),
        follows=(),
        migrations=Path(__file__).parents[2] / "services" / name / "migrations",
    )
    serve(lambda _: service.app, settings)


if __name__ == "__main__":
    main()
