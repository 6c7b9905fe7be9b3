"""Who gets the seats of a flight: by vulnerability, then waiting time, families unsplit."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from services.travel.domain.case import Action
from services.travel.domain.events import TravelEvent
from services.travel.domain.flight import Flight
from services.travel.domain.party import Party
from services.travel.domain.rules import FlightFull, WrongDestination
from services.travel.domain.vocabulary import Gate


@dataclass
class Allotment:
    """Who got a seat, who waits and for which gates, and the events that tell of it."""

    booked: list[UUID] = field(default_factory=list)
    waiting: dict[UUID, list[Gate]] = field(default_factory=dict)
    events: list[TravelEvent] = field(default_factory=list)


def allot(flight: Flight, parties: Iterable[Party], now: datetime, *, by_hand: bool = False) -> Allotment:
    """Give seats in order of priority; a unit that doesn't fit waits, and a smaller one after it may still fit."""
    flight.require_open()
    allotment = Allotment()
    for party in sorted(parties, key=lambda each: each.priority):
        if all(each.flight_id == flight.id for each in party.seated) and party.seated:
            allotment.booked += [each.id for each in party.seated]
            continue
        if by_hand and not party.travelling:
            party.members[0].require(Action.BOOK)
        if not any(each.country_of_origin == flight.country_of_origin for each in party.members):
            raise WrongDestination()
        _try(flight, party, now, allotment, by_hand)
    return allotment


def _try(flight: Flight, party: Party, now: datetime, allotment: Allotment, by_hand: bool) -> None:
    obstacles = party.obstacles(by_hand=by_hand)
    if not obstacles:
        try:
            allotment.events += party.book(flight, now)
        except FlightFull:
            obstacles = {each.id: [Gate.SEAT] for each in party.travelling}
    allotment.waiting |= obstacles
    if not obstacles:
        allotment.booked += [each.id for each in party.travelling]
