"""What one may do, and which roles may: the one table. What is not in it is refused."""

from collections.abc import Mapping
from enum import StrEnum

from shared.auth.roles import PEOPLE, Role


class Permission(StrEnum):
    """Each route names the one that it takes; values are as an OAuth scope's."""

    #: Register persons, families and lists.
    CASES_REGISTER = "cases:register"
    #: Let members leave their household.
    HOUSEHOLDS_SPLIT = "households:split"
    #: Read suspected duplicates about which nobody has decided.
    DUPLICATES_READ = "duplicates:read"
    #: Decide whether two cases are of one person.
    DUPLICATES_DECIDE = "duplicates:decide"
    #: Take the voluntary declaration, and with it consent.
    DECLARATIONS_SIGN = "declarations:sign"
    #: Take a withdrawal of consent at an office.
    CONSENT_WITHDRAW = "consent:withdraw"
    #: Record the vulnerability screening.
    ASSESSMENTS_RECORD = "assessments:record"
    #: Stop a case with a hold.
    HOLDS_PLACE = "holds:place"
    #: Lift a hold.
    HOLDS_LIFT = "holds:lift"
    #: Decide on a child's best interests.
    BEST_INTERESTS_DECIDE = "best-interests:decide"
    #: Record a fit-to-travel result.
    FITNESS_RECORD = "fitness:record"
    #: Clear a case.
    CASES_CLEAR = "cases:clear"
    #: End a case that the programme can't return.
    CASES_DECLINE = "cases:decline"
    #: Ask for the erasure of a person.
    ERASURES_REQUEST = "erasures:request"
    #: Erase a person, as somebody else has asked for.
    ERASURES_APPROVE = "erasures:approve"
    #: Read which erasures wait and which fall due.
    ERASURES_READ = "erasures:read"
    #: Put right who a person is.
    IDENTITIES_CORRECT = "identities:correct"
    #: Read all that is held of a person, in the person's name.
    SUBJECTS_EXPORT = "subjects:export"

    #: Read a person's file in screening: identity, gates, assistance, escort, fit or not; no reasons.
    FILES_READ = "files:read"
    #: Read in it what counselling and assessment found: declaration, vulnerability, kind of escort, care of a child.
    ASSESSMENTS_READ = "assessments:read"
    #: Read in it why cases are held, and how that ended.
    HOLDS_READ = "holds:read"
    #: Read in it what the examination found.
    FITNESS_READ = "fitness:read"
    #: Read which gates of screening a case meets.
    GATES_READ = "gates:read"
    #: Ask, before boarding, whether the person consents and nothing holds the case.
    CONSENT_READ = "consent:read"
    #: Read who people are, for a purpose.
    IDENTITIES_READ = "identities:read"
    #: Read their phone numbers too.
    PHONES_READ = "phones:read"
    #: Find cases by name.
    CASES_SEARCH = "cases:search"

    #: Record travel documents and exit visas: asked for, issued, refused.
    PAPERS_RECORD = "papers:record"
    #: Plan, reschedule and cancel flights.
    FLIGHTS_PLAN = "flights:plan"
    #: Give seats and take them back.
    SEATS_GIVE = "seats:give"
    #: Make a manifest final.
    MANIFEST_LOCK = "manifest:lock"
    #: Record the day of departure: boarding, no-shows, refusals, withdrawals at the desk, the flight's departure.
    BOARDING_RECORD = "boarding:record"
    #: Record who was met at arrival and who was not.
    ARRIVALS_RECORD = "arrivals:record"
    #: Read papers, gates and flights.
    TRAVEL_READ = "travel:read"
    #: Read manifests with names and numbers of papers.
    MANIFEST_READ = "manifest:read"

    #: Open donors' envelopes.
    FUNDS_OPEN = "funds:open"
    #: Read funds and what is left of them.
    FUNDS_READ = "funds:read"
    #: Submit plans, complete them, or end them when the person drops out.
    PLANS_SUBMIT = "plans:submit"
    #: Approve and reject plans that somebody else submitted.
    PLANS_APPROVE = "plans:approve"
    #: Record deliveries and correct them.
    DELIVERIES_RECORD = "deliveries:record"
    #: Read a returnee's plan and deliveries.
    PLANS_READ = "plans:read"

    #: Record visits, attempts and lost contact.
    VISITS_RECORD = "visits:record"
    #: End a case's follow-up.
    CASES_CLOSE = "cases:close"
    #: Read the worklist of visits: dates without notes.
    VISITS_LIST = "visits:list"
    #: Read a returnee's visits with their notes.
    VISITS_READ = "visits:read"

    #: Enter partner agencies, ask for their access, and end it.
    AGENCIES_KEEP = "agencies:keep"
    #: Approve an agency's access that somebody else has asked for, and resume one that somebody else has suspended.
    AGENCIES_OPEN = "agencies:open"
    #: Suspend an agency: nothing leaves to it.
    AGENCIES_SUSPEND = "agencies:suspend"
    #: Make and end keys of one's own, as an agency that has one.
    ACCESS_RENEW = "access:renew"
    #: Read agencies, what may be agreed upon, and figures.
    AGENCIES_READ = "agencies:read"
    #: Read agreements; as an agency its own.
    AGREEMENTS_READ = "agreements:read"
    #: Enter agreements, attach their signed copies and end them.
    AGREEMENTS_ENTER = "agreements:enter"
    #: Put agreements in force that somebody else has entered.
    AGREEMENTS_APPROVE = "agreements:approve"
    #: Subscribe under an agreement, pause, resume, test, replay and end.
    SUBSCRIPTIONS_KEEP = "subscriptions:keep"
    #: Read subscriptions and how far they are.
    SUBSCRIPTIONS_READ = "subscriptions:read"
    #: Receive events, as the agency whom they are for.
    EVENTS_RECEIVE = "events:receive"
    #: See what an agency would receive of a case, and why.
    TRANSFERS_PREVIEW = "transfers:preview"
    #: Hear who people are who agree to a transfer, to hand it over.
    TRANSFERS_MAKE = "transfers:make"
    #: Refer a case to an agency, take that back, and read what became of it.
    REFERRALS_MAKE = "referrals:make"
    #: Answer, as the agency, and ask what became of the answer.
    ANSWERS_SEND = "answers:send"
    #: Read what agencies have answered, without whom it is about.
    ANSWERS_READ = "answers:read"
    #: Read what was sent in an answer that was refused, to help the agency.
    ANSWERS_INSPECT = "answers:inspect"
    #: Decide whom an answer is about.
    ANSWERS_DECIDE = "answers:decide"

    #: See oneself, and the programme's date.
    SELF_READ = "self:read"
    #: Change one's own password and second factor, and sign out.
    SELF_CHANGE = "self:change"
    #: Make local accounts, change and end them.
    ACCOUNTS_MANAGE = "accounts:manage"
    #: Read how many cases are where.
    FIGURES_READ = "figures:read"
    #: Read the cases' stages, gates and timelines, and the flights.
    STATUS_READ = "status:read"
    #: Have the gateway pass a request on to a service, which decides for itself.
    REQUESTS_PASS = "requests:pass"

    #: Open an emergency access to one case's file.
    BREAK_GLASS_OPEN = "break-glass:open"
    #: End an emergency access: one's own, or any that one is told of.
    BREAK_GLASS_END = "break-glass:end"
    #: Read who has opened an emergency access, to what and why.
    NOTICES_READ = "notices:read"
    #: Acknowledge that somebody has looked at a notice.
    NOTICES_ACKNOWLEDGE = "notices:acknowledge"

    #: Search and verify the audit of who did and read what.
    AUDIT_READ = "audit:read"
    #: Read the services' logs of events.
    EVENTS_READ = "events:read"
    #: Compare and verify the logs of events, by numbers and hashes alone.
    EVENTS_VERIFY = "events:verify"
    #: Fetch what was missed of a log, as a service that follows it.
    EVENTS_FOLLOW = "events:follow"
    #: Read whether the services are well, at rest and even with one another.
    SUITE_READ = "suite:read"
    #: Set the programme's clock in a demonstration.
    CLOCK_SET = "clock:set"
    #: Read dead letters, what could not be read, and what is behind.
    REPAIR_READ = "repair:read"
    #: Replay, skip and dismiss; have logs compared and projections rebuilt.
    REPAIR_DECIDE = "repair:decide"
    #: Read which keys wrap the persons' data keys.
    KEYS_READ = "keys:read"
    #: Wrap the persons' data keys with the current key.
    KEYS_WRAP = "keys:wrap"


def _to(*roles: Role) -> frozenset[Role]:
    return frozenset(roles)


_CASEWORK = _to(Role.CASEWORKER, Role.PROTECTION)
_CARE = _to(*_CASEWORK, Role.MEDICAL)
_SENSITIVE = _to(Role.PROTECTION, Role.MEDICAL)
_DECIDING = _to(*_CASEWORK, Role.MANAGER)
_MOVING = _to(Role.MOVEMENTS, Role.MANAGER)
_DEPARTING = _to(*_MOVING, Role.AIRPORT)
_BEFORE = _to(*_CARE, *_DEPARTING)
_AFTERWARDS = _to(Role.REINTEGRATION, Role.MONITORING, Role.FINANCE)
_RETURNING = _to(Role.REINTEGRATION, Role.MANAGER)
_PAYING = _to(Role.FINANCE, Role.MANAGER)
_FOLLOWING_UP = _to(Role.MONITORING, Role.MANAGER)
_LIAISING = _to(Role.PARTNER_LIAISON)
#: Who hears of emergencies makes none, and auditors and partner liaison have no work with cases.
_IN_AN_EMERGENCY = PEOPLE - _to(Role.AUDITOR, Role.PARTNER_LIAISON, Role.DATA_PROTECTION)
_WITHOUT_CASES = _to(Role.AUDITOR, Role.DATA_PROTECTION, Role.PARTNER_LIAISON, Role.ADMIN)
_OVERSEEING = _to(Role.ADMIN, Role.AUDITOR)

GRANTED: Mapping[Permission, frozenset[Role]] = {
    Permission.CASES_REGISTER: _to(Role.CASEWORKER, Role.MANAGER),
    Permission.HOUSEHOLDS_SPLIT: _DECIDING,
    Permission.DUPLICATES_READ: _DECIDING,
    Permission.DUPLICATES_DECIDE: _DECIDING,
    Permission.DECLARATIONS_SIGN: _CASEWORK,
    # Whoever works with the person takes a withdrawal: it must be as easy as giving consent.
    Permission.CONSENT_WITHDRAW: _BEFORE,
    Permission.ASSESSMENTS_RECORD: _CASEWORK,
    Permission.HOLDS_PLACE: _CARE,
    Permission.HOLDS_LIFT: _to(Role.PROTECTION),
    Permission.BEST_INTERESTS_DECIDE: _to(Role.PROTECTION),
    Permission.FITNESS_RECORD: _to(Role.MEDICAL),
    Permission.CASES_CLEAR: _to(Role.CASEWORKER, Role.MANAGER),
    Permission.CASES_DECLINE: _DECIDING,
    Permission.ERASURES_REQUEST: _DECIDING,
    Permission.ERASURES_APPROVE: _to(Role.PROTECTION, Role.MANAGER),
    Permission.ERASURES_READ: _to(Role.PROTECTION, Role.MANAGER),
    Permission.IDENTITIES_CORRECT: _DECIDING,
    # It tells all, and why: what holds and examinations found is for few.
    Permission.SUBJECTS_EXPORT: _to(Role.PROTECTION),
    Permission.FILES_READ: _BEFORE,
    Permission.ASSESSMENTS_READ: _CARE,
    Permission.HOLDS_READ: _SENSITIVE,
    Permission.FITNESS_READ: _SENSITIVE,
    Permission.GATES_READ: _BEFORE,
    Permission.CONSENT_READ: _BEFORE,
    Permission.IDENTITIES_READ: _to(*_BEFORE, *_AFTERWARDS),
    # Manifests and papers need no phone number; those who call people do.
    Permission.PHONES_READ: _to(*_CARE, *_AFTERWARDS, Role.MANAGER),
    Permission.CASES_SEARCH: _to(*_BEFORE, *_AFTERWARDS),
    Permission.PAPERS_RECORD: _MOVING,
    Permission.FLIGHTS_PLAN: _MOVING,
    Permission.SEATS_GIVE: _MOVING,
    Permission.MANIFEST_LOCK: _MOVING,
    Permission.BOARDING_RECORD: _DEPARTING,
    Permission.ARRIVALS_RECORD: _to(*_DEPARTING, Role.REINTEGRATION),
    Permission.TRAVEL_READ: _to(*_BEFORE, Role.REINTEGRATION, Role.MONITORING),
    Permission.MANIFEST_READ: _to(*_DEPARTING, Role.REINTEGRATION),
    Permission.FUNDS_OPEN: _PAYING,
    Permission.FUNDS_READ: _to(*_RETURNING, Role.FINANCE, Role.AUDITOR),
    Permission.PLANS_SUBMIT: _RETURNING,
    Permission.PLANS_APPROVE: _PAYING,
    Permission.DELIVERIES_RECORD: _RETURNING,
    Permission.PLANS_READ: _to(*_RETURNING, Role.FINANCE, Role.MONITORING),
    Permission.VISITS_RECORD: _to(Role.MONITORING),
    Permission.CASES_CLOSE: _FOLLOWING_UP,
    Permission.VISITS_LIST: _FOLLOWING_UP,
    Permission.VISITS_READ: _to(*_FOLLOWING_UP, Role.REINTEGRATION, Role.CASEWORKER),
    Permission.AGENCIES_KEEP: _LIAISING,
    Permission.AGENCIES_OPEN: _to(Role.MANAGER, Role.DATA_PROTECTION),
    Permission.AGENCIES_SUSPEND: _to(*_LIAISING, Role.MANAGER, Role.DATA_PROTECTION),
    Permission.ACCESS_RENEW: _to(Role.AGENCY),
    Permission.AGENCIES_READ: _to(*_LIAISING, Role.MANAGER, Role.DATA_PROTECTION, Role.AUDITOR),
    Permission.AGREEMENTS_READ: _to(*_LIAISING, Role.AGENCY, Role.MANAGER, Role.DATA_PROTECTION, Role.AUDITOR),
    Permission.AGREEMENTS_ENTER: _LIAISING,
    Permission.AGREEMENTS_APPROVE: _to(Role.MANAGER, Role.DATA_PROTECTION),
    Permission.SUBSCRIPTIONS_KEEP: _to(*_LIAISING, Role.AGENCY),
    Permission.SUBSCRIPTIONS_READ: _to(*_LIAISING, Role.AGENCY, Role.MANAGER, Role.DATA_PROTECTION),
    Permission.EVENTS_RECEIVE: _to(Role.AGENCY),
    Permission.TRANSFERS_PREVIEW: _to(Role.DATA_PROTECTION, Role.MANAGER),
    # No person has need of it: see SERVICE_GRANTS.
    Permission.TRANSFERS_MAKE: _to(),
    Permission.REFERRALS_MAKE: _to(*_CARE, *_RETURNING, Role.MOVEMENTS),
    Permission.ANSWERS_SEND: _to(Role.AGENCY),
    Permission.ANSWERS_READ: _to(*_LIAISING, *_DECIDING, Role.MOVEMENTS),
    Permission.ANSWERS_INSPECT: _LIAISING,
    Permission.ANSWERS_DECIDE: _to(*_DECIDING, Role.MOVEMENTS),
    Permission.SELF_READ: PEOPLE,
    Permission.SELF_CHANGE: PEOPLE,
    Permission.ACCOUNTS_MANAGE: _to(Role.ADMIN),
    Permission.FIGURES_READ: PEOPLE,
    # Who has no work with cases sees figures, and no case; who runs the machines opens one in an emergency.
    Permission.STATUS_READ: PEOPLE - _WITHOUT_CASES,
    Permission.REQUESTS_PASS: PEOPLE,
    Permission.BREAK_GLASS_OPEN: _IN_AN_EMERGENCY,
    Permission.BREAK_GLASS_END: _to(*_IN_AN_EMERGENCY, Role.DATA_PROTECTION),
    Permission.NOTICES_READ: _to(Role.DATA_PROTECTION),
    Permission.NOTICES_ACKNOWLEDGE: _to(Role.DATA_PROTECTION),
    Permission.AUDIT_READ: _to(Role.AUDITOR),
    # A case's events are the case: auditors verify them and don't read them.
    Permission.EVENTS_READ: _to(Role.ADMIN),
    Permission.EVENTS_VERIFY: _OVERSEEING,
    # No person has need of what services fetch: see SERVICE_GRANTS.
    Permission.EVENTS_FOLLOW: _to(),
    Permission.SUITE_READ: _OVERSEEING,
    Permission.CLOCK_SET: _to(Role.ADMIN),
    Permission.REPAIR_READ: _OVERSEEING,
    Permission.REPAIR_DECIDE: _to(Role.ADMIN),
    Permission.KEYS_READ: _OVERSEEING,
    Permission.KEYS_WRAP: _to(Role.ADMIN),
}
