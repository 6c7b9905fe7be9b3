"""Makes what there is at the broker equal to what subscriptions say; what isn't ours is never touched.

The broker is looked at before our tables are: whatever a subscription has had made until then is seen as wanted.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from services.partners.amqp import passwords
from services.partners.amqp.management import Management
from services.partners.amqp.naming import Naming
from services.partners.amqp.wanted import USER_LIMITS, Queue, Wanted, arguments, of_subscription

NOTHING, EVERYTHING = "^$", ".*"
#: Publishing to a queue by its name goes through the exchange that has none.
PUBLISHING = r"^amq\.default$"
#: While a queue is made nobody publishes to it, and what it held is published again afterwards. False: somebody does.
Alone = Callable[[UUID], AbstractAsyncContextManager[bool]]


@dataclass
class Present:
    """What there is of ours."""

    version: int
    vhosts: set[str] = field(default_factory=set)
    users: dict[str, dict[str, Any]] = field(default_factory=dict)
    #: By virtual host and user.
    permissions: dict[tuple[str, str], tuple[str, str, str]] = field(default_factory=dict)
    vhost_limits: dict[str, Mapping[str, int]] = field(default_factory=dict)
    user_limits: dict[str, Mapping[str, int]] = field(default_factory=dict)
    #: By virtual host and name.
    queues: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)


async def look(api: Management, naming: Naming) -> Present:
    """Everything of ours at the broker."""
    here = Present(await api.version())
    here.vhosts = {each["name"] for each in await api.listed("vhosts") if naming.is_agency(each["name"])}
    here.users = {each["name"]: each for each in await api.listed("users") if naming.is_agency(each["name"])}
    for each in await api.listed("permissions"):
        if naming.is_agency(each["vhost"]) or naming.is_agency(each["user"]):
            here.permissions[each["vhost"], each["user"]] = (each["configure"], each["write"], each["read"])
    here.vhost_limits = {each["vhost"]: each["value"] for each in await api.listed("vhost-limits")}
    here.user_limits = {each["user"]: each["value"] for each in await api.listed("user-limits")}
    for each in await api.listed("queues", columns="vhost,name,durable,arguments"):
        if each["vhost"] in here.vhosts and naming.is_queue(each["name"]):
            here.queues[each["vhost"], each["name"]] = each
    return here


class Provision:
    """One pass. ``publisher``: our user that publishes."""

    def __init__(self, api: Management, naming: Naming, publisher: str, present: Present, alone: Alone) -> None:
        self._api, self._naming, self._publisher = api, naming, publisher
        self._here, self._alone = present, alone
        #: Whether there is a queue that was not there before.
        self.made = False
        #: Whether a queue is still to be made, because somebody is publishing to the one that is gone.
        self.unfinished = False

    async def give(self, wanted: Wanted) -> None:
        """Make what one agency needs."""
        name = self._naming.agency(wanted.agency)
        if name not in self._here.vhosts:
            await self._api.put("vhosts", name, description="an agency's, kept by Homeward")
        await self._permit_ours(name)
        # Queues first: who connects finds them.
        for queue in wanted.queues.values():
            await self._have_queue(name, queue)
        await self._have_user(name, wanted.password)
        await self._limit(("vhost-limits", name), wanted.limits, self._here.vhost_limits.get(name, {}))

    async def take(self, wanted: Mapping[UUID, Wanted]) -> None:
        """Remove what is ours and nobody's any more."""
        names = {self._naming.agency(each) for each in wanted}
        ids = [id for each in wanted.values() for id in each.queues]
        queues = {name(id) for id in ids for name in (self._naming.queue, self._naming.refused)}
        for user in self._here.users.keys() - names:
            await self._api.remove("users", user)
        for vhost in self._here.vhosts - names:
            await self._api.remove("vhosts", vhost)
        for vhost, queue in self._here.queues:
            if vhost in names and queue not in queues:
                await self._api.remove("queues", vhost, queue)
        for vhost, user in self._here.permissions:
            # An agency has nothing to do in a virtual host that isn't its own.
            if user in names and vhost != user:
                await self._api.remove("permissions", vhost, user)

    async def _permit_ours(self, vhost: str) -> None:
        ours = {self._publisher: (NOTHING, PUBLISHING, NOTHING)}
        # The API makes and deletes queues as its own user.
        ours |= {self._api.user: (EVERYTHING, PUBLISHING, self._naming.ours)}
        for user, permission in ours.items():
            await self._permit(vhost, user, permission)

    async def _permit(self, vhost: str, user: str, permission: tuple[str, str, str]) -> None:
        if self._here.permissions.get((vhost, user)) != permission:
            configure, write, read = permission
            await self._api.put("permissions", vhost, user, configure=configure, write=write, read=read)

    async def _have_queue(self, vhost: str, queue: Queue) -> None:
        refused, version = self._naming.refused(queue.subscription), self._here.version
        await self._have(vhost, refused, arguments(version), queue)
        await self._have(vhost, self._naming.queue(queue.subscription), of_subscription(version, refused), queue)

    async def _have(self, vhost: str, name: str, meant: Mapping[str, Any], queue: Queue) -> None:
        found = self._here.queues.get((vhost, name))
        if found is not None:
            if found["durable"] and {key: found["arguments"].get(key) for key in meant} == meant:
                return
            await self._api.remove("queues", vhost, name)
        elif await self._api.figure(vhost, name) is not None:
            # A list may be some seconds old.
            return
        async with self._alone(queue.subscription) as alone:
            if alone:
                await self._api.put("queues", vhost, name, durable=True, arguments=meant)
                self.made = True
            else:
                # What it publishes goes nowhere, so it is soon done; in the new queue it would be before what was lost.
                self.unfinished = True

    async def _have_user(self, name: str, password: str) -> None:
        found = self._here.users.get(name)
        tags = found["tags"] if found else []
        known = found is not None and passwords.fits(password, found["password_hash"])
        if found is None or not known or (tags and tags != ""):
            # The broker cuts the connections of a user who is gone: the password before opens nothing any more.
            await self._api.remove("users", name)
            kept = passwords.hashed(password)
            await self._api.put("users", name, password_hash=kept, hashing_algorithm=passwords.ALGORITHM, tags="")
            for each in [key for key in self._here.permissions if key[1] == name]:
                del self._here.permissions[each]
            self._here.user_limits.pop(name, None)
        await self._limit(("user-limits", name), USER_LIMITS, self._here.user_limits.get(name, {}))
        await self._permit(name, name, (NOTHING, NOTHING, self._naming.readable))

    async def _limit(self, path: tuple[str, str], wanted: Mapping[str, int], present: Mapping[str, int]) -> None:
        for limit, value in wanted.items():
            if present.get(limit) != value:
                await self._api.put(*path, limit, value=value)
