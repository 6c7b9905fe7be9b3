"""The services that follow travel, in memory: to whom each would show a case."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from services.gateway.projection import CaseView
from services.gateway.repository import is_travelling
from services.reintegration import handlers as reintegration
from services.reintegration import outgoing as reintegration_outgoing
from services.reintegration import repository as reintegration_repository
from services.reintegration.domain.case import Case as Returnee
from services.screening import handlers as screening
from services.screening import outgoing as screening_outgoing
from services.screening import repository as screening_repository
from shared.contracts import travel
from shared.contracts.envelope import GENESIS, Contract, Event, encode_data
from shared.ids import new_id
from shared.messaging.handlers import Received
from shared.persistence.unit_of_work import Surroundings
from tests.unit.screening.people import case


class Followers:
    """Screening, reintegration and the gateway with the same cases, and what they make of travel's events."""

    def __init__(self, people: Sequence[UUID], here: Surroundings) -> None:
        self._screening = screening_repository.Unit(cast(Any, None), _around(here, screening_outgoing.publish))
        self._reintegration = reintegration_repository.Unit(
            cast(Any, None), _around(here, reintegration_outgoing.publish)
        )
        self._gateway = {id: CaseView(id) for id in people}
        for id in people:
            self._screening.cases.add(case(id=id))
            self._reintegration.cases.add(Returnee(id, person_id=new_id()))

    def hear(self, subject: UUID, data: Contract, at: datetime) -> None:
        """One event of travel."""
        event = Event(
            id=new_id(), source=travel.SOURCE, type=data.type, subject=str(subject), sequence=1, time=at,
            prevhash=GENESIS, data=encode_data(data),
        )  # fmt: skip
        received = Received(event, data, subject)
        for handlers, unit in (
            (screening.HANDLERS, self._screening),
            (reintegration.HANDLERS, self._reintegration),
        ):
            if data.type in handlers:
                handlers[data.type].function(received, unit)
        self._gateway[subject].apply(travel.SOURCE, data, at)

    @property
    def travelling(self) -> dict[str, set[UUID]]:
        """Whom each would show to the country of origin's offices."""
        return {
            "screening": {each.id for each in self._screening.cases if each.travelling},
            "reintegration": {each.id for each in self._reintegration.cases if each.travelling},
            "gateway": {each.id for each in self._gateway.values() if is_travelling(each)},
        }


def _around(here: Surroundings, publish: Any) -> Surroundings:
    return Surroundings(None, publish, here.clock, here.programme)
