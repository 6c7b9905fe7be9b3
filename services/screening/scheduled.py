"""What falls due by the programme's clock."""

from functools import partial

from services.screening.usecases.erasure import due, erase_due
from shared.programme import Programme
from shared.scheduler import Scheduled


def scheduled(programme: Programme) -> list[Scheduled]:
    """By the programme's retention schedule."""
    return [Scheduled("erasure-due", due=partial(due, programme=programme), run=erase_due)]
