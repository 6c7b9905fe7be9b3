"""What screening's database holds, as whoever has got it would read it."""

from shared.persistence.database import rows
from shared.service import Service
from tests.integration.screening.programme import Programme


def service_of(programme: Programme) -> Service:
    service: Service = programme.apps["screening"].state.service
    return service


async def everything(service: Service) -> str:
    """Every row of every table as text."""
    async with service.database.transaction() as connection:
        tables = await rows(connection, "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'")
        found = [
            str(row[0])
            for each in tables
            for row in await rows(connection, f'SELECT "{each.name}"::text FROM "{each.name}"')
        ]
        logs = await rows(connection, "SELECT convert_from(data, 'UTF8') FROM event_log")
    return "\n".join([*found, *(row[0] for row in logs)])
