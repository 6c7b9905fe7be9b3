"""What falls due by the programme's clock."""

from functools import partial

from services.screening.usecases.erasure import due, erase_due
from shared.policy import Policy
from shared.scheduler import Scheduled


def scheduled(policy: Policy) -> list[Scheduled]:
    """By the programme's retention schedule."""
    return [Scheduled("erasure-due", due=partial(due, policy=policy), run=erase_due)]
