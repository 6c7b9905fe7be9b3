"""Local accounts as an administrator sees and changes them."""

import asyncio
from collections.abc import Callable
from typing import Annotated, Any
from uuid import UUID

import structlog
from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field

from services.gateway.sessions import Sessions, sessions
from shared.audit.trail import Deed
from shared.auth.accounts import Account, Whose
from shared.auth.administration import Administration
from shared.auth.permissions import Permission
from shared.auth.principal import EVERY_OFFICE, Principal
from shared.auth.roles import Role
from shared.persistence.offices import seen_by, sight_of
from shared.web.access import require
from shared.web.commands import Desk

router = APIRouter(prefix="/api/accounts", tags=["accounts"])

Admin = Annotated[Principal, Depends(require(Permission.ACCOUNTS_MANAGE))]
Local = Annotated[Sessions, Depends(sessions)]


def _desk(request: Request) -> Desk:
    desk: Desk = request.app.state.desk
    return desk


TheDesk = Annotated[Desk, Depends(_desk)]

log = structlog.get_logger()


class NewAccount(BaseModel):
    """Somebody who shall sign in."""

    name: str = Field(min_length=1, max_length=100, pattern=r"^[\w.@-]+$")
    roles: list[Role] = Field(min_length=1)
    offices: list[str] = Field([EVERY_OFFICE], min_length=1)


class FirstPassword(BaseModel):
    """A password that is shown once and has to be changed at the first sign-in."""

    name: str
    first_password: str


class AccountRow(BaseModel):
    """One account."""

    id: str
    name: str
    roles: list[Role]
    offices: list[str]
    disabled: bool
    password_changed: bool
    second_factor: bool
    #: Seconds for which the name has to wait after failed sign-ins.
    waits: int


class AccountList(BaseModel):
    """Every account."""

    accounts: list[AccountRow]


@router.get("")
async def list_accounts(admin: Admin, each: Local) -> AccountList:
    """Every account, and which names have to wait."""
    return AccountList(accounts=await asyncio.to_thread(account_rows, each.administration))


@router.post("", status_code=201)
async def add_account(body: NewAccount, admin: Admin, each: Local, desk: TheDesk) -> FirstPassword:
    """A new account; the answer alone holds its first password."""
    given = await _done(
        "added", body.name, admin, lambda held: held.add(body.name, body.roles, body.offices), each, desk
    )
    return FirstPassword(name=body.name, first_password=given)


@router.post("/{name}/password")
async def reset_password(name: str, admin: Admin, each: Local, desk: TheDesk) -> FirstPassword:
    """A new first password for somebody who has lost theirs; their sessions end."""
    given = await _done("password reset", name, admin, lambda held: held.reset_password(name), each, desk)
    return FirstPassword(name=name, first_password=given)


@router.post("/{name}/second-factor", status_code=204)
async def reset_second_factor(name: str, admin: Admin, each: Local, desk: TheDesk) -> Response:
    """The second factor is gone, for somebody who has lost it; their sessions end."""
    await _done("second factor reset", name, admin, lambda held: held.reset_factor(name), each, desk)
    return Response(status_code=204)


@router.post("/{name}/unlock", status_code=204)
async def unlock(name: str, admin: Admin, each: Local, desk: TheDesk) -> Response:
    """The name no longer has to wait."""
    await _done("unlocked", name, admin, lambda held: held.unlock(name), each, desk)
    return Response(status_code=204)


@router.post("/{name}/disable", status_code=204)
async def disable(name: str, admin: Admin, each: Local, desk: TheDesk) -> Response:
    """Nobody signs in with the account any more, and its sessions end."""
    await _done("disabled", name, admin, lambda held: held.disable(name), each, desk)
    return Response(status_code=204)


@router.post("/{name}/enable", status_code=204)
async def enable(name: str, admin: Admin, each: Local, desk: TheDesk) -> Response:
    """The account is in use again."""
    await _done("enabled", name, admin, lambda held: held.enable(name), each, desk)
    return Response(status_code=204)


def account_rows(administration: Administration) -> list[AccountRow]:
    """The accounts as they are listed."""
    return [_row(each, administration.waits(each.name)) for each in administration.accounts.all()]


async def _done(
    what: str, name: str, admin: Principal, act: Callable[[Administration], Any], each: Sessions, desk: Desk
) -> Any:
    async with seen_by(sight_of(admin, desk.programme), desk.database) as connection:
        result = await asyncio.to_thread(act, each.administration)
        # By id: neither a log nor the audit holds a name.
        account = each.administration.accounts.get(name).id
        await desk.trail.append(connection, Deed(admin, f"account {what}", None, {None: [UUID(account)]}))
    log.info("account changed", what=what, account=account, by=admin.id)
    return result


def _row(account: Account, waits: float) -> AccountRow:
    return AccountRow(
        id=account.id,
        name=account.name,
        roles=sorted(account.roles),
        offices=sorted(account.offices),
        disabled=account.disabled,
        password_changed=account.password is Whose.OWN,
        second_factor=account.factor is not None,
        waits=int(waits),
    )
