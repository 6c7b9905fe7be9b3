"""What each service may do at each other: the one table. What is not in it is refused."""

from shared.auth.permissions import Permission

#: Whoever follows a log compares it with what was handled, and fetches what is missing.
_FOLLOWS = frozenset({Permission.EVENTS_READ, Permission.EVENTS_VERIFY, Permission.EVENTS_FOLLOW})

#: By who calls and who is called. A person's request that the gateway passes on goes with that person's own token.
SERVICE_GRANTS: dict[tuple[str, str], frozenset[Permission]] = {
    ("screening", "travel"): _FOLLOWS,
    ("screening", "monitoring"): _FOLLOWS,
    # Boarding asks for consent, a manifest for identities.
    ("travel", "screening"): _FOLLOWS | {Permission.CONSENT_READ, Permission.IDENTITIES_READ},
    ("reintegration", "screening"): _FOLLOWS,
    ("reintegration", "travel"): _FOLLOWS,
    ("monitoring", "reintegration"): _FOLLOWS,
    ("monitoring", "screening"): _FOLLOWS,
    # What leaves for an agency says who the person is, where the agreement says so and the person agrees.
    ("partners", "screening"): _FOLLOWS | {Permission.TRANSFERS_MAKE},
    # What embassies, exit authorities and receiving offices answer takes effect there.
    ("partners", "travel"): _FOLLOWS | {Permission.PAPERS_RECORD, Permission.ARRIVALS_RECORD},
    ("partners", "reintegration"): _FOLLOWS,
    ("partners", "monitoring"): _FOLLOWS,
    ("gateway", "screening"): _FOLLOWS,
    ("gateway", "travel"): _FOLLOWS,
    ("gateway", "reintegration"): _FOLLOWS,
    ("gateway", "monitoring"): _FOLLOWS,
}


def followers(producer: str) -> list[str]:
    """The services that follow this one's log."""
    return [caller for (caller, callee), may in SERVICE_GRANTS.items() if callee == producer and may >= _FOLLOWS]


def granted(caller: str, callee: str) -> frozenset[Permission]:
    """What the caller may do there."""
    return SERVICE_GRANTS.get((caller, callee), frozenset())
