"""The charters that are played: whom each list is of, what happens when, and who plays which part, by reference."""

from dataclasses import dataclass, field
from pathlib import Path

_EXAMPLES = Path(__file__).parents[2] / "examples"


@dataclass(frozen=True)
class Parts:
    """Who does not simply go the whole way. Each is a reference of the list."""

    #: One person with two references.
    same_person: tuple[tuple[str, str], ...] = ()
    #: A protection hold is placed, and lifted some days later.
    held: tuple[str, ...] = ()
    #: Needs assistance on board and a medical escort.
    medical: tuple[str, ...] = ()
    #: Decides to stay before there is a seat.
    withdraws_early: tuple[str, ...] = ()
    #: The embassy refuses a document at first.
    document_refused: tuple[str, ...] = ()
    #: Decides to stay at the airport desk, and the family then at the office.
    withdraws_at_desk: tuple[str, ...] = ()
    no_show: tuple[str, ...] = ()
    #: The border police does not let the person pass.
    refused_at_border: tuple[str, ...] = ()
    #: Is not met on arrival, and is found two days later.
    missing_at_first: tuple[str, ...] = ()
    #: The first plan is rejected.
    plan_rejected: tuple[str, ...] = ()
    #: A delivery was recorded that had not taken place.
    delivery_corrected: tuple[str, ...] = ()
    drops_out: tuple[str, ...] = ()
    #: Isn't reached at the first attempts.
    hard_to_reach: tuple[str, ...] = ()
    #: The call, or the visit, is made after its grace period.
    called_late: tuple[str, ...] = ()
    visited_late: tuple[str, ...] = ()
    #: The visit is postponed again and again.
    never_visited: tuple[str, ...] = ()
    contact_lost: tuple[str, ...] = ()


@dataclass(frozen=True)
class Fund:
    """A donor's envelope, in cents."""

    code: str
    donor: str
    amount: int


@dataclass(frozen=True)
class Days:
    """When what is done, in days from the Monday of the registration week."""

    embassy_session: int = 10
    second_session: int = 12
    exit_visas: int = 14
    #: A first flight is planned for this day and cancelled three days before.
    cancelled_flight: int | None = None
    flight: int = 21


@dataclass(frozen=True)
class Scenario:
    """One charter."""

    name: str
    title: str
    list: Path
    origin_country: str
    language: str
    embassy: str
    document_days: int
    flight_number: str
    destination: str
    arrival_place: str
    capacity: int
    funds: tuple[Fund, ...]
    parts: Parts
    days: Days = field(default_factory=Days)
    office: str = "tripoli"
    origin: str = "MJI"
    #: IATA's code of Buraq Air, which flies charters from Mitiga.
    carrier: str = "UZ"
    exit_authority: str = "passport-authority-ly"


ISLAMABAD = Scenario(
    name="tripoli-islamabad",
    title="133 people from Tripoli Mitiga to Islamabad",
    list=_EXAMPLES / "tripoli-islamabad-133.csv",
    origin_country="PK",
    language="ur",
    embassy="embassy-pk",
    document_days=60,
    flight_number="133",
    destination="ISB",
    arrival_place="Islamabad International Airport",
    capacity=150,
    funds=(Fund("HW-EU-2", "European Union", 40_000_00), Fund("HW-NO-1", "Norway", 25_000_00)),
    parts=Parts(
        same_person=(("TSK-011", "ABS-018"),),
        held=("TSK-007",),
        medical=("TSK-003", "JNZ-033"),
        document_refused=("TSK-015",),
        withdraws_at_desk=("JNZ-001",),
        no_show=("GRJ-004",),
        missing_at_first=("TSK-020",),
        plan_rejected=("JNZ-040",),
        delivery_corrected=("JNZ-041",),
        drops_out=("TSK-022",),
        hard_to_reach=("TSK-024", "TSK-025", "ABS-005", "GRJ-007", "JNZ-050"),
        called_late=("JNZ-046",),
        visited_late=("JNZ-047", "ABS-009"),
        never_visited=("JNZ-048",),
        contact_lost=("JNZ-045",),
    ),
)

ABIDJAN = Scenario(
    name="tripoli-abidjan",
    title="160 people from Tripoli Mitiga to Abidjan",
    list=_EXAMPLES / "tripoli-abidjan-160.xlsx",
    origin_country="CI",
    language="fr",
    embassy="embassy-ci",
    document_days=14,
    flight_number="160",
    destination="ABJ",
    arrival_place="Félix-Houphouët-Boigny International Airport",
    capacity=170,
    funds=(Fund("HW-EU-3", "European Union", 55_000_00), Fund("HW-IT-1", "Italy", 25_000_00)),
    parts=Parts(
        held=("TSK-002", "GRJ-005"),
        medical=("TSK-004", "JNZ-044"),
        withdraws_early=("JNZ-005",),
        document_refused=("ABS-001", "GRJ-006"),
        withdraws_at_desk=("JNZ-019",),
        no_show=("GRJ-008", "TSK-005"),
        refused_at_border=("GRJ-007",),
        missing_at_first=("JNZ-045",),
        plan_rejected=("JNZ-046",),
        delivery_corrected=("GRJ-003",),
        drops_out=("TSK-007",),
        hard_to_reach=("TSK-003", "JNZ-042", "JNZ-043"),
        called_late=("GRJ-004",),
        visited_late=("GRJ-002",),
        never_visited=("TSK-006",),
        contact_lost=("JNZ-047",),
    ),
    # The embassy's papers last two weeks: the session is held for the flight that then leaves two days late.
    days=Days(embassy_session=12, second_session=14, exit_visas=15, cancelled_flight=22, flight=24),
)

SCENARIOS = {each.name: each for each in (ISLAMABAD, ABIDJAN)}
