"""The stages as the pipeline shows them: those of the journey in their order, and those beside it."""

from dataclasses import dataclass

from services.gateway.stages import Stage


@dataclass(frozen=True)
class Beside:
    """A stage beside the journey; ``leaves`` is the last stage that such a case has certainly reached."""

    stage: Stage
    leaves: Stage
    #: Somebody has to act.
    urgent: bool = False


JOURNEY = (
    Stage.REGISTERED,
    Stage.SCREENING,
    Stage.CLEARED,
    Stage.PREPARING,
    Stage.READY,
    Stage.BOOKED,
    Stage.DEPARTED,
    Stage.ARRIVED,
    Stage.REINTEGRATING,
    Stage.FOLLOWED_UP,
    Stage.CLOSED,
)

ASIDE = (
    Beside(Stage.ON_HOLD, Stage.REGISTERED, urgent=True),
    Beside(Stage.NO_SHOW, Stage.BOOKED, urgent=True),
    Beside(Stage.MISSING_AT_ARRIVAL, Stage.DEPARTED, urgent=True),
    Beside(Stage.LOST_CONTACT, Stage.ARRIVED, urgent=True),
    Beside(Stage.WITHDRAWN, Stage.REGISTERED),
    Beside(Stage.DECLINED, Stage.REGISTERED),
    Beside(Stage.MERGED, Stage.REGISTERED),
)
