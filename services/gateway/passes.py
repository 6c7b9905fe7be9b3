"""What services are shown in place of what a caller holds: a token of two minutes that is good at one of them alone."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from shared.auth.ledger import system_time
from shared.auth.principal import Principal
from shared.auth.tokens import Signer
from shared.errors import Unavailable

#: Seconds for which a service believes a pass: so long may it still take one whose session has ended.
PASS_SECONDS = 120
#: A pass is renewed when it is half as old.
_RENEWED_AFTER = PASS_SECONDS / 2
_REMEMBERED = 2000


class NoSigningKey(Unavailable):
    """This gateway has no key to sign what services are shown: set private_key."""


@dataclass(frozen=True)
class _Pass:
    made: float
    token: str


@dataclass(frozen=True)
class Passes:
    """Exchanges callers' tokens. ``whose``: the principal of a token, looked at again each time."""

    signer: Signer
    whose: Callable[[str], Awaitable[Principal]]
    _kept: dict[tuple[Principal, str], _Pass] = field(default_factory=dict, repr=False)

    async def shown(self, token: str, callee: str) -> str:
        """The pass with which the caller is announced to a service. Raises what ``whose`` raises."""
        return self.of(await self.whose(token), callee)

    def of(self, principal: Principal, callee: str) -> str:
        """The principal's pass for a service."""
        now = system_time()
        known = self._kept.get((principal, callee))
        if known is None or now - known.made > _RENEWED_AFTER:
            known = _Pass(now, self.signer.issue(principal, _seconds(principal, now), audience=callee))
            if len(self._kept) >= _REMEMBERED:
                self._kept.clear()
            self._kept[principal, callee] = known
        return known.token


def _seconds(principal: Principal, now: float) -> int:
    """An emergency access ends when it was said to."""
    opening = principal.break_glass
    return PASS_SECONDS if opening is None else min(PASS_SECONDS, opening.until - int(now))
