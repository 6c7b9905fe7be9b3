"""A producer's process: answers for a log and publishes it, and commits events at a given rate when it is asked.

``python -m tests.benchmark.producer screening``. The real service would also follow others and handle what they
publish, which is not what is measured.
"""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request

from shared.auth.grants import SERVICE_GRANTS
from shared.messaging.handlers import handlers
from shared.messaging.outbox import Outgoing
from shared.persistence.unit_of_work import UnitOfWork
from shared.process import serve
from shared.service import Service
from shared.settings import ServiceSettings, settings_config
from shared.web.access import open_to_all
from shared.web.bodies import Body
from tests.benchmark import story
from tests.benchmark.story import Told

router = APIRouter()
#: Commits in a second at most: a higher rate of events is committed in groups.
COMMITS = 200


class Offer(Body):
    """How many events a second, and for how long; with ``subjects``, papers of these cases."""

    rate: float
    seconds: float
    seed: int = 11
    subjects: tuple[UUID, ...] = ()


@router.post("/offer", dependencies=[Depends(open_to_all)])
async def offer(request: Request, wanted: Offer) -> dict[str, Any]:
    """Commit events at this rate, whatever becomes of them (an open loop); answers when all are committed."""
    service: Service = request.app.state.service
    loop = asyncio.get_running_loop()
    count = round(wanted.rate * wanted.seconds)
    told = story.papers(count, wanted.seed, wanted.subjects) if wanted.subjects else story.screening(count, wanted.seed)
    group = max(1, round(wanted.rate / COMMITS))
    begun, work, turn = loop.time(), [], asyncio.Lock()
    for start in range(0, len(told), group):
        await asyncio.sleep(max(0, begun + start / wanted.rate - loop.time()))
        work.append(asyncio.create_task(_commit(service, told[start : start + group], turn)))
    await asyncio.gather(*work)
    return {"events": len(told), "seconds": loop.time() - begun}


async def _commit(service: Service, told: Sequence[Told], turn: asyncio.Lock) -> None:
    """As a command does it: one transaction, then the relay is told. In turn, for a story has its order."""
    async with turn:
        async with service.database.transaction() as connection:
            unit = service.unit(connection)
            for each in told:
                unit.record(each)
            await unit.flush()
        service.committed(unit.logged)


def main() -> None:
    """``NAME``: which service's log."""
    name = sys.argv[1]

    class Settings(ServiceSettings):
        model_config = settings_config(f"HOMEWARD_{name.upper()}_")

    # The tally is nobody's neighbour but the benchmark's.
    SERVICE_GRANTS["tally", name] = SERVICE_GRANTS["travel", "screening"]
    serve(lambda settings: _service(name, settings).app, Settings)


def _service(name: str, settings: ServiceSettings) -> Service:
    return Service(
        name=name,
        source=f"/homeward/{name}",
        settings=settings,
        unit=UnitOfWork,
        publish=lambda told: Outgoing(told.subject, told.data),
        handlers=handlers(),
        follows=(),
        migrations=Path(__file__).parents[2] / "services" / name / "migrations",
        routers=[router],
    )


if __name__ == "__main__":
    main()
