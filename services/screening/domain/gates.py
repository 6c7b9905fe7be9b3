"""The gates of screening: what must be met before a case is cleared."""

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from services.screening.domain.vocabulary import Gate

if TYPE_CHECKING:
    from services.screening.domain.case import Case


def _care_is_arranged(case: "Case", at: datetime) -> bool:
    decided = case.best_interests
    return not case.needs_care(at.date()) or (decided is not None and decided.arranged)


def undoes_clearance(case: "Case", gate: Gate) -> bool:
    """Whether a clearance falls when this gate is missing."""
    if gate is Gate.IDENTITY:
        # Who has returned and asks again is suspected too; that journey is over.
        return not case.boarded
    # A result that only lapsed doesn't undo the clearance: travel asks for a new one before the flight.
    return gate is not Gate.FITNESS or (case.examination is not None and not case.examination.fit)


GATES: dict[Gate, Callable[["Case", datetime], bool]] = {
    Gate.CONSENT: lambda case, at: case.consents,
    Gate.ASSESSMENT: lambda case, at: case.assessment is not None,
    Gate.IDENTITY: lambda case, at: not case.open_suspicions,
    Gate.HOLD: lambda case, at: not case.open_holds,
    Gate.CARE: _care_is_arranged,
    Gate.FITNESS: lambda case, at: case.examination is not None and case.examination.holds_at(at),
}
