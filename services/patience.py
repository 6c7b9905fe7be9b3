"""How who asks the gateway waits for it: the same request again, under the same key, as docs/operators.md tells."""

from collections.abc import Iterator

import httpx

#: Answers of a suite of which a part is away for a moment.
AWAY = frozenset({502, 503, 504})
#: Seconds for which it is asked again.
PATIENCE = 60.0
#: Seconds before the second attempt; each time twice as long, up to the longest.
_FIRST, _LONGEST = 0.05, 2.0


def pauses() -> Iterator[float]:
    """Seconds before each further attempt."""
    pause = _FIRST
    while True:
        yield pause
        pause = min(2 * pause, _LONGEST)


def asked_for(answer: httpx.Response) -> float:
    """Seconds that the answer asks to wait."""
    said = answer.headers.get("Retry-After", "")
    return float(said) if said.isdigit() else 0.0
