"""Agencies' access on the page Agencies: opened, approved, ended, suspended. The partners' service decides."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Request, Response
from pydantic import BaseModel, Field

from services.gateway.console.agencies import asked, listed
from services.gateway.console.rendering import ConsoleRoute
from shared.auth.permissions import Permission
from shared.auth.principal import Principal
from shared.errors import Refused
from shared.web.access import require

router = APIRouter(prefix="/agencies", route_class=ConsoleRoute)

Reader = Annotated[Principal, Depends(require(Permission.AGENCIES_READ))]


class Deed(StrEnum):
    """What a button beside an agency does."""

    OPEN = "open"
    APPROVE = "approve"
    END = "end"
    END_ALL = "end-all"
    SUSPEND = "suspend"
    RESUME = "resume"


_PATHS = {
    Deed.OPEN: "access-requests",
    Deed.APPROVE: "access-requests/{request}/approval",
    Deed.END: "access-requests/{request}/end",
    Deed.END_ALL: "access/end",
    Deed.SUSPEND: "suspend",
    Deed.RESUME: "resume",
}
_DONE = {
    Deed.OPEN: "Opened. Tell the contact this request code; it is not shown again. Now somebody else approves:",
    Deed.APPROVE: "Approved. Tell the contact this claim code, by another way than the first; it is not shown again:",
    Deed.END: "Ended, with every key that came of it.",
    Deed.END_ALL: "Ended: the agency has no key any more, and no code opens anything.",
    Deed.SUSPEND: "Suspended: nothing leaves to the agency.",
    Deed.RESUME: "Resumed: what was kept leaves now.",
}


class Said(BaseModel):
    """A form. ``key``: new with each form that is shown, so that a second click does nothing more."""

    key: Annotated[str, Field(pattern=r"^[0-9a-f-]{36}$")]
    request: UUID | None = None
    contact: str | None = None
    reason: str | None = None

    def body(self) -> dict[str, Any]:
        """What the partners' service is told."""
        return self.model_dump(include={"contact", "reason"}, exclude_none=True)


@router.post("/{agency_id}/access/{deed}")
async def do_deed(
    request: Request, principal: Reader, agency_id: UUID, deed: Deed, said: Annotated[Said, Form()]
) -> Response:
    """Do it, and show the page as it is then; a code is on it this once."""
    path = f"/agencies/{agency_id}/{_PATHS[deed].format(request=said.request)}"
    try:
        done = await asked(request, "POST", path, json=said.body(), headers={"Idempotency-Key": said.key})
    except Refused as refused:
        return await listed(request, principal, refused.status, fault=str(refused))
    return await listed(request, principal, done=_DONE[deed], code=_code(done or {}))


def _code(done: Mapping[str, Any]) -> str:
    return str(done.get("request_code") or done.get("claim_code") or "")
