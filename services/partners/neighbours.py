"""What this service asks of others so that an answer takes effect: of screening who is meant, of travel a record."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx

from shared.auth.purposes import Purpose
from shared.errors import Refused, Unavailable

Client = Callable[[str], httpx.AsyncClient]

#: Ours to mend, or a matter of time: whoever sends again later may be understood.
_LATER = frozenset({401, 403, 408, 425, 429})
#: What another service says of a refusal, and an agency may read: codes and words, and no id of ours.
_TOLD = ("type", "title", "detail", "state", "allowed", "requested")
_ID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)


class NotRecordedNow(Unavailable):
    """Your answer can't be recorded at the moment, and was not kept: send it again shortly, under the same id."""


class OtherAuthority(Exception):
    """Travel has asked ``authority`` for the paper."""

    def __init__(self, authority: str) -> None:
        super().__init__(authority)
        self.authority = authority


@dataclass(frozen=True)
class Meant:
    """Who may be meant: by case who that is, and who may be meant too but agrees to no transfer."""

    identities: Mapping[UUID, Mapping[str, Any]]
    others: frozenset[UUID]
    more: bool


class Neighbours:
    """``client``: gives a service's."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def meant(self, recipient: str, who: Mapping[str, Any]) -> Meant:
        """Ask screening. Raises NotRecordedNow."""
        body = {"recipient": recipient, **who}
        answer = await self._post("screening", "/identities/for-transfer/search", body, {"Purpose": Purpose.TRANSFER})
        if not answer.is_success:
            raise NotRecordedNow
        found = answer.json()
        identities = {UUID(id): identity for id, identity in found["identities"].items()}
        return Meant(identities, frozenset(map(UUID, found["others"])), bool(found["more"]))

    async def record(self, case_id: UUID, what: str, body: Mapping[str, Any], key: str) -> None:
        """Have travel record it, once for a key. Raises OtherAuthority, NotRecordedNow, and Refused."""
        answer = await self._post("travel", f"/cases/{case_id}/{what}", body, {"Idempotency-Key": key})
        if answer.is_success:
            return
        if answer.status_code >= 500 or answer.status_code in _LATER:
            raise NotRecordedNow
        problem = answer.json()
        if problem.get("type") == "/problems/other-authority":
            raise OtherAuthority(problem["authority"])
        raise Refused(_told(problem), answer.status_code)

    async def _post(
        self, service: str, path: str, body: Mapping[str, Any], headers: Mapping[str, str]
    ) -> httpx.Response:
        try:
            return await self._client(service).post(path, json=body, headers=dict(headers))
        except httpx.HTTPError as error:
            raise NotRecordedNow from error


def _told(problem: Mapping[str, Any]) -> dict[str, Any]:
    told = {name: problem[name] for name in _TOLD if name in problem and not _ID.search(str(problem[name]))}
    told.setdefault("detail", told.get("title", ""))
    if errors := problem.get("errors"):
        told["errors"] = [each | {"pointer": each["pointer"].replace("#", "#/data", 1)} for each in errors]
    return told
