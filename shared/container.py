"""What a service's image runs: ``python -m shared.container [serve | migrate | healthy [PATH] | adopt FILE PLACE]``.

The image names its one service in SERVICE. A setting is taken from the environment, else from the file of its name
in /run/secrets: ``homeward_travel_database_url`` and so on.
"""

import asyncio
import importlib
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

#: Where containers get their secrets, one file for each.
SECRETS = Path("/run/secrets")


def main(words: list[str]) -> None:
    """Do what the words say. Whatever fails ends with a line and a code other than 0."""
    verb, *more = words or ["serve"]
    verbs: dict[str, Callable[..., None]] = {"serve": serve, "migrate": migrate, "healthy": healthy, "adopt": adopt}
    if verb not in verbs:
        sys.exit(f"homeward: {verb} is none of {', '.join(verbs)}")
    verbs[verb](*more)


def serve() -> None:
    """Run the service, reachable from outside its container."""
    from shared.process import serve as serve_service

    name = os.environ["SERVICE"]
    serve_service(importlib.import_module(f"services.{name}.app").create_app, settings(name))


def migrate() -> None:
    """Bring the service's database to the newest schema."""
    from shared.environment import SettingsUnusable
    from shared.persistence import migrations
    from shared.persistence.database import Database

    name = os.environ["SERVICE"]
    package = importlib.import_module(f"services.{name}")
    try:
        url = settings(name).read().database_url
    except SettingsUnusable as error:
        sys.exit(f"homeward: {error}")
    database = Database(url, name=f"homeward {name} migrate")

    async def upgrade() -> None:
        try:
            await migrations.upgrade(database, Path(str(package.__file__)).parent / "migrations")
        finally:
            await database.close()

    try:
        asyncio.run(upgrade())
    except migrations.NotOurDatabase as error:
        sys.exit(f"homeward: {error}")


def healthy(path: str = "/healthz") -> None:
    """End with 0 when the service of this container answers there with success."""
    port = os.environ.get(f"HOMEWARD_{os.environ['SERVICE'].upper()}_PORT", "8000")
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=4).close()  # nosec B310
    except (OSError, urllib.error.URLError) as error:
        sys.exit(f"homeward: not healthy: {error}")


def adopt(file: str, place: str) -> None:
    """Copy a file to a volume, unless the volume has one already; what is there is whole, whenever this ends."""
    if Path(place).exists():
        return
    try:
        with NamedTemporaryFile(dir=Path(place).parent, prefix=".adopted-", delete=False) as copy:
            try:
                copy.write(Path(file).read_bytes())
                copy.flush()
                os.fsync(copy.fileno())
                Path(copy.name).replace(place)
            except BaseException:
                Path(copy.name).unlink()
                raise
    except OSError as error:
        sys.exit(f"homeward: {file} can't be adopted: {error}")


def settings(name: str) -> Any:
    """The class of the service's settings, with each secret's file named in the environment."""
    prefix = f"HOMEWARD_{name.upper()}_"
    os.environ.setdefault(f"{prefix}HOST", "0.0.0.0")  # nosec B104
    for file in sorted(SECRETS.glob(f"{prefix.lower()}*")):
        if (setting := file.name.upper()) not in os.environ:
            os.environ.setdefault(f"{setting}_FILE", str(file))
    return importlib.import_module(f"services.{name}.settings").Settings


if __name__ == "__main__":
    main(sys.argv[1:])
