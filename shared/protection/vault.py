"""Sealing and opening what is personal: AES-256-GCM under one data key per owner, each bound to its row and column.

An owner is whom the data are about: a person in screening, the person's case elsewhere. Who destroys an owner's data
key erases everything that was sealed for the owner, in every copy that lacks the key.
"""

import hashlib
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.errors import HomewardError
from shared.persistence.database import Database, rows, run, scalar
from shared.protection.aead import AESGCM, InvalidTag, decrypt, encrypt
from shared.protection.wrapping import Wrapping

#: Begins what is sealed like this, so that another way can follow.
_VERSION = b"\x01"
#: Owns the service's own secrets: the key of its blind indexes, and texts that are about nobody in particular.
SERVICE = UUID(int=0)
#: Unwrapped keys that are remembered: as many people as a service works on at once.
_REMEMBERED = 20_000


class Erased(HomewardError):
    """This person's data were erased: nothing can be recorded about the person any more."""

    status = 410


class SealBroken(HomewardError):
    """A protected value does not belong to its record, or was changed: report it to the administrator at once."""


class Vault:
    """One service's data keys. They are in its database, wrapped by a key that isn't."""

    def __init__(self, wrapping: Wrapping) -> None:
        self.wrapping = wrapping
        #: By owner too: another's key is not the owner's because it was opened before.
        self._ciphers: dict[tuple[UUID, bytes], AESGCM] = {}
        self._index = b""

    async def open(self, connection: AsyncConnection) -> None:
        """Have the key of the blind indexes, made once. Raises KeysUnusable with another service's keys."""
        [found] = await self._rows(connection, [SERVICE]) or await self._make(connection, [SERVICE])
        self._index = await self.wrapping.unwrap(found.key_id, found.wrapped, SERVICE.bytes)

    def blind(self, *parts: str) -> str:
        """A key under which the same parts are found again, and which tells nothing to who has no key."""
        return self.digest("\x1f".join(parts).encode()).hex()

    def digest(self, content: bytes) -> bytes:
        """The same for the same content, and for who has no key no way to tell whether a guess is right."""
        if not self._index:
            raise RuntimeError("the vault was not opened")
        return hashlib.blake2b(content, key=self._index, digest_size=16).digest()

    async def ciphers(self, connection: AsyncConnection, owners: Iterable[UUID]) -> dict[UUID, AESGCM]:
        """The owners' ciphers; who has no data key gets one. Raises Erased."""
        wanted = sorted(set(owners))
        found = {row.owner: row for row in await self._rows(connection, wanted)} if wanted else {}
        if new := [owner for owner in wanted if owner not in found]:
            found |= {row.owner: row for row in await self._make(connection, new)}
        return await self._opened(found.values())

    async def first_ciphers(self, connection: AsyncConnection, owners: Iterable[UUID]) -> dict[UUID, AESGCM]:
        """The same for owners who most likely have none yet. Raises Erased."""
        return await self._opened(await self._make(connection, sorted(set(owners))))

    async def cipher(self, owner: UUID, key_id: str | None, wrapped: bytes | None) -> AESGCM:
        """The cipher of a wrapped data key. Raises Erased when there is none any more."""
        if wrapped is None or key_id is None:
            raise Erased
        known = self._ciphers.get((owner, wrapped))
        if known is None:
            if len(self._ciphers) >= _REMEMBERED:
                self._ciphers.clear()
            known = self._ciphers[owner, wrapped] = AESGCM(await self.wrapping.unwrap(key_id, wrapped, owner.bytes))
        return known

    async def destroy(self, connection: AsyncConnection, owners: Iterable[UUID]) -> None:
        """Destroy data keys for good; an owner without one can't get one later either."""
        await run(
            connection,
            """INSERT INTO data_key (owner, destroyed_at) SELECT owner, clock_timestamp()
               FROM unnest(CAST(:owners AS uuid[])) AS owner ORDER BY owner
               ON CONFLICT (owner) DO UPDATE SET key_id = NULL, wrapped = NULL, destroyed_at = clock_timestamp()
               WHERE data_key.wrapped IS NOT NULL""",
            owners=list(owners),
        )

    async def not_destroyed(self, connection: AsyncConnection, owners: Iterable[UUID]) -> list[UUID]:
        """Those of the owners who have a data key or could still get one."""
        statement = """SELECT owner FROM unnest(CAST(:owners AS uuid[])) AS owner
                       WHERE NOT EXISTS (SELECT 1 FROM data_key WHERE data_key.owner = owner.owner AND wrapped IS NULL)
                       ORDER BY owner"""
        return [row.owner for row in await rows(connection, statement, owners=list(owners))]

    async def wrap_again(self, connection: AsyncConnection, limit: int) -> int:
        """Wrap some of the data keys that were wrapped with another key than the current one; how many it were."""
        old = await rows(
            connection,
            """SELECT owner, key_id, wrapped FROM data_key WHERE key_id <> :current
               ORDER BY owner LIMIT :limit FOR UPDATE""",
            current=self.wrapping.current,
            limit=limit,
        )
        owners, ids, wrapped = [], [], []
        for row in old:
            data_key = await self.wrapping.unwrap(row.key_id, row.wrapped, row.owner.bytes)
            key_id, again = await self.wrapping.wrap(data_key, row.owner.bytes)
            owners.append(row.owner)
            ids.append(key_id)
            wrapped.append(again)
        await run(connection, f"UPDATE data_key SET {_SET} FROM {_NEW} WHERE data_key.owner = new.owner",
                  owners=owners, ids=ids, wrapped=wrapped)  # fmt: skip
        return len(old)

    async def _rows(self, connection: AsyncConnection, owners: list[UUID]) -> list[Any]:
        statement = "SELECT owner, key_id, wrapped FROM data_key WHERE owner = ANY(:owners)"
        return await rows(connection, statement, owners=owners)

    async def _make(self, connection: AsyncConnection, owners: list[UUID]) -> list[Any]:
        made = [await self.wrapping.wrap(AESGCM.generate_key(256), owner.bytes) for owner in owners]
        new = await rows(
            connection,
            f"""INSERT INTO data_key (owner, key_id, wrapped) SELECT owner, key_id, wrapped FROM {_NEW}
                ON CONFLICT DO NOTHING RETURNING owner, key_id, wrapped""",
            owners=owners,
            ids=[key_id for key_id, _ in made],
            wrapped=[wrapped for _, wrapped in made],
        )
        # Who had one, perhaps from another transaction that was first: it is that one that counts.
        had = sorted(set(owners) - {row.owner for row in new})
        return [*new, *(await self._rows(connection, had) if had else ())]

    async def _opened(self, found: Iterable[Any]) -> dict[UUID, AESGCM]:
        return {row.owner: await self.cipher(row.owner, row.key_id, row.wrapped) for row in found}


#: Under this name a database's connections have its vault with them.
_OPTION = "homeward_vault"


def equip(database: Database, vault: Vault) -> None:
    """Have every connection of the database open and seal with this vault."""
    database.equip(**{_OPTION: vault})


def vault_of(connection: AsyncConnection) -> Vault:
    """The vault of the database to which the connection goes."""
    found = connection.sync_connection and connection.sync_connection.get_execution_options().get(_OPTION)
    if not isinstance(found, Vault):
        raise RuntimeError("this database was not equipped with a vault")
    return found


_NEW = (
    "unnest(CAST(:owners AS uuid[]), CAST(:ids AS text[]), CAST(:wrapped AS bytea[])) AS new (owner, key_id, wrapped)"
)
_SET = "key_id = new.key_id, wrapped = new.wrapped"


async def key_ids(connection: AsyncConnection) -> dict[str, int]:
    """How many data keys each key-encryption key wraps."""
    found = await rows(
        connection,
        "SELECT key_id, count(*) AS n FROM data_key WHERE key_id IS NOT NULL GROUP BY key_id ORDER BY key_id",
    )
    return {row.key_id: row.n for row in found}


async def wrapped_otherwise(connection: AsyncConnection, current: str) -> int:
    """How many data keys another key than the current one wraps."""
    return int(await scalar(connection, "SELECT count(*) FROM data_key WHERE key_id <> :current", current=current))


def seal(cipher: AESGCM, text: str, place: str) -> bytes:
    """The text, sealed for one place: ``table.column/row``."""
    return _VERSION + encrypt(cipher, text.encode(), place.encode())


def unseal(cipher: AESGCM, sealed: bytes, place: str) -> str:
    """The text. Raises SealBroken for what was sealed for another place or was changed."""
    if sealed[:1] != _VERSION:
        raise SealBroken
    try:
        return decrypt(cipher, sealed[len(_VERSION) :], place.encode()).decode()
    except InvalidTag:
        raise SealBroken from None
