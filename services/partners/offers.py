"""What of the services' events may be agreed upon at all, member by member. What isn't here never leaves.

Not here: holds, duplicates, households, fitness, care and assessments, whose occurrence alone tells of protection or
health; erasures and withdrawals, of which agencies hear by tombstones; and what only the programme's own work needs.

An agency's agreement names a type as it was published at first, and so it is told, whatever has replaced it among us.
"""

from collections.abc import Mapping

from services.partners.domain import figures
from shared.contracts import monitoring, reintegration, screening, travel, versions
from shared.contracts.envelope import Contract

Members = frozenset[str]

#: The person is referred to the agency, and no longer is.
REFERRAL_MADE = "org.homeward.partners.referral-made.v1"
REFERRAL_WITHDRAWN = "org.homeward.partners.referral-withdrawn.v1"


def told_as(contract: type[Contract]) -> str:
    """The type by which agencies know it."""
    return versions.first(contract).type


def _of(contract: type[Contract], *members: str) -> tuple[str, Members]:
    *newer, first = versions.lineage(contract)
    unknown = set(members) - first.model_fields.keys()
    if unknown:
        raise TypeError(f"{first.type} has no {', '.join(sorted(unknown))}")
    for each in newer:
        if "downcast" not in vars(each):
            raise TypeError(f"{each.type} does not say what agencies are told that have agreed on {first.type}")
    return first.type, frozenset(members)


#: Of cases, as other services tell of them.
HEARD: Mapping[str, Members] = dict(
    (
        _of(screening.CaseRegistered, "country_of_origin", "age_group", "registered_on"),
        _of(screening.IdentityCorrected, "country_of_origin", "age_group"),
        _of(screening.CaseCleared, "cleared_on"),
        _of(screening.CaseDeclined, "declined_on"),
        _of(travel.DocumentRequested, "authority"),
        _of(travel.DocumentIssued, "authority", "issued_on", "expires_on"),
        _of(travel.DocumentRefused, "authority"),
        _of(travel.DocumentLapsed, "expired_on"),
        _of(travel.ExitVisaRequested, "authority"),
        _of(travel.ExitVisaIssued, "authority", "issued_on", "expires_on"),
        _of(travel.ExitVisaRefused, "authority"),
        _of(travel.ExitVisaLapsed, "expired_on"),
        _of(travel.SeatBooked, "flight_id", "provisional", "escorted"),
        _of(travel.SeatReleased, "flight_id"),
        _of(travel.Boarded, "flight_id", "boarded_at"),
        _of(travel.NoShow, "flight_id"),
        _of(travel.BoardingCorrected, "flight_id", "boarded"),
        _of(travel.Departed, "flight_id", "departed_at"),
        _of(travel.ArrivalConfirmed, "flight_id", "arrived_on"),
        _of(travel.MissingAtArrival, "flight_id"),
        _of(travel.ArrivalCorrected, "flight_id", "arrived", "corrected_on"),
        _of(reintegration.PlanApproved, "amount", "currency"),
        _of(reintegration.LineDelivered, "line", "amount", "currency"),
        _of(reintegration.DeliveryCorrected, "line", "amount", "currency"),
        _of(reintegration.ReintegrationCompleted, "spent", "currency", "completed_on"),
        _of(monitoring.FollowUpCompleted),
        _of(monitoring.CaseClosed),
    )
)
#: These put right what was told: nothing to who was told nothing of the case.
CORRECTING = frozenset({told_as(screening.IdentityCorrected)})
#: Of cases, as this service tells of them: to the agency alone to whom somebody is referred.
REFERRALS: dict[str, Members] = {
    REFERRAL_MADE: frozenset({"referral_id", "services", "requested_on"}),
    REFERRAL_WITHDRAWN: frozenset({"referral_id", "withdrawn_on"}),
}
CASES: Mapping[str, Members] = {**HEARD, **REFERRALS}
#: Of flights.
FLIGHTS: Mapping[str, Members] = dict(
    (
        _of(
            travel.FlightScheduled,
            *("carrier", "number", "origin", "destination", "departs_at", "capacity", "kind", "country_of_origin"),
        ),
        _of(travel.FlightRescheduled, "departs_at"),
        _of(travel.FlightCancelled, "cancelled_on"),
        _of(travel.ManifestLocked, "passengers", "escorts"),
        _of(travel.FlightDeparted, "departed_at", "passengers"),
    )
)
#: Of nobody, to donors alone: how many persons have reached what in a month.
FIGURES: Mapping[str, Members] = {figures.FIGURES: figures.MEMBERS}
OFFERED: Mapping[str, Members] = {**CASES, **FLIGHTS, **FIGURES}
