"""How travel reacts to what screening tells. Every change is settled: seats and gates follow at once."""

from services.travel.domain.case import Action, Case
from services.travel.domain.gates import Fitness
from services.travel.domain.household import restate
from services.travel.domain.vocabulary import AgeGroup, RecordedIn
from services.travel.repository import Unit
from shared.contracts.screening import (
    CareArranged,
    CaseAssessed,
    CaseCleared,
    CaseDeclined,
    CaseMerged,
    CaseRegistered,
    ClearanceRevoked,
    ConsentWithdrawn,
    DeclarationSigned,
    FitnessRecorded,
    HoldLifted,
    HoldPlaced,
    HouseholdChanged,
    IdentityCorrected,
    PersonErased,
)
from shared.messaging.handlers import Received, handlers, on


def registered(received: Received[CaseRegistered], uow: Unit) -> None:
    """A case begins; its household may have been stated before."""
    case, data = uow.case(received.subject), received.data
    case.register(data.office, data.country_of_origin, AgeGroup(data.age_group.value), data.registered_on)
    if data.household_id and case.household_since is None:
        household = uow.household(data.household_id)
        if not household.left_out(case.id, received.time):
            household.admit(case.id)
            case.belongs_to(household.id, received.time)
    settle(case, uow)


def identity_corrected(received: Received[IdentityCorrected], uow: Unit) -> None:
    """The country to return to, or what the airlines count the person as, is another."""
    case, data = uow.cases.get(received.subject), received.data
    case.country_of_origin, case.age_group = data.country_of_origin, AgeGroup(data.age_group.value)
    settle(case, uow)


def household_changed(received: Received[HouseholdChanged], uow: Unit) -> None:
    """Who belongs to a travel unit has changed: those who leave travel alone, or with their new household."""
    stated = [uow.case(case_id) for case_id in received.data.case_ids]
    left = [uow.households.get(case.household_id) for case in stated if case.household_id]
    household = uow.household(received.subject)
    homes = {home.id: home for home in left}
    members = {case_id: uow.cases.get(case_id) for case_id in household.members}
    concerned = restate(household, stated, members, homes, received.time)
    behind = [uow.cases.get(case_id) for home in left for case_id in home.members]
    for party in uow.parties([*concerned, *behind]):
        uow.record(*party.settle(uow.clock.now()))


def merged(received: Received[CaseMerged], uow: Unit) -> None:
    """The person goes on under another case."""
    case = uow.cases.get(received.subject)
    uow.record(*uow.party(case).end(case, Action.MERGE, uow.clock.now()))


def declined(received: Received[CaseDeclined], uow: Unit) -> None:
    """The programme can't return this person."""
    case = uow.cases.get(received.subject)
    uow.record(*uow.party(case).end(case, Action.DECLINE, uow.clock.now()))


def assessed(received: Received[CaseAssessed], uow: Unit) -> None:
    """Priority, assistance, escort and care."""
    case, data = uow.cases.get(received.subject), received.data
    case.band = data.band.value
    case.assistance = [code.value for code in data.assistance]
    case.escort_required, case.care_required = data.escort_required, data.care_required
    settle(case, uow)


def care_arranged(received: Received[CareArranged], uow: Unit) -> None:
    """Care at home is in place, or no longer."""
    case = uow.cases.get(received.subject)
    case.care_arranged = received.data.arranged
    settle(case, uow)


def declaration_signed(received: Received[DeclarationSigned], uow: Unit) -> None:
    """Consent is given."""
    case = uow.cases.get(received.subject)
    uow.record(*uow.party(case).declare(case, uow.clock.now()))


def consent_withdrawn(received: Received[ConsentWithdrawn], uow: Unit) -> None:
    """Consent ends; whether that came in time is decided here."""
    case = uow.cases.get(received.subject)
    uow.record(*uow.party(case).withdraw(case, uow.clock.now(), RecordedIn.SCREENING))


def hold_placed(received: Received[HoldPlaced], uow: Unit) -> None:
    """The case must not move."""
    case = uow.cases.get(received.subject)
    case.holds = [*case.holds, received.data.hold_id]
    settle(case, uow)


def hold_lifted(received: Received[HoldLifted], uow: Unit) -> None:
    """One hold less."""
    case = uow.cases.get(received.subject)
    case.holds = [hold for hold in case.holds if hold != received.data.hold_id]
    settle(case, uow)


def fitness_recorded(received: Received[FitnessRecorded], uow: Unit) -> None:
    """A new examination replaces the one before it."""
    case, data = uow.cases.get(received.subject), received.data
    case.fitness = Fitness(data.fit, data.valid_from, data.valid_until, data.escort_required)
    case.assistance = sorted({*case.assistance, *(code.value for code in data.assistance)})
    settle(case, uow)


def cleared(received: Received[CaseCleared], uow: Unit) -> None:
    """Screening is done."""
    case = uow.cases.get(received.subject)
    case.cleared = True
    settle(case, uow)


def clearance_revoked(received: Received[ClearanceRevoked], uow: Unit) -> None:
    """Screening has to look again."""
    case = uow.cases.get(received.subject)
    case.cleared = False
    settle(case, uow)


def settle(case: Case, uow: Unit) -> None:
    """Draw the consequences for the travel unit."""
    uow.record(*uow.party(case).settle(uow.clock.now()))


def erased(received: Received[PersonErased], uow: Unit) -> None:
    """Destroy what is held of the person, and every chance to seal anything more."""
    case = uow.cases.find(received.subject)
    if case is not None:
        case.erase()
    uow.destroy(received.subject)


HANDLERS = handlers(
    on(
        CaseRegistered,
        registered,
        cases=lambda received: [received.subject],
        households=lambda received: filter(None, [received.data.household_id]),
    ),
    on(
        HouseholdChanged,
        household_changed,
        households=lambda received: [received.subject],
        cases=lambda received: received.data.case_ids,
    ),
    on(CaseMerged, merged, cases=lambda received: [received.subject]),
    on(CaseDeclined, declined, cases=lambda received: [received.subject]),
    on(CaseAssessed, assessed, cases=lambda received: [received.subject]),
    on(CareArranged, care_arranged, cases=lambda received: [received.subject]),
    on(DeclarationSigned, declaration_signed, cases=lambda received: [received.subject]),
    on(ConsentWithdrawn, consent_withdrawn, cases=lambda received: [received.subject]),
    on(HoldPlaced, hold_placed, cases=lambda received: [received.subject]),
    on(HoldLifted, hold_lifted, cases=lambda received: [received.subject]),
    on(FitnessRecorded, fitness_recorded, cases=lambda received: [received.subject]),
    on(CaseCleared, cleared, cases=lambda received: [received.subject]),
    on(ClearanceRevoked, clearance_revoked, cases=lambda received: [received.subject]),
    on(IdentityCorrected, identity_corrected, cases=lambda received: [received.subject]),
    on(PersonErased, erased, cases=lambda received: [received.subject]),
)
