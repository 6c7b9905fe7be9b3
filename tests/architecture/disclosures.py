"""Which routes tell of cases and which don't, and why: whoever adds one decides, and a test compares."""

from collections.abc import Mapping, Sequence

#: By service: for a purpose, and written down with whose cases were told of.
PERSONAL: Mapping[str, Sequence[str]] = {
    "screening": [
        *("GET /cases/{case_id}", "GET /cases/{case_id}/gates", "GET /cases/{case_id}/consent"),
        *("POST /identities", "GET /search", "GET /duplicates", "GET /erasures", "GET /subjects/{case_id}"),
        *("POST /identities/for-transfer", "POST /identities/for-transfer/search"),
    ],
    "travel": [
        *("GET /cases/{case_id}", "GET /cases/{case_id}/gates", "GET /flights/{flight_id}/manifest"),
        "GET /subjects/{case_id}",
    ],
    "reintegration": ["GET /cases/{case_id}", "GET /subjects/{case_id}"],
    "monitoring": ["GET /cases/{case_id}", "GET /visits", "GET /subjects/{case_id}"],
    "partners": [
        *("GET /agreements/{agreement_id}/preview/{case_id}", "GET /subjects/{case_id}"),
        *("GET /referrals", "GET /cases/{case_id}/referrals", "GET /answers/{answer_id}/candidates"),
        "GET /answers/{answer_id}/content",
    ],
    "gateway": [
        *("GET /api/cases", "GET /api/cases/{case}", "GET /api/stream", "GET /api/notices"),
        "GET /api/subjects/{case_id}",
        *("GET /cases", "POST /cases", "GET /cases/{name}", "GET /flights/{flight_id}", "GET /notices"),
    ],
}

#: What every service has.
EVERYWHERE_PERSONAL = ("GET /audit/entries",)

#: By reason: routes that disclose no case.
NO_CASE: Mapping[str, Sequence[str]] = {
    "figures, funds, and flights without passengers": [
        *("GET /api/figures", "GET /", "GET /api/flights", "GET /flights", "GET /flights/{flight_id}"),
        *("GET /funds", "GET /funds/{fund_id}", "GET /figures"),
    ],
    "one's own account, and the accounts of those who work here": [
        *("GET /api/me", "POST /api/sign-in", "POST /api/sign-out", "POST /api/password", "POST /api/second-factor"),
        *("POST /api/second-factor/confirmation", "GET /sign-in", "POST /sign-in", "POST /sign-out"),
        *("GET /sign-in/provider", "GET /sign-in/provider/callback", "GET /account", "POST /account/password"),
        *("POST /account/second-factor", "POST /account/second-factor/confirmation"),
        *("GET /api/accounts", "POST /api/accounts", "POST /api/accounts/{name}/password"),
        *("POST /api/accounts/{name}/second-factor", "POST /api/accounts/{name}/unlock"),
        *("POST /api/accounts/{name}/disable", "POST /api/accounts/{name}/enable"),
    ],
    "agencies, and what was agreed with them": [
        *("GET /agencies", "POST /agencies/{agency_id}/keys/{key_id}/end"),
        "POST /agencies/{agency_id}/access-requests",
        "POST /agencies/{agency_id}/access-requests/{request_id}/approval",
        *("POST /agencies/{agency_id}/access-requests/{request_id}/end", "POST /agencies/{agency_id}/access/end"),
        *("POST /claims", "GET /access/keys", "POST /access/keys", "POST /access/keys/{key_id}/end"),
        *("GET /agreements", "GET /agreements/offers", "GET /agreements/{agreement_id}", "GET /subscriptions"),
        "GET /agreements/{agreement_id}/signed-copy",
        *("GET /subscriptions/{subscription_id}/deliveries", "GET /deliveries"),
        *("GET /agencies/{subscription_id}", "POST /agencies/{subscription_id}/{step}"),
        "POST /agencies/{agency_id}/access/{deed}",
    ],
    "what became of agencies' answers, without whom they are about": [
        *("GET /answers", "GET /answers/{own_id}", "POST /answers"),
    ],
    "what an agency's developer reads": [
        *("GET /asyncapi.json", "GET /schemas/{type}.json", "GET /events-guide", "GET /events-guide.css"),
    ],
    "a deed that is in the audit with its case": [
        *("GET /feed", "GET /answers/{own_id}/sent"),
        *("POST /api/break-glass", "POST /api/break-glass/{id}/revocation"),
        *("POST /api/notices/{id}/acknowledgement", "POST /notices/{id}/acknowledgement"),
    ],
    "the services are asked, and write it down": [
        *("GET /api/{service}/{path:path}", "POST /api/{service}/{path:path}", "GET /api/audit"),
        "GET /agencies/answers/{answer_id}",
    ],
    "ids, states and hashes, for those who run the suite": [
        *("GET /events", "GET /events/about/{name}", "GET /events/settled", "GET /events/ranges", "GET /events/last"),
        *("GET /restoration/lost", "POST /restoration/positions", "POST /restoration/without"),
        *("POST /events/heads", "POST /events/subjects", "POST /events/oldest", "GET /events/verification"),
        *("GET /positions", "GET /rest", "GET /health", "GET /clock", "POST /clock", "GET /keys", "POST /keys/wrap"),
        *("GET /dead-letters", "GET /dead-letters/groups", "GET /dead-letters/{source}/{subject}/{sequence}"),
        *("POST /dead-letters/replay", "POST /dead-letters/skip", "GET /lag", "GET /lag/{source}", "GET /unreadable"),
        *("GET /unreadable/{id}", "POST /unreadable/{id}/dismiss", "GET /replay", "POST /replay"),
        *("GET /audit/verification", "POST /audit/hashes", "GET /audit/heads"),
        *("GET /api/rest", "GET /api/health", "GET /api/clock", "GET /api/clocks", "POST /api/clock"),
        *("GET /api/accounting", "GET /api/dead-letters", "GET /api/dead-letters/groups"),
        *("POST /api/dead-letters/replay", "POST /api/dead-letters/skip"),
    ],
    "about the process alone": [
        *("GET /healthz", "GET /readyz", "GET /openapi.json", "GET /static/{name:path}"),
    ],
}
