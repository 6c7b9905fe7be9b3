"""What falls due by the programme's clock."""

from uuid import UUID

from services.travel.queries import due_cases
from services.travel.repository import Unit
from shared.scheduler import Scheduled


async def notice_lapsed(uow: Unit, case_id: UUID) -> None:
    """A paper or the fitness is no longer valid."""
    case = await uow.load_case(case_id)
    now = uow.clock.now()
    uow.record(*case.lapse(now), *uow.party(case).settle(now))


SCHEDULED = [Scheduled("papers-lapsed", due=due_cases, run=notice_lapsed)]
