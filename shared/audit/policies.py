"""Which programme was in force since when: in the audit by its digest, and its text beside the signed heads."""

import asyncio
from functools import partial
from pathlib import Path

import orjson
import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.audit.trail import PROGRAMME, Deed, Trail
from shared.auth.principal import EVERY_OFFICE, Principal
from shared.persistence.database import Database, rows
from shared.policy import Policy

log = structlog.get_logger()

#: As whom the file is written down: who has changed it is known where it is kept.
ACTOR = Principal("programme", "programme", frozenset(), frozenset({EVERY_OFFICE}))
_LAST = """
    SELECT entry FROM audit_entry WHERE office = :office AND audit_content(entry) @> CAST(:actor AS jsonb)
    ORDER BY number DESC LIMIT 1"""


class PolicyHistory:
    """One service's. ``export``: where the signed heads are, or none."""

    def __init__(self, trail: Trail, database: Database, export: Path | None) -> None:
        self._trail, self._database, self._export = trail, database, export

    async def write_down(self, policy: Policy) -> None:
        """That it is in force, unless it was the last that was written down. What fails is done at the next start."""
        try:
            await self._database.retried(partial(self._append, f"programme:{policy.digest}"))
            if self._export:
                await asyncio.to_thread(_keep, self._export / f"programme-{policy.digest}.toml", policy.content)
        except (OSError, SQLAlchemyError) as error:
            log.warning("programme not written down", error=type(error).__name__)

    async def _append(self, action: str, connection: AsyncConnection) -> None:
        last = await rows(connection, _LAST, office=PROGRAMME, actor=orjson.dumps({"actor": ACTOR.id}).decode())
        if not last or orjson.loads(last[0].entry)["action"] != action:
            await self._trail.append(connection, Deed(ACTOR, action, None, {}))


def _keep(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    if not file.exists():
        file.write_bytes(content)
