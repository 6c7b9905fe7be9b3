"""Who looks after agencies, for tests of what these get."""

from typing import Any

import httpx

from services.embedded import EmbeddedSuite

#: As whom agencies are asked for papers, by kind.
ASKED_AS = {"embassy": ["embassy-pk"], "exit_authority": ["migration-ly"]}


class Liaison:
    """Who looks after agencies, and the manager who puts agreements in force."""

    def __init__(self, suite: EmbeddedSuite, liaison: Any, manager: Any) -> None:
        self.suite, self.liaison, self.manager = suite, liaison, manager

    async def agency(self, name: str, kind: str, country: str = "PK", **changes: Any) -> tuple[str, httpx.AsyncClient]:
        """An agency's id, and a client that has its key."""
        agency = {"name": name, "kind": kind, "country": country, "authorities": ASKED_AS.get(kind, []), **changes}
        made = await self.liaison.post("/api/partners/agencies", agency)
        assert made.is_success, made.text
        id = made.json()["agency_id"]
        return id, await self.access(id)

    async def access(self, agency: str) -> httpx.AsyncClient:
        """A client that has claimed a key of the agency's with what both have told it."""
        client = self.suite._client("partners")
        claimed = await client.post("/claims", json=await self.codes(agency))
        assert claimed.status_code == 201, claimed.text
        client.headers["Authorization"] = f"Bearer {claimed.json()['key']}"
        return client

    async def codes(self, agency: str) -> dict[str, str]:
        """What the liaison and the manager tell the agency's contact, each their own."""
        base = f"/api/partners/agencies/{agency}/access-requests"
        opened = await self.liaison.post(base, {"contact": "the consul", "reason": "a first key"})
        assert opened.status_code == 201, opened.text
        request = opened.json()
        approved = await self.manager.post(f"{base}/{request['request_id']}/approval", {})
        assert approved.is_success, approved.text
        return {"request_code": request["request_code"], "claim_code": approved.json()["claim_code"]}

    async def agreement(self, agency: str, **changes: Any) -> str:
        """An agreement in force."""
        said = {
            "agency_id": agency,
            "legal_basis": "consent",
            "purpose": "issuing travel documents",
            "retention_days": 90,
            "contact": "the consul",
            "valid_from": "2026-01-01",
            "valid_until": "2026-12-31",
        }
        made = await self.liaison.post("/api/partners/agreements", said | changes)
        assert made.is_success, made.text
        return str(made.json()["agreement_id"])

    async def approved(self, agency: str, **changes: Any) -> str:
        """An agreement that is signed and in force."""
        agreement = await self.agreement(agency, **changes)
        base = f"/api/partners/agreements/{agreement}"
        await self.liaison.upload(f"{base}/signed-copy", "signed.pdf", b"%PDF-1.7 signed")
        assert (await self.manager.post(f"{base}/approval", {})).json()["in_force"]
        return agreement
