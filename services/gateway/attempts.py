"""Failed sign-ins: after some, a name has to wait, longer each time, whether there is such an account or not."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from shared.errors import HomewardError

#: Failures that cost nothing: people mistype.
FREE = 5
#: Seconds of the first wait; it doubles with each further failure.
FIRST_WAIT = 10.0
LONGEST_WAIT = 900.0
#: Names that are remembered: a guesser who tries more pushes out the oldest, and memory stays small.
REMEMBERED = 10_000


class TooManyAttempts(HomewardError):
    """Too many failed sign-ins for this name: wait."""

    status = 429


@dataclass
class _Failures:
    count: int
    wait_until: float


class Attempts:
    """The failures of each name since its last success, in this process."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._of: OrderedDict[str, _Failures] = OrderedDict()

    def check(self, name: str) -> None:
        """Raise TooManyAttempts while the name has to wait."""
        failures = self._of.get(name)
        left = failures.wait_until - self._now() if failures else 0.0
        if left > 0:
            seconds = int(left) + 1
            raise TooManyAttempts(f"Too many failed sign-ins: wait {seconds} seconds.", retry_after=seconds)

    def failed(self, name: str) -> None:
        count = self._of[name].count + 1 if name in self._of else 1
        wait = min(FIRST_WAIT * 2 ** (count - FREE), LONGEST_WAIT) if count >= FREE else 0.0
        self._of[name] = _Failures(count, self._now() + wait)
        self._of.move_to_end(name)
        while len(self._of) > REMEMBERED:
            self._of.popitem(last=False)

    def succeeded(self, name: str) -> None:
        self._of.pop(name, None)
