"""What codes, dates and amounts are called on the pages."""

from collections.abc import Callable, Sequence
from datetime import date, datetime
from itertools import groupby
from typing import Any

import pycountry

from services.gateway.answers import Entry
from shared.contracts.vocabulary import AgeGroup, Gate
from shared.programme import Programme

GATES = {
    Gate.CONSENT: "Declaration signed, consent stands",
    Gate.ASSESSMENT: "Vulnerability screening done",
    Gate.IDENTITY: "No undecided duplicate",
    Gate.HOLD: "No hold is open",
    Gate.CARE: "Care at home arranged, where required",
    Gate.FITNESS: "Fit to travel",
    Gate.CLEARANCE: "Cleared by screening",
    Gate.DOCUMENT: "Travel document valid",
    Gate.EXIT_VISA: "Exit visa valid",
    Gate.ESCORT: "Escort seated, where required",
    Gate.FAMILY: "The whole family can go",
    Gate.SEAT: "Seat on a flight",
}

_AGE_GROUPS = {AgeGroup.ADULT: "Adult", AgeGroup.CHILD: "Child", AgeGroup.INFANT: "Infant"}
_WAYS = {"feed": "by feed", "webhook": "by webhook", "amqp": "by queue (AMQP)"}
#: Of what concerns a subscription: whether somebody must act at once, or should look, or knows already.
_LEVELS = {
    "tombstones_overdue": "act",
    "tombstones_undeliverable": "act",
    "receiver_gone": "act",
    "held": "act",
    "failing": "act",
    "suspended": "known",
    "paused": "known",
}
#: What to do about a concern of the partners' service; the runbook tells more.
ADVICE = {
    "tombstones_overdue": "Call the contact. Once the agency says that it is destroyed, write it down below.",
    "tombstones_undeliverable": "It is tried no more. Tell the contact by letter or telephone and write it down below.",
    "receiver_gone": "Ask the contact whether that was meant. If not, the agency subscribes anew.",
    "held": "Ask the contact what its receiver has against these events. Then have them tried again.",
    "suspended": "What happens is kept. Once its cause is gone, somebody else resumes the agency.",
    "failing": "It is tried again by itself for three days. Tell the contact what its receiver answers.",
    "silent": "Ask the contact whether its program still runs. Nothing is lost: it gets all when it asks.",
    "behind": "Ask the contact whether its program is slow or has stopped. Nothing is lost.",
    "unconfirmed": "The agency’s receiver must answer the handshake: send the contact to docs/partners.md.",
    "agreement_not_in_force": "End the subscription, or enter a new agreement.",
    "agreement_ending": "Enter the next agreement in time: signing and approval take their days.",
    "paused": "What happens is kept until it is resumed.",
}
_BANDS = {1: "critical", 2: "high", 3: "medium", 4: "low"}


def words(code: str) -> str:
    """``missing_at_arrival`` as ``Missing at arrival``; a no-show keeps its hyphen."""
    spaced = code.replace("-", " ").replace("_", " ").capitalize()
    return spaced.replace("No show", "No-show")


def office_name(code: str, programme: Programme) -> str:
    """The office's name; its code when it left the programme."""
    office = programme.offices.get(code)
    return office.name if office else code


def country_name(code: str) -> str:
    """The country's short name."""
    found = pycountry.countries.get(alpha_2=code)
    return str(getattr(found, "common_name", found.name)) if found else code


def corridor_name(code: str, programme: Programme) -> str:
    """``tripoli-PK`` as ``Tripoli to Pakistan``."""
    office, _, country = code.rpartition("-")
    return f"{office_name(office, programme)} to {country_name(country)}"


def day(value: date | str | None) -> str:
    """A date, as ``5 Jan 2026``."""
    if value is None:
        return "—"
    known = date.fromisoformat(value) if isinstance(value, str) else value
    return f"{known.day} {known:%b %Y}"


def moment(value: datetime | str | None) -> str:
    """A time, as ``5 Jan 2026, 08:00 UTC``."""
    if value is None:
        return "—"
    known = datetime.fromisoformat(value) if isinstance(value, str) else value
    return f"{day(known.date())}, {known:%H:%M} UTC"


def span(seconds: float | None) -> str:
    """How long, as ``3 days``."""
    minutes = int(seconds or 0) // 60
    for size, name in ((24 * 60, "days"), (60, "hours")):
        if minutes >= 2 * size:
            return f"{minutes // size} {name}"
    return f"{minutes} min"


def event(type: str) -> str:
    """``org.homeward.travel.flight-scheduled.v1`` as ``Flight scheduled``."""
    return words(type.split(".")[-2])


def money(amount: int, currency: str | None) -> str:
    """An amount in minor units, as ``EUR 500.00``."""
    return f"{currency or ''} {amount / 100:,.2f}".strip()


def days_of(timeline: Sequence[Entry]) -> list[tuple[date, list[Entry]]]:
    """The timeline by days, the latest first."""
    return [(on, list(those)) for on, those in groupby(timeline[::-1], key=lambda entry: entry.time.date())]


FILTERS: dict[str, Callable[..., Any]] = {
    "words": words,
    "span": span,
    "event": event,
    "way": lambda way: _WAYS.get(way, way),
    "level": lambda kind: _LEVELS.get(kind, "watch"),
    "advice": lambda kind: ADVICE.get(kind, ""),
    "sentence": lambda text: text[:1].upper() + text[1:],
    "office_name": office_name,
    "country_name": country_name,
    "corridor_name": corridor_name,
    "day": day,
    "moment": moment,
    "money": money,
    "missing": lambda gates: ", ".join(words(gate).lower() for gate in gates),
    "gate": GATES.__getitem__,
    "age_group": lambda code: _AGE_GROUPS.get(code, code),
    "band": lambda band: f"{band} ({_BANDS[band]})" if band in _BANDS else "—",
    "number": lambda value: f"{value:,}",
}
