"""What leaves screening: each domain event as its published contract, field by field."""

from typing import assert_never

from services.screening.domain import events
from shared.contracts import screening as contracts
from shared.contracts.envelope import Contract
from shared.contracts.vocabulary import AgeGroup, AssistanceCode, Gate, Recipient, VulnerabilityBand
from shared.messaging.outbox import Outgoing


def publish(event: events.ScreeningEvent) -> Outgoing:
    """The event as others see it: never a name, a number, a diagnosis or the kind of a hold."""
    match event:
        case events.HouseholdChanged():
            return Outgoing(event.household_id, contracts.HouseholdChanged(case_ids=list(event.case_ids)))
        case _:
            return Outgoing(event.case_id, _of_case(event))


def _of_case(event: events.CaseScreeningEvent) -> Contract:
    match event:
        case events.CaseRegistered():
            return contracts.CaseRegistered(
                person_id=event.person_id,
                household_id=event.household_id,
                reference=event.reference,
                office=event.office,
                country_of_origin=event.nationality,
                age_group=AgeGroup(event.age_group),
                registered_on=event.registered_on,
            )
        case events.IdentityCorrected():
            return contracts.IdentityCorrected(country_of_origin=event.nationality, age_group=AgeGroup(event.age_group))
        case events.DuplicateSuspected():
            return contracts.DuplicateSuspected(other_case_id=event.other_case_id)
        case events.DuplicateDecided():
            return contracts.DuplicateDecided(
                other_case_id=event.other_case_id, same_person=event.same_person, person_id=event.person_id
            )
        case events.CaseMerged():
            return contracts.CaseMerged(into_case_id=event.into_case_id)
        case events.DeclarationSigned():
            return contracts.DeclarationSigned(signed_on=event.signed_on, recipients=_recipients(event.recipients))
        case events.RecipientsChanged():
            return contracts.RecipientsChanged(recipients=_recipients(event.recipients))
        case events.ConsentWithdrawn():
            return contracts.ConsentWithdrawn(withdrawn_on=event.withdrawn_on)
        case events.HoldPlaced():
            return contracts.HoldPlaced(hold_id=event.hold_id)
        case events.HoldLifted():
            return contracts.HoldLifted(hold_id=event.hold_id)
        case events.CaseCleared():
            return contracts.CaseCleared(cleared_on=event.cleared_on)
        case events.ClearanceRevoked():
            return contracts.ClearanceRevoked(missing=[Gate(gate) for gate in event.missing])
        case events.CaseDeclined():
            return contracts.CaseDeclined(declined_on=event.declined_on)
        case events.PersonErased():
            return contracts.PersonErased(erased_on=event.erased_on)
        case events.CaseAssessed() | events.CareArranged() | events.FitnessRecorded():
            return _needs(event)
        case _:
            assert_never(event)


def _recipients(known: tuple[str, ...]) -> list[Recipient]:
    return [Recipient(each) for each in known]


def _needs(event: events.CaseAssessed | events.CareArranged | events.FitnessRecorded) -> Contract:
    match event:
        case events.CaseAssessed():
            return contracts.CaseAssessed(
                band=VulnerabilityBand(event.band),
                assistance=[AssistanceCode(code) for code in event.assistance],
                escort_required=event.escort_required,
                care_required=event.care_required,
            )
        case events.CareArranged():
            return contracts.CareArranged(arranged=event.arranged)
        case events.FitnessRecorded():
            return contracts.FitnessRecorded(
                fit=event.fit,
                valid_from=event.valid_from,
                valid_until=event.valid_until,
                assistance=[AssistanceCode(code) for code in event.assistance],
                escort_required=event.escort_required,
            )
        case _:
            assert_never(event)
