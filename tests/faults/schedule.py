"""Which fault happens when: decided by the seed alone."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from services.embedded import SERVICES
from tests.faults.hooks import POINTS


class Kind(StrEnum):
    """What can happen."""

    #: SIGKILL, at a random moment.
    KILL = "kill"
    #: SIGSTOP, and SIGCONT some seconds later.
    STOP = "stop"
    #: SIGKILL at a named point of the process's own work.
    CRASH = "crash"
    #: SIGSTOP at a named point, and SIGCONT some seconds later.
    FREEZE = "freeze"
    #: SIGKILL of all replicas of a service at once.
    KILL_SERVICE = "kill-service"
    BROKER_KILL = "broker-kill"
    #: The broker's data directory is gone.
    BROKER_WIPE = "broker-wipe"
    #: The broker has no memory left, and blocks publishers.
    BROKER_ALARM = "broker-alarm"
    QUEUE_DELETE = "queue-delete"
    #: A producer's exchange, and with it who is bound to it.
    EXCHANGE_DELETE = "exchange-delete"
    POSTGRES_KILL = "postgres-kill"
    BACKENDS_TERMINATE = "backends-terminate"
    RESET = "reset"
    HALF_OPEN = "half-open"
    SLOW = "slow"
    #: A connection ends in the middle of a frame.
    CUT = "cut"
    DUPLICATES = "duplicates"
    REORDERED = "reordered"
    UNDECODABLE = "undecodable"
    #: An event of a producer's log whose data doesn't fit its type.
    POISON = "poison"
    #: A real event whose handling fails until everything is healed and a person has it replayed.
    SPOIL = "spoil"


#: What a proxy stands in front of, and what it can do.
LINKS = ("database", "broker", "http")
LINKED = (Kind.RESET, Kind.HALF_OPEN, Kind.SLOW, Kind.CUT)

#: Who reaches which points; who does so most often comes first.
_WORKERS = {
    "relay": ("travel", "screening", "reintegration"),
    "consumer": ("gateway", "travel", "screening", "reintegration"),
    "command": ("screening", "travel", "reintegration"),
}
#: Whose handling may be spoilt: those who hear of every case from early on.
_SPOILT = ("travel", "reintegration", "gateway", "screening")
#: Who has an exchange to which somebody is bound.
_TELLING = ("screening", "travel", "reintegration", "monitoring")
#: Faults that make everybody wait get their own part of the run, as shares of its length.
_HEAVY = {Kind.BROKER_WIPE: 0.15, Kind.POSTGRES_KILL: 0.45, Kind.BROKER_KILL: 0.6, Kind.BROKER_ALARM: 0.85}
#: Below so many seconds not everything fits in.
WHOLE = 60.0


@dataclass(frozen=True)
class Fault:
    """One thing that happens, ``at`` so many seconds after the beginning."""

    at: float
    kind: Kind
    service: str = ""
    #: Which replica, which link, which crash point.
    replica: int = 1
    link: str = ""
    point: str = ""
    seconds: float = 0.0

    @property
    def name(self) -> str:
        """What it counts as in the table."""
        return f"{self.kind} {self.point or self.link}".strip()

    def __str__(self) -> str:
        whom = f"{self.service}-{self.replica}" if self.service else ""
        rest = " ".join(filter(None, (whom, self.link, self.point, f"{self.seconds:.1f} s" if self.seconds else "")))
        return f"{self.at:6.1f} s  {self.kind} {rest}".rstrip()


def schedule(seed: int, length: float, replicas: int = 2) -> list[Fault]:
    """The faults of a run, in order. A run of a minute has every kind, and every point both ways."""
    chance = random.Random(seed)
    faults = list(_whole(chance, length, replicas) if length >= WHOLE else _short(chance, length, replicas))
    return sorted(faults, key=lambda fault: fault.at)


def _whole(chance: random.Random, length: float, replicas: int) -> Iterator[Fault]:
    light = [kind for kind in Kind if kind not in (*_HEAVY, Kind.CRASH, Kind.FREEZE, *LINKED)]
    for kind, share in _HEAVY.items():
        yield _fault(chance, kind, length * (share + chance.uniform(0, 0.05)), replicas)
    for point in POINTS:
        for kind in (Kind.CRASH, Kind.FREEZE):
            yield _fault(chance, kind, chance.uniform(1, length), replicas, point=point)
    for kind in LINKED:
        for link in LINKS:
            yield _fault(chance, kind, chance.uniform(1, length), replicas, link=link)
    for kind in (*light, Kind.SPOIL, Kind.SPOIL):
        yield _fault(chance, kind, chance.uniform(1, length), replicas)
    for _ in range(int((length - WHOLE) / 2)):
        kind = chance.choice(list(Kind))
        if kind not in _HEAVY or chance.random() < 0.15:
            yield _fault(chance, kind, chance.uniform(1, length), replicas)


def _short(chance: random.Random, length: float, replicas: int) -> Iterator[Fault]:
    yield _fault(chance, Kind.BROKER_WIPE, length * 0.2, replicas)
    yield _fault(chance, Kind.POSTGRES_KILL, length * 0.6, replicas)
    chosen = [Kind.KILL, Kind.STOP, Kind.QUEUE_DELETE, Kind.DUPLICATES, Kind.REORDERED, Kind.UNDECODABLE]
    for kind in (
        *chosen,
        Kind.POISON,
        Kind.SPOIL,
        Kind.SPOIL,
        Kind.BACKENDS_TERMINATE,
        *LINKED,
        *[Kind.DUPLICATES] * 2,
    ):
        yield _fault(chance, kind, chance.uniform(1, length), replicas)
    for point in chance.sample(POINTS, 6):
        yield _fault(chance, Kind.CRASH, chance.uniform(1, length), replicas, point=point)


def _fault(chance: random.Random, kind: Kind, at: float, replicas: int, *, point: str = "", link: str = "") -> Fault:
    replica, seconds = chance.randint(1, replicas), chance.uniform(1.5, 4.0)
    if kind in (Kind.CRASH, Kind.FREEZE):
        point = point or chance.choice(POINTS)
        service = chance.choice(_WORKERS[point.split(".")[0]])
        return Fault(at, kind, service, replica, point=point, seconds=seconds if kind is Kind.FREEZE else 0.0)
    if kind in LINKED:
        link, lasting = link or chance.choice(LINKS), kind in (Kind.HALF_OPEN, Kind.SLOW)
        return Fault(at, kind, chance.choice(SERVICES), replica, link=link, seconds=seconds if lasting else 0.0)
    if kind in (Kind.KILL, Kind.KILL_SERVICE, Kind.QUEUE_DELETE, Kind.BACKENDS_TERMINATE):
        return Fault(at, kind, chance.choice(SERVICES), replica)
    if kind is Kind.EXCHANGE_DELETE:
        return Fault(at, kind, chance.choice(_TELLING))
    if kind is Kind.SPOIL:
        return Fault(at, kind, chance.choice(_SPOILT))
    if kind is Kind.STOP:
        return Fault(at, kind, chance.choice(SERVICES), replica, seconds=seconds)
    return Fault(at, kind, seconds=seconds if kind is Kind.BROKER_ALARM else 0.0)
