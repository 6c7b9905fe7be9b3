"""What a producer tells whose database was set back to an earlier moment. Every producer may; no other event may go on
from an event that isn't the one before it.
"""

from shared.contracts.envelope import Contract


class Lost(Contract, type="org.homeward.log.lost.v1"):
    """The event of this number is lost here, whatever others have handled under it; it must be entered again."""


class Restored(Contract, type="org.homeward.log.restored.v1"):
    """From here on the log goes on. What has the numbers from ``lost_from`` to ``lost_upto`` is lost."""

    lost_from: int
    lost_upto: int


#: They take the place of what was handled under their numbers.
GOING_ON = frozenset({Lost.type, Restored.type})
