"""What all who play a part share: the charter, its people, the gateway and the calendar."""

from dataclasses import dataclass, field

from services.simulator.calendar import Calendar
from services.simulator.gateway import Gateway
from services.simulator.people import People, Traveller
from services.simulator.scenarios import Parts, Scenario


@dataclass
class Journey:
    """One charter under way."""

    scenario: Scenario
    people: People
    gateway: Gateway
    calendar: Calendar
    flight_id: str = ""
    fund_ids: list[str] = field(default_factory=list)
    #: Who may be whom, as the import found.
    suspected: dict[str, list[str]] = field(default_factory=dict)
    #: Rows that were not taken, with the reasons.
    rejected: list[dict[str, object]] = field(default_factory=list)

    @property
    def parts(self) -> Parts:
        """Who plays which part."""
        return self.scenario.parts

    def travelling_with(self, references: tuple[str, ...]) -> list[Traveller]:
        """These people and their families."""
        found = {member.reference: member for each in references for member in self.people.family(self.people[each])}
        return list(found.values())
