"""Which permission each route of each service takes, said a second time: a route that isn't here was forgotten."""

from collections.abc import Mapping, Sequence

#: By permission; those of None are open to all.
Routes = Mapping[str | None, Sequence[str]]

#: What every service has.
INTERNAL: Routes = {
    "events:read": [
        "GET /events",
        "GET /events/about/{name}",
    ],
    "events:verify": [
        *("GET /events/settled", "GET /events/ranges", "POST /events/heads", "GET /events/last"),
        *("GET /events/verification", "GET /restoration/lost"),
    ],
    "events:follow": ["POST /events/subjects", "POST /events/oldest", "POST /restoration/positions"],
    "suite:read": ["GET /positions", "GET /rest", "GET /health", "GET /clock"],
    "clock:set": ["POST /clock"],
    "audit:read": ["GET /audit/entries", "GET /audit/verification", "POST /audit/hashes", "GET /audit/heads"],
    "repair:read": [
        "GET /dead-letters",
        "GET /dead-letters/groups",
        "GET /dead-letters/{source}/{subject}/{sequence}",
        "GET /lag",
        "GET /lag/{source}",
        "GET /unreadable",
        "GET /unreadable/{id}",
        "GET /replay",
    ],
    "repair:decide": [
        "POST /dead-letters/replay",
        "POST /dead-letters/skip",
        "POST /unreadable/{id}/dismiss",
        "POST /replay",
        "POST /restoration/without",
    ],
    # A service's description is no secret: the gateway merges it into its own, which is open.
    None: ["GET /healthz", "GET /readyz", "GET /openapi.json"],
}

#: What those have that hold personal data.
SEALED: Routes = {"keys:read": ["GET /keys"], "keys:wrap": ["POST /keys/wrap"]}

#: What each has of its own.
OWN: Mapping[str, Routes] = {
    "screening": {
        "subjects:export": ["GET /subjects/{case_id}"],
        "identities:correct": ["POST /cases/{case_id}/identity"],
        "cases:register": ["POST /cases", "POST /households", "POST /imports"],
        "households:split": ["POST /households/{household_id}/split"],
        "duplicates:read": ["GET /duplicates"],
        "duplicates:decide": ["POST /cases/{case_id}/duplicates/{other_id}"],
        "declarations:sign": ["POST /cases/{case_id}/declaration", "POST /cases/{case_id}/consents"],
        "consent:withdraw": [
            "POST /cases/{case_id}/consent/withdrawal",
            "POST /cases/{case_id}/consents/withdrawal",
        ],
        "assessments:record": ["POST /cases/{case_id}/assessment"],
        "holds:place": ["POST /cases/{case_id}/holds"],
        "holds:lift": ["POST /cases/{case_id}/holds/{hold_id}/lift"],
        "best-interests:decide": ["POST /cases/{case_id}/best-interests"],
        "fitness:record": ["POST /cases/{case_id}/fitness"],
        "cases:clear": ["POST /cases/{case_id}/clearance"],
        "cases:decline": ["POST /cases/{case_id}/decline"],
        "erasures:request": ["POST /cases/{case_id}/erasure"],
        "erasures:approve": ["POST /cases/{case_id}/erasure/approval"],
        "erasures:read": ["GET /erasures"],
        "files:read": ["GET /cases/{case_id}"],
        "gates:read": ["GET /cases/{case_id}/gates"],
        "consent:read": ["GET /cases/{case_id}/consent"],
        "identities:read": ["POST /identities"],
        "transfers:make": ["POST /identities/for-transfer", "POST /identities/for-transfer/search"],
        "cases:search": ["GET /search"],
    },
    "travel": {
        "subjects:export": ["GET /subjects/{case_id}"],
        "papers:record": [
            f"POST /cases/{{case_id}}/{paper}/{step}"
            for paper in ("document", "exit-visa")
            for step in ("request", "issue", "refuse")
        ],
        "flights:plan": ["POST /flights", "POST /flights/{flight_id}/reschedule", "POST /flights/{flight_id}/cancel"],
        "seats:give": ["POST /flights/{flight_id}/seats", "POST /flights/{flight_id}/seats/release"],
        "manifest:lock": ["POST /flights/{flight_id}/manifest/lock"],
        "manifest:read": ["GET /flights/{flight_id}/manifest"],
        "boarding:record": [
            "POST /cases/{case_id}/withdrawal",
            "POST /cases/{case_id}/boarding/correct",
            "POST /flights/{flight_id}/boarding",
            "POST /flights/{flight_id}/no-shows",
            "POST /flights/{flight_id}/refusals",
            "POST /flights/{flight_id}/manifest/validate",
            "POST /flights/{flight_id}/departure",
        ],
        "arrivals:record": [
            "POST /cases/{case_id}/arrival",
            "POST /cases/{case_id}/missing",
            "POST /cases/{case_id}/arrival/correct",
        ],
        "travel:read": [
            "GET /cases/{case_id}",
            "GET /cases/{case_id}/gates",
            "GET /flights",
            "GET /flights/{flight_id}",
        ],
    },
    "reintegration": {
        "subjects:export": ["GET /subjects/{case_id}"],
        "funds:open": ["POST /funds"],
        "funds:read": ["GET /funds", "GET /funds/{fund_id}"],
        "plans:read": ["GET /cases/{case_id}"],
        "plans:submit": [
            "POST /cases/{case_id}/plan",
            "POST /cases/{case_id}/completion",
            "POST /cases/{case_id}/cancel",
        ],
        "plans:approve": ["POST /cases/{case_id}/plan/approve", "POST /cases/{case_id}/plan/reject"],
        "deliveries:record": [
            "POST /cases/{case_id}/lines/{number}/delivery",
            "POST /cases/{case_id}/lines/{number}/delivery/correct",
        ],
    },
    "monitoring": {
        "subjects:export": ["GET /subjects/{case_id}"],
        "visits:read": ["GET /cases/{case_id}"],
        "visits:list": ["GET /visits"],
        "visits:record": [
            "POST /cases/{case_id}/visits/{code}/attempts",
            "POST /cases/{case_id}/visits/{code}/completion",
            "POST /cases/{case_id}/contact-lost",
        ],
        "cases:close": ["POST /cases/{case_id}/closure"],
    },
    "partners": {
        "subjects:export": ["GET /subjects/{case_id}"],
        "agencies:keep": [
            "POST /agencies/{agency_id}/authorities",
            *("POST /agencies", "POST /agencies/{agency_id}/access-requests"),
            "POST /agencies/{agency_id}/access-requests/{request_id}/end",
            *("POST /agencies/{agency_id}/keys/{key_id}/end", "POST /agencies/{agency_id}/access/end"),
            "POST /subscriptions/{subscription_id}/deliveries/retry",
            "POST /subscriptions/{subscription_id}/tombstones/acknowledge",
        ],
        "agencies:open": [
            "POST /agencies/{agency_id}/access-requests/{request_id}/approval",
            "POST /agencies/{agency_id}/resume",
        ],
        "agencies:suspend": ["POST /agencies/{agency_id}/suspend"],
        "access:renew": ["GET /access/keys", "POST /access/keys", "POST /access/keys/{key_id}/end"],
        "agencies:read": [
            *("GET /agencies", "GET /agreements/offers", "GET /figures"),
        ],
        "agreements:read": [
            *("GET /agreements", "GET /agreements/{agreement_id}", "GET /agreements/{agreement_id}/signed-copy"),
        ],
        "agreements:enter": [
            *("POST /agreements", "POST /agreements/{agreement_id}/signed-copy", "POST /agreements/{agreement_id}/end"),
        ],
        "agreements:approve": ["POST /agreements/{agreement_id}/approval"],
        "subscriptions:keep": [
            "POST /subscriptions",
            *(f"POST /subscriptions/{{subscription_id}}/{step}" for step in ("pause", "resume", "end", "test")),
            *(f"POST /subscriptions/{{subscription_id}}/{step}" for step in ("handshake", "secret", "replay")),
        ],
        "subscriptions:read": [
            *("GET /subscriptions", "GET /subscriptions/{subscription_id}/deliveries", "GET /deliveries"),
        ],
        "events:receive": ["GET /feed", "POST /subscriptions/{subscription_id}/acknowledgements"],
        "referrals:make": [
            *("POST /referrals", "POST /cases/{case_id}/referrals/{referral_id}/withdrawal"),
            *("GET /referrals", "GET /cases/{case_id}/referrals"),
        ],
        "answers:send": ["POST /answers", "GET /answers/{own_id}", "GET /answers/{own_id}/sent"],
        "answers:inspect": ["GET /answers/{answer_id}/content"],
        "answers:read": ["GET /answers"],
        "answers:decide": ["GET /answers/{answer_id}/candidates", "POST /answers/{answer_id}/decision"],
        "transfers:preview": ["GET /agreements/{agreement_id}/preview/{case_id}"],
        None: [
            *("GET /asyncapi.json", "GET /schemas/{type}.json", "GET /events-guide", "GET /events-guide.css"),
            "POST /claims",
        ],
    },
    "gateway": {
        "subjects:export": ["GET /api/subjects/{case_id}"],
        "self:read": ["GET /api/me", "GET /api/clock"],
        "self:change": [
            *("POST /api/sign-out", "POST /api/password"),
            *("POST /api/second-factor", "POST /api/second-factor/confirmation"),
            *("GET /account", "POST /account/password"),
            *("POST /account/second-factor", "POST /account/second-factor/confirmation"),
        ],
        "accounts:manage": [
            *("GET /api/accounts", "POST /api/accounts"),
            *("POST /api/accounts/{name}/password", "POST /api/accounts/{name}/second-factor"),
            *("POST /api/accounts/{name}/unlock", "POST /api/accounts/{name}/disable"),
            "POST /api/accounts/{name}/enable",
        ],
        "suite:read": ["GET /api/rest", "GET /api/health", "GET /api/clocks", "GET /api/accounting"],
        "clock:set": ["POST /api/clock"],
        "repair:read": ["GET /api/dead-letters", "GET /api/dead-letters/groups"],
        "repair:decide": ["POST /api/dead-letters/replay", "POST /api/dead-letters/skip"],
        "audit:read": ["GET /api/audit"],
        "break-glass:open": ["POST /api/break-glass"],
        "break-glass:end": ["POST /api/break-glass/{id}/revocation"],
        "notices:read": ["GET /api/notices", "GET /notices"],
        "notices:acknowledge": ["POST /api/notices/{id}/acknowledgement", "POST /notices/{id}/acknowledgement"],
        "subscriptions:read": ["GET /agencies", "GET /agencies/{subscription_id}"],
        "subscriptions:keep": ["POST /agencies/{subscription_id}/{step}"],
        "answers:inspect": ["GET /agencies/answers/{answer_id}"],
        "agencies:read": ["POST /agencies/{agency_id}/access/{deed}"],
        "figures:read": ["GET /api/figures", "GET /"],
        "status:read": [
            *("GET /api/cases", "GET /api/cases/{case}", "GET /api/flights", "GET /api/stream"),
            *("GET /cases", "POST /cases", "GET /cases/{name}", "GET /flights", "GET /flights/{flight_id}"),
        ],
        "requests:pass": ["GET /api/{service}/{path:path}", "POST /api/{service}/{path:path}"],
        None: [
            *("POST /api/sign-in", "GET /static/{name:path}", "GET /sign-in", "POST /sign-in", "POST /sign-out"),
            *("GET /sign-in/provider", "GET /sign-in/provider/callback"),
        ],
    },
}


def permissions(service: str) -> dict[str, str | None]:
    """By route: its permission."""
    parts = (INTERNAL, OWN[service], SEALED)
    return {route: each for part in parts for each, routes in part.items() for route in routes}
