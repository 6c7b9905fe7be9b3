"""The tables of agencies, what was agreed with them, and what decides who hears of a case."""

from services.partners.domain.agreement import Agency, Agreement
from services.partners.domain.fact import Case, Flight
from services.partners.domain.subscription import Subscription
from shared.persistence.store import Column, Sealed, Store
from shared.protection.vault import SERVICE

FLIGHTS: Store[Flight] = Store("flights", "partner_flight", Flight)
CASES: Store[Case] = Store(
    "cases",
    "partner_case",
    Case,
    {
        "office": Column("text", lambda case: case.office),
        "country_of_origin": Column("text", lambda case: case.country_of_origin),
        "travelling": Column("boolean", lambda case: case.flight_id is not None),
    },
)
AGENCIES: Store[Agency] = Store("agencies", "agency", Agency, {"name": Column("text", lambda agency: agency.name)})
AGREEMENTS: Store[Agreement] = Store(
    "agreements", "agreement", Agreement, {"agency_id": Column("uuid", lambda agreement: agreement.agency.id)}
)
SUBSCRIPTIONS: Store[Subscription] = Store(
    "subscriptions",
    "subscription",
    Subscription,
    {
        "agency_id": Column("uuid", lambda subscription: subscription.agency_id),
        "agreement_id": Column("uuid", lambda subscription: subscription.agreement_id),
        "state_name": Column("text", lambda subscription: subscription.state.value),
    },
    # Whose they are is no person: they are sealed with the service's own key.
    Sealed(("secrets",), lambda _: SERVICE),
)
