"""What travel asks of screening: consent before boarding, and identities for a manifest."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx

from shared.auth.purposes import Purpose
from shared.errors import NotFound, Unavailable
from shared.web.purpose import HEADER


@dataclass(frozen=True)
class ConsentNow:
    """What screening says at this moment."""

    consent: bool
    holds: int
    #: To whom the person's data may be transferred.
    recipients: frozenset[str]


class Screening:
    """Screening's API, called with the service's own token."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def consent(self, case_id: UUID, purpose: Purpose) -> ConsentNow | None:
        """Consent and open holds; None when screening can't be reached."""
        try:
            answer = await self._client.get(f"/cases/{case_id}/consent", headers={HEADER: purpose})
        except httpx.TransportError:
            return None
        if answer.status_code == 404:
            raise NotFound(f"Screening has no case {case_id}.")
        if not answer.is_success:
            return None
        found = answer.json()
        return ConsentNow(bool(found["consent"]), int(found["holds"]), frozenset(found["recipients"]))

    async def identities(self, case_ids: Sequence[UUID], purpose: Purpose) -> dict[UUID, dict[str, Any]]:
        """Names and documents of these people; the purpose is kept with the read. Raises Unavailable."""
        body = {"case_ids": [str(case_id) for case_id in case_ids]}
        try:
            answer = await self._client.post("/identities", json=body, headers={HEADER: purpose})
        except httpx.TransportError as error:
            raise Unavailable(
                "Screening can't be reached for the passengers' identities: try again shortly."
            ) from error
        if not answer.is_success:
            raise Unavailable("Screening gave no identities for the passengers: try again shortly.")
        return {UUID(case_id): identity for case_id, identity in answer.json()["identities"].items()}
