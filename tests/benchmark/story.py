"""What producers have to tell: journeys of many people, families among them, told one beside the other.

The shares (families, holds, care, withdrawals) are those of a middling corridor; a seed makes them the same each time.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from random import Random
from uuid import UUID

from shared.contracts import monitoring, reintegration, travel
from shared.contracts.envelope import Contract
from shared.contracts.screening import (
    SOURCE,
    CareArranged,
    CaseAssessed,
    CaseCleared,
    CaseRegistered,
    ConsentWithdrawn,
    DeclarationSigned,
    FitnessRecorded,
    HoldLifted,
    HoldPlaced,
    HouseholdChanged,
)
from shared.contracts.vocabulary import AgeGroup, AssistanceCode, Gate, VulnerabilityBand
from shared.ids import new_id
from shared.messaging.outbox import Outgoing, Recorded

#: Travel units whose journeys are under way at the same time.
WINDOW = 400
#: One unit in four is a family.
FAMILIES = 0.25


@dataclass(frozen=True)
class Told:
    """One event: who tells it, and what."""

    source: str
    subject: UUID
    data: Contract

    def recorded(self, random: Random) -> Recorded:
        """As a service's unit of work would record it."""
        trace = f"00-{random.getrandbits(128) | 1:032x}-{random.getrandbits(64) | 1:016x}-01"
        return Recorded(Outgoing(self.subject, self.data), datetime.now(UTC), trace)


Script = list[Told]


def screening(count: int, seed: int = 1) -> list[Told]:
    """What screening tells of people up to their clearance."""
    return _told(count, seed, lambda random: _unit(random, _screened))


def whole_journeys(count: int, seed: int = 1) -> list[Told]:
    """What all four producers tell, up to the last visit at home."""
    return _told(count, seed, lambda random: _unit(random, _returned))


def papers(count: int, seed: int, cases: Sequence[UUID]) -> list[Told]:
    """What travel tells of these cases' papers, of each as often as of the others."""
    random, day = Random(seed), _today()
    issued = travel.DocumentIssued(authority="embassy", issued_on=day, expires_on=day + timedelta(180))
    lapsed = travel.DocumentLapsed(expired_on=day)
    told = [cases[number % len(cases)] for number in range(count)]
    random.shuffle(told)
    return [Told(travel.SOURCE, case, random.choice((issued, lapsed))) for case in told]


def _told(count: int, seed: int, unit: Callable[[Random], Script]) -> list[Told]:
    random = Random(seed)
    told: list[Told] = []
    under_way = [iter(unit(random)) for _ in range(WINDOW)]
    while len(told) < count:
        at = random.randrange(WINDOW)
        event = next(under_way[at], None)
        if event is None:
            under_way[at] = iter(unit(random))
        else:
            told.append(event)
    return told


def _unit(random: Random, person: Callable[[Random, UUID], Script]) -> Script:
    """A family is registered person by person, put together, and then everybody goes their way at their own pace."""
    if random.random() >= FAMILIES:
        case = new_id()
        return [_registered(random, case, None), *person(random, case)]
    household, members = new_id(), [new_id() for _ in range(random.randint(2, 6))]
    begun = [_registered(random, member, household) for member in members]
    together = Told(SOURCE, household, HouseholdChanged(case_ids=members))
    return [*begun, together, *_shuffled(random, [person(random, member) for member in members])]


def _shuffled(random: Random, scripts: list[Script]) -> Iterator[Told]:
    """Every script in its order, all of them interleaved."""
    turns = [at for at, script in enumerate(scripts) for _ in script]
    random.shuffle(turns)
    iterators = [iter(script) for script in scripts]
    for at in turns:
        yield next(iterators[at])


def _registered(random: Random, case: UUID, household: UUID | None) -> Told:
    ages = [AgeGroup.ADULT] if household is None else [AgeGroup.ADULT, AgeGroup.ADULT, AgeGroup.CHILD, AgeGroup.INFANT]
    data = CaseRegistered(
        person_id=new_id(),
        household_id=household,
        reference=f"TIP-2026-{random.randrange(10**6):06}",
        office="tripoli",
        country_of_origin="PK",
        age_group=random.choice(ages),
        registered_on=_today(),
    )
    return Told(SOURCE, case, data)


def _screened(random: Random, case: UUID) -> Script:
    """From the first interview to clearance; one in fifty thinks better of it."""
    care = random.random() < 0.05
    now = datetime.now(UTC)
    steps: list[Contract] = [
        CaseAssessed(
            band=random.choice(list(VulnerabilityBand)),
            assistance=random.choice([[], [], [], [AssistanceCode.WHEELCHAIR_RAMP]]),
            escort_required=random.random() < 0.03,
            care_required=care,
        ),
        DeclarationSigned(signed_on=_today()),
    ]
    if random.random() < 0.1:
        hold = new_id()
        steps += [HoldPlaced(hold_id=hold), HoldLifted(hold_id=hold)]
    if care:
        steps.append(CareArranged(arranged=True))
    steps += [
        FitnessRecorded(
            fit=True, valid_from=now, valid_until=now + timedelta(hours=72), assistance=[], escort_required=False
        ),
        CaseCleared(cleared_on=_today()),
    ]
    if random.random() < 0.02:
        steps.append(ConsentWithdrawn(withdrawn_on=_today()))
    return [Told(SOURCE, case, each) for each in steps]


def _returned(random: Random, case: UUID) -> Script:
    """The whole way: screening, papers and flight, the plan at home, the visits."""
    return [
        *_screened(random, case),
        *(Told(travel.SOURCE, case, each) for each in _travelled(new_id())),
        *(Told(reintegration.SOURCE, case, each) for each in _supported(random, new_id())),
        *(Told(monitoring.SOURCE, case, each) for each in _followed()),
    ]


def _travelled(flight: UUID) -> list[Contract]:
    authority, day, now = "embassy-pk", _today(), datetime.now(UTC)
    return [
        travel.DocumentRequested(authority=authority),
        _gates([Gate.DOCUMENT, Gate.EXIT_VISA, Gate.SEAT]),
        travel.DocumentIssued(authority=authority, issued_on=day, expires_on=day + timedelta(180)),
        _gates([Gate.EXIT_VISA, Gate.SEAT]),
        travel.ExitVisaRequested(authority="passports"),
        travel.ExitVisaIssued(authority="passports", issued_on=day, expires_on=day + timedelta(30)),
        _gates([Gate.SEAT]),
        travel.SeatBooked(flight_id=flight, provisional=False, escorted=False),
        _gates([]),
        travel.Boarded(flight_id=flight, boarded_at=now, kit=True),
        travel.Departed(flight_id=flight, departed_at=now),
        travel.ArrivalConfirmed(flight_id=flight, arrived_on=day),
    ]


def _gates(missing: list[Gate]) -> travel.GatesEvaluated:
    met = [gate for gate in Gate if gate not in missing]
    return travel.GatesEvaluated(on=_today(), met=met, missing=missing, lapsing=[], ready=not missing)


def _supported(random: Random, fund: UUID) -> list[Contract]:
    lines = random.randint(1, 3)
    return [
        reintegration.ReintegrationOpened(inception_on=_today()),
        reintegration.PlanSubmitted(fund_id=fund, lines=lines, amount=50_000, currency="EUR"),
        reintegration.PlanApproved(fund_id=fund, amount=50_000, currency="EUR"),
        *(reintegration.LineDelivered(line=line + 1, amount=50_000 // lines, currency="EUR") for line in range(lines)),
        reintegration.ReintegrationCompleted(spent=50_000, currency="EUR", completed_on=_today()),
    ]


def _followed() -> list[Contract]:
    day = _today()
    visits = [
        monitoring.Visit(code="month-1", method="phone", due_on=day + timedelta(30)),
        monitoring.Visit(code="month-4", method="site", due_on=day + timedelta(120)),
    ]
    made: list[Contract] = [monitoring.FollowUpsScheduled(inception_on=day, visits=visits)]
    for visit in visits:
        made.append(monitoring.AttemptRecorded(code=visit.code, outcome="reached"))
        made.append(monitoring.FollowUpCompleted(code=visit.code, completed_on=day, late=False))
    return [*made, monitoring.CaseClosed(reason="followed_up", closed_on=day)]


def _today() -> date:
    return datetime.now(UTC).date()
