"""What is proposed for each kind of agency: what its work needs, and nothing that its work doesn't need."""

from collections.abc import Mapping

from services.partners import offers
from services.partners.domain.agreement import Terms
from services.partners.domain.vocabulary import AgencyKind, PersonField, Precision, Scope
from services.partners.offers import OFFERED, REFERRALS, told_as
from shared.contracts import reintegration, screening, travel
from shared.contracts.envelope import Contract

_NAMES = frozenset({PersonField.GIVEN_NAME, PersonField.FAMILY_NAME})
_BORN = _NAMES | {PersonField.DATE_OF_BIRTH}
_PAPERS = _BORN | {PersonField.DOCUMENT_NUMBERS}
#: Who was told a name hears that it is another.
_CORRECTED = {told_as(screening.IdentityCorrected): frozenset[str]()}
_FLYING = (travel.FlightScheduled, travel.FlightRescheduled, travel.FlightCancelled)


def _all_of(*contracts: type[Contract]) -> dict[str, frozenset[str]]:
    return {told_as(contract): OFFERED[told_as(contract)] for contract in contracts}


#: By ``facts`` of who needs what: an embassy hears nothing of health or asylum, an airline nothing of reasons.
TEMPLATES: Mapping[AgencyKind, Terms] = {
    AgencyKind.EMBASSY: Terms(
        _all_of(
            travel.DocumentRequested, travel.DocumentIssued, travel.DocumentRefused, travel.DocumentLapsed, *_FLYING,
            travel.Departed,
        )
        | _CORRECTED,
        Scope.OWN_NATIONALS,
        person=_PAPERS | {PersonField.SEX},
        precision=Precision.DAY,
    ),
    AgencyKind.EXIT_AUTHORITY: Terms(
        REFERRALS
        | _all_of(
            travel.ExitVisaRequested, travel.ExitVisaIssued, travel.ExitVisaRefused, travel.SeatReleased,
            travel.Boarded,
        )
        | _CORRECTED
        # That somebody is escorted tells of health, or of a child alone.
        | {told_as(travel.SeatBooked): frozenset({"flight_id", "provisional"})},
        Scope.OWN_REFERRALS,
        person=_PAPERS | {PersonField.NATIONALITY},
        precision=Precision.DAY,
    ),
    AgencyKind.CARRIER: Terms(
        _all_of(
            *_FLYING, travel.SeatBooked, travel.SeatReleased, travel.ManifestLocked, travel.FlightDeparted,
            travel.Boarded, travel.NoShow,
        )
        | _CORRECTED,
        Scope.OWN_FLIGHTS,
        person=_PAPERS | {PersonField.SEX},
    ),
    AgencyKind.RECEIVING_OFFICE: Terms(
        _all_of(
            *_FLYING, travel.SeatBooked, travel.SeatReleased, travel.Departed, travel.ArrivalConfirmed,
            travel.MissingAtArrival, travel.ArrivalCorrected,
        )
        | _CORRECTED,
        Scope.OWN_NATIONALS,
        person=_BORN | {PersonField.SEX, PersonField.PHONE},
    ),
    AgencyKind.HEALTH_PARTNER: Terms(
        REFERRALS | _all_of(travel.ArrivalConfirmed) | _CORRECTED,
        Scope.OWN_REFERRALS,
        person=_BORN | {PersonField.PHONE},
        precision=Precision.DAY,
    ),
    AgencyKind.REINTEGRATION_PARTNER: Terms(
        REFERRALS
        | _all_of(
            travel.ArrivalConfirmed, reintegration.PlanApproved, reintegration.LineDelivered,
            reintegration.ReintegrationCompleted,
        )
        | _CORRECTED,
        Scope.OWN_REFERRALS,
        person=_NAMES | {PersonField.PHONE},
        precision=Precision.DAY,
    ),
    AgencyKind.UNHCR: Terms(
        REFERRALS | _all_of(travel.Departed) | _CORRECTED,
        Scope.OWN_REFERRALS,
        person=_BORN | {PersonField.NATIONALITY},
        precision=Precision.DAY,
    ),
    AgencyKind.DONOR: Terms(dict(offers.FIGURES), Scope.FIGURES, precision=Precision.MONTH),
}  # fmt: skip
