"""Signed heads: what an office's chain was at a moment, given out before anybody could cut it back.

Each is a JSON Web Signature (RFC 7515) with Ed25519 over the service, the office, the number and hash of its last entry
and the time. They are appended to a file that should lie where the service's own operators can't reach it.
"""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime
from os import SEEK_END
from pathlib import Path
from typing import Any

import orjson
import structlog
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey
from pydantic import BaseModel, ValidationError
from sqlalchemy.exc import SQLAlchemyError

from shared.appending import alone_with
from shared.audit.verification import SEEN, Offices
from shared.auth.keys import load_or_generate_key, public_pem
from shared.auth.tokens import ALGORITHM
from shared.errors import Unavailable
from shared.persistence.database import Database, rows

log = structlog.get_logger()

#: Seconds between two exports: what was written since the last one could be cut off unseen.
EVERY = 60.0
#: Bytes at the end of the file of exported heads that are looked at: some hundred heads.
_END = 64 * 1024


class NoAuditKey(Unavailable):
    """This service has no key to sign the heads of its audit with: set audit_key."""


class ForgedHead(Exception):
    """A head is not signed by the service's key."""


class SignedHead(BaseModel):
    """The last entry of an office's chain at a moment."""

    service: str
    office: str
    number: int
    hash: str
    at: str


def opened(token: str, key: OKPKey) -> SignedHead:
    """The head that a signature covers. Raises ForgedHead."""
    try:
        payload = jws.deserialize_compact(token, key, algorithms=[ALGORITHM]).payload
        return SignedHead.model_validate_json(payload or b"")
    except (JoseError, ValidationError, ValueError) as error:
        raise ForgedHead from error


class Heads:
    """Signs and exports the heads of one service's audit. ``key``: the file of the private key, made if missing."""

    def __init__(self, service: str, database: Database, key: Path | None, export: Path | None) -> None:
        if export and not key:
            raise ValueError("to export the heads of the audit, set audit_key too")
        self._service, self._database, self._file = service, database, key
        self._export = export
        self._key: OKPKey | None = None
        #: The numbers that were exported last, by office.
        self._exported: dict[str, int] = {}

    @property
    def public_key(self) -> str:
        """What signatures are verified with, as PEM. Raises NoAuditKey."""
        return public_pem(self._signer())

    async def signed(self, offices: Offices = None) -> list[str]:
        """The heads of now. Raises NoAuditKey."""
        return [self._sign(row) for row in await self._rows(offices)]

    async def export(self) -> int:
        """Append the heads that have gone on to the file; how many."""
        if self._export is None:
            return 0
        fresh = [row for row in await self._rows(None) if self._exported.get(row.office) != row.number]
        if fresh:
            lines = "".join(f"{self._sign(row)}\n" for row in fresh)
            await asyncio.to_thread(self._append, self._export, lines)
            self._exported |= {row.office: row.number for row in fresh}
        return len(fresh)

    async def try_to_export(self) -> None:
        """Export; that it fails is said, and stops nobody."""
        try:
            await self.export()
        except (OSError, SQLAlchemyError) as error:
            log.warning("heads of the audit not exported", error=type(error).__name__)

    async def run(self) -> None:
        """Export until cancelled."""
        while True:
            await self.try_to_export()
            await asyncio.sleep(EVERY)

    async def cut_back(self) -> bool:
        """Whether a chain ends before what was exported of it last: the database is an earlier one, however it came.

        Until the heads are exported again, which is done as soon as that is known.
        """
        if self._export is None:
            return False
        exported = await asyncio.to_thread(self._exported_last, self._export / f"{self._service}.heads")
        here = {row.office: row.number for row in await self._rows(None)}
        return any(number > here.get(office, 0) for office, number in exported.items())

    async def _rows(self, offices: Offices) -> list[Any]:
        async with self._database.transaction() as connection:
            statement = f"SELECT office, number, hash FROM audit_head WHERE {SEEN} ORDER BY office"
            return await rows(connection, statement, offices=offices)

    def _sign(self, row: Any) -> str:
        head = SignedHead(
            service=self._service,
            office=row.office,
            number=row.number,
            hash=row.hash.hex(),
            at=datetime.now(UTC).isoformat(),
        )
        payload = orjson.dumps(head.model_dump(), option=orjson.OPT_SORT_KEYS)
        return jws.serialize_compact({"alg": ALGORITHM}, payload, self._signer(), algorithms=[ALGORITHM])

    def _signer(self) -> OKPKey:
        if self._file is None:
            raise NoAuditKey
        if self._key is None:
            self._key = load_or_generate_key(self._file)
        return self._key

    def _exported_last(self, place: Path) -> dict[str, int]:
        """By office, of those with something at the end of the file."""
        found: dict[str, int] = {}
        # Who may only append to it finds nothing there either.
        with suppress(OSError):
            with place.open("rb") as file:
                file.seek(max(0, file.seek(0, SEEK_END) - _END))
                lines = file.read().decode("ascii", "ignore").split()
            for line in lines:
                # The first one is cut, and whoever appends at the moment has not come to the end of theirs.
                with suppress(ForgedHead):
                    head = opened(line, self._signer())
                    found[head.office] = head.number
        return found

    def _append(self, folder: Path, lines: str) -> None:
        with alone_with(folder / f"{self._service}.heads", 0o666) as file:
            key = folder / f"{self._service}.pub"
            if not key.exists():
                key.write_text(self.public_key, encoding="ascii")
            file.write(lines)
