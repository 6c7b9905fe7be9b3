"""What somebody does that has to do with no case, in the audit of the actor's office."""

from fastapi import Request

from shared.audit.trail import Deed, Subjects
from shared.auth.principal import Principal
from shared.web.commands import Desk, action_of


async def note(request: Request, principal: Principal, action: str = "", subjects: Subjects | None = None) -> None:
    """Write it down, under the route's name unless it has one of its own.

    Before it is done: what can't be written down isn't done. So an entry tells what was asked for, refused or not.
    """
    desk: Desk = request.app.state.desk
    async with desk.database.transaction() as connection:
        await desk.trail.append(connection, Deed(principal, action or action_of(request), None, subjects or {}))
