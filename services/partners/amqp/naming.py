"""What is an agency's at the broker, and how it is named: whatever is named otherwise is somebody else's."""

import re
from dataclasses import dataclass
from uuid import UUID

_UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"


@dataclass(frozen=True)
class Naming:
    """``prefix``: two installations that share a broker have different ones."""

    prefix: str

    def agency(self, id: UUID) -> str:
        """Of an agency's virtual host, and of its user."""
        return f"{self.prefix}.agency.{id}"

    def queue(self, id: UUID) -> str:
        """Of a subscription's queue."""
        return f"{self.prefix}.subscription.{id}"

    def refused(self, id: UUID) -> str:
        """Of the queue for what the agency has rejected: it can't read that one."""
        return f"{self.prefix}.refused.{id}"

    def is_agency(self, name: str) -> bool:
        """Whether a virtual host or a user is ours."""
        return re.fullmatch(re.escape(f"{self.prefix}.agency.") + _UUID, name) is not None

    def is_queue(self, name: str) -> bool:
        """Whether a queue is ours."""
        return re.fullmatch(re.escape(f"{self.prefix}.") + "(?:subscription|refused)[.]" + _UUID, name) is not None

    @property
    def ours(self) -> str:
        """The regular expression of all queues that we make."""
        return "^" + f"{self.prefix}.".replace(".", r"\.") + r"(subscription|refused)\."

    @property
    def readable(self) -> str:
        """The regular expression of what an agency may read in its virtual host."""
        return "^" + f"{self.prefix}.subscription.".replace(".", r"\.")
