"""Runs the embedded database in a process of its own: commits one row, tells its process ids, and waits to be ended."""

import asyncio
import json
import sys
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from shared.persistence.embedded import EmbeddedPostgres


async def own(data_dir: Path, note: str) -> None:
    def say(progress: str) -> None:
        print(progress, file=sys.stderr)

    async with EmbeddedPostgres(data_dir, say) as pg:
        await pg.ensure_database("ledger")
        engine = create_async_engine(pg.url("ledger"))
        async with engine.begin() as connection:
            await connection.execute(text("CREATE TABLE IF NOT EXISTS entry (note text NOT NULL)"))
            await connection.execute(text("INSERT INTO entry VALUES (:note)"), {"note": note})
        print(json.dumps({"postgres": pg.pid}), flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(own(Path(sys.argv[1]), sys.argv[2]))
