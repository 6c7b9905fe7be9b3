"""Failed sign-ins: after some, a name or an address has to wait, longer each time, whoever has such an account."""

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from shared.auth.administration import Administration
from shared.auth.ledger import Ledger, Limit, system_time
from shared.errors import HomewardError

_HOUR = 3600.0
#: People mistype. Nobody gets through more than a hundred guesses at one name in a day.
OF_A_NAME = Limit(free=5, first_wait=10, longest_wait=900, forgotten_after=24 * _HOUR)
#: An office of many people shares one address.
OF_AN_ADDRESS = Limit(free=50, first_wait=10, longest_wait=900, forgotten_after=_HOUR)
#: What one subscriber gets of IPv6: in it everybody has as many addresses as they like.
_SUBSCRIBER = 64


class TooManyAttempts(HomewardError):
    """Too many failed sign-ins with this name or from this address: wait, or have an administrator unlock the name."""

    status = 429

    def __init__(self, seconds: int) -> None:
        super().__init__(f"Too many failed sign-ins: wait {seconds} seconds.", retry_after=seconds)
        self.headers = {"Retry-After": str(seconds)}


@dataclass(frozen=True)
class Attempt:
    """One attempt, counted as failed until it is said to be none."""

    ledger: Ledger
    name: str
    address: str

    def succeeded(self) -> None:
        """The name's failures are forgotten; the address's are not, or one good account would open all others."""
        self.ledger.forget(self.name)
        self.ledger.take_back(self.address)

    def undecided(self) -> None:
        """Right so far, and not finished: it counts for nothing."""
        self.ledger.take_back(self.name)
        self.ledger.take_back(self.address)


@dataclass(frozen=True)
class Attempts:
    """The failures of each name and each address."""

    administration: Administration
    now: Callable[[], float] = system_time

    def begin(self, name: str, address: str) -> Attempt:
        """An attempt. Raises TooManyAttempts while the name or the address has to wait."""
        attempt = Attempt(
            self.administration.ledger,
            self.administration.key_of_name(name),
            self.administration.secrets.digest("address", subscriber(address)),
        )
        limits = {attempt.name: OF_A_NAME, attempt.address: OF_AN_ADDRESS}
        if (left := attempt.ledger.claim(limits, self.now())) > 0:
            raise TooManyAttempts(int(left) + 1)
        return attempt


def subscriber(address: str) -> str:
    """Whose address it is, as far as it can be told."""
    try:
        if ip_address(address).version == 6:
            return str(ip_network(f"{address}/{_SUBSCRIBER}", strict=False))
    except ValueError:
        pass
    return address
