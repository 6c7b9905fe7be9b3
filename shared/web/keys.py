"""The data keys of a service, for those who run it: what wraps them, and wrapping them with the current key."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel

from shared.auth.permissions import Permission
from shared.auth.principal import Principal
from shared.protection.vault import Vault, key_ids, wrapped_otherwise
from shared.web.access import of_every_office, require
from shared.web.deeds import note

router = APIRouter(tags=["internal"], dependencies=[Depends(of_every_office)])

Keeper = Annotated[Principal, Depends(require(Permission.KEYS_WRAP))]


class Keys(BaseModel):
    """The current key-encryption key's id, and how many data keys each one wraps."""

    current: str
    wraps: dict[str, int]


class WrappedAgain(BaseModel):
    """How many data keys were wrapped anew, and how many are left to do."""

    current: str
    wrapped: int
    left: int


@router.get("/keys", dependencies=[Depends(require(Permission.KEYS_READ))])
async def show_keys(request: Request) -> Keys:
    """Which key-encryption keys are in use."""
    service = request.app.state.service
    vault: Vault = service.vault
    async with service.database.transaction() as connection:
        return Keys(current=vault.wrapping.current, wraps=await key_ids(connection))


@router.post("/keys/wrap")
async def wrap_again(
    request: Request, keeper: Keeper, limit: Annotated[int, Query(ge=1, le=5000)] = 1000
) -> WrappedAgain:
    """Wrap some of the data keys with the current key; ask again while any are left. Nothing stops meanwhile."""
    service = request.app.state.service
    vault: Vault = service.vault
    await note(request, keeper)
    wrapped = await service.database.retried(lambda connection: vault.wrap_again(connection, limit))
    async with service.database.transaction() as connection:
        left = await wrapped_otherwise(connection, vault.wrapping.current)
    return WrappedAgain(current=vault.wrapping.current, wrapped=wrapped, left=left)
