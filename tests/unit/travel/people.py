"""People, families and flights for the tests of travel's rules. Everybody is made up."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from services.travel.domain.case import Case
from services.travel.domain.events import TravelEvent
from services.travel.domain.flight import Flight
from services.travel.domain.gates import Fitness
from services.travel.domain.party import Party, Policy
from services.travel.domain.vocabulary import AgeGroup, FlightKind, Gate, PaperKind
from shared.ids import new_id

NOW = datetime(2026, 3, 20, 9, tzinfo=UTC)
DEPARTURE = datetime(2026, 3, 27, 9, tzinfo=UTC)
#: The hour at the airport when people board.
AT_THE_GATE = DEPARTURE - timedelta(hours=1)


def person(age: AgeGroup = AgeGroup.ADULT, *, band: int = 3, days_waiting: int = 30, papers: bool = True) -> Case:
    """A person who is cleared and fit, with papers unless it says otherwise."""
    case = Case(new_id(), band=band, consent=True, cleared=True)
    case.register("tripoli", "PK", age, NOW.date() - timedelta(days=days_waiting))
    case.fitness = Fitness(True, NOW, DEPARTURE + timedelta(hours=2), False)
    if papers:
        give_papers(case)
    return case


def give_papers(case: Case, until: date = DEPARTURE.date() + timedelta(days=20)) -> None:
    """A travel document and an exit visa."""
    for gate in (Gate.DOCUMENT, Gate.EXIT_VISA):
        case.request_paper(gate, "embassy-pk", PaperKind.LAISSEZ_PASSER)
        case.issue_paper(gate, "X-1", NOW.date(), until, NOW.date())


def family(*members: Case) -> Party:
    """These people as one travel unit."""
    home = new_id()
    for case in members:
        case.belongs_to(home, NOW)
    return Party(list(members), {})


def single(case: Case, policy: Policy = Policy()) -> Party:
    """A person who travels alone."""
    return Party([case], {}, policy)


def flight(capacity: int = 10, departs_at: datetime = DEPARTURE) -> Flight:
    """A charter from Mitiga to Islamabad."""
    route = ("YL", "6402", "MJI", "ISB")
    return Flight(new_id(), *route, departs_at, capacity, FlightKind.CHARTER, "tripoli", "PK")


def locked(plane: Flight, *parties: Party) -> Flight:
    """The flight with these units on its locked manifest."""
    for party in parties:
        party.book(plane, NOW)
    plane.lock([], NOW)
    return plane


def kinds(events: list[TravelEvent], case_id: UUID | None = None) -> list[str]:
    """The names of the events, of one case if it says whose."""
    return [type(each).__name__ for each in events if case_id in (None, getattr(each, "case_id", None))]
