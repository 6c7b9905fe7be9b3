"""Runs a program of PostgreSQL on the embedded database: ``python -m shared.persistence.embedded DATA_DIR psql …``."""

import asyncio
import os
import sys
from pathlib import Path

from shared.persistence.embedded import EmbeddedPostgres, EmbeddedPostgresError
from shared.persistence.embedded.server import PORT


async def run(data_dir: Path, program: str, arguments: list[str]) -> int:
    def say(text: str) -> None:
        print(text, file=sys.stderr)

    async with EmbeddedPostgres(data_dir, say) as pg:
        where = {"PGHOST": str(pg.socket_directory), "PGPORT": str(PORT), "PGUSER": "postgres"}
        process = await asyncio.create_subprocess_exec(
            str(pg.programs.folder / program), *arguments, env=os.environ | where
        )
        return await process.wait()


def main() -> int:
    if len(sys.argv) < 3:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        return asyncio.run(run(Path(sys.argv[1]), sys.argv[2], sys.argv[3:]))
    except EmbeddedPostgresError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
