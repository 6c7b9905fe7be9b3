"""Nothing leaves that an agreement doesn't name, and nothing by which two agencies could join what they have."""

import copy
import json
from dataclasses import asdict, fields, replace
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as some

from services.partners import offers
from services.partners.domain.agreement import Agency, Agreement, Terms
from services.partners.domain.fact import About, Case, Country, Fact, Flight
from services.partners.domain.figures import FIGURES
from services.partners.domain.redaction import Pseudonyms, Redacted, person, redact, stated
from services.partners.domain.rules import FiguresAlone, FiguresOfNothing, ScopeOfOtherKind
from services.partners.domain.vocabulary import AgencyKind, LegalBasis, PersonField, Precision, Scope, Verdict
from services.partners.templates import TEMPLATES
from shared.contracts import travel
from shared.contracts.envelope import REGISTRY
from tests.unit.partners.facts import (
    CANARY,
    OWN,
    facts,
    ids_in,
    keys,
    marked,
    members_of,
    moments,
    of,
    offered_facts,
    terms,
)

WIDEST = Terms(offers.OFFERED, Scope.OWN_NATIONALS)
#: By kind what facts.md 5.1 says that it must not get: members, and what types are about.
_HEALTH = ("assistance", "fit", "escort_required", "care_required", "band", "arranged", "valid_from", "valid_until")
_REASONS = ("reason", "refused_by", "missing", "met", "lapsing", "recorded_in", "hold_id")
_MONEY = ("amount", "currency", "spent", "fund_id")
MUST_NOT: dict[AgencyKind, tuple[tuple[str, ...], tuple[str, ...]]] = {
    AgencyKind.EMBASSY: ((*_HEALTH, *_REASONS), ("screening", "reintegration", "monitoring")),
    AgencyKind.EXIT_AUTHORITY: ((*_HEALTH, *_REASONS, *_MONEY), ("screening", "reintegration", "monitoring")),
    AgencyKind.CARRIER: ((*_HEALTH, *_REASONS, *_MONEY), ("screening", "reintegration", "monitoring")),
    AgencyKind.RECEIVING_OFFICE: ((*_HEALTH, *_REASONS), ("screening",)),
    AgencyKind.HEALTH_PARTNER: ((*_REASONS, *_MONEY), ("screening", "reintegration")),
    AgencyKind.REINTEGRATION_PARTNER: ((*_HEALTH, *_REASONS), ("screening",)),
    AgencyKind.UNHCR: ((*_HEALTH, *_REASONS, *_MONEY), ("screening", "reintegration", "monitoring")),
    AgencyKind.DONOR: ((), ("screening", "travel", "reintegration", "monitoring")),
}


def said(event: Redacted) -> str:
    """All of it as it leaves."""
    return json.dumps(asdict(event), default=str)


@given(some.data())
def test_only_members_leave_that_the_terms_name(data: some.DataObject) -> None:
    fact = marked(data.draw(offered_facts))
    agreed = data.draw(terms(fact.type))
    event = redact(fact, agreed, data.draw(keys))
    assert event is not None
    assert event.data.keys() == agreed.events[fact.type] & fact.data.keys()
    for name in fact.data.keys() - agreed.events[fact.type]:
        assert f"{CANARY} {name}." not in said(event)


@given(facts, some.data())
def test_of_a_type_that_the_terms_do_not_name_nothing_leaves(fact: Fact, data: some.DataObject) -> None:
    agreed = data.draw(terms())
    assume(fact.type not in agreed.events)
    assert redact(fact, agreed, data.draw(keys)) is None


@pytest.mark.parametrize("type", sorted(REGISTRY.keys() - offers.OFFERED.keys()))
def test_what_is_not_offered_never_leaves(type: str) -> None:
    @given(of(type), keys)
    def never(fact: Fact, names: Pseudonyms) -> None:
        assert redact(fact, WIDEST, names) is None

    never()


@given(facts.map(lambda fact: replace(fact, type="org.homeward.screening.unheard-of.v1")), keys)
def test_of_an_unknown_type_nothing_leaves(fact: Fact, names: Pseudonyms) -> None:
    assert redact(fact, WIDEST, names) is None


@given(offered_facts, keys)
def test_an_event_has_none_of_our_ids_and_no_trace(fact: Fact, names: Pseudonyms) -> None:
    event = redact(fact, WIDEST, names)
    assert event is not None
    ours = {str(fact.id), str(fact.subject)} | ids_in(dict(fact.data))
    assert not [id for id in ours if id in said(event) or UUID(id).hex in said(event)]
    assert {each.name for each in fields(event)} == {"id", "source", "type", "subject", "time", "data"}


@given(offered_facts, keys, keys)
def test_no_id_of_an_agency_is_another_s(fact: Fact, mine: Pseudonyms, others: Pseudonyms) -> None:
    assume(mine != others)
    ours = {fact.id, fact.subject, *map(UUID, ids_in(dict(fact.data)))}
    assert not {mine.of(id) for id in ours} & {others.of(id) for id in ours}
    one, other = redact(fact, WIDEST, mine), redact(fact, WIDEST, others)
    assert one is not None and other is not None
    flights = {str(event.data.get("flight_id")) for event in (one, other)} - {"None"}
    assert len({one.id, one.subject, other.id, other.subject} | flights) == 4 + len(flights)
    assert len(flights) in (0, 2)


@given(some.uuids(), some.uuids(), keys)
def test_an_agency_s_id_is_always_the_same_and_of_one_thing_alone(one: UUID, other: UUID, names: Pseudonyms) -> None:
    assert names.of(one) == Pseudonyms(bytes(names.key)).of(one)
    assert (names.of(one) == names.of(other)) == (one == other)
    assert (names.of(one).version, names.of(one).variant) == (8, "specified in RFC 4122")


@given(of(travel.SeatBooked.type), of(travel.FlightScheduled.type), keys)
def test_a_seat_is_joined_with_its_flight_by_the_agency_that_hears_of_both(
    seat: Fact, flight: Fact, names: Pseudonyms
) -> None:
    booked = redact(replace(seat, data={**seat.data, "flight_id": flight.subject}), WIDEST, names)
    scheduled = redact(flight, WIDEST, names)
    assert booked is not None and scheduled is not None
    assert booked.data["flight_id"] == str(scheduled.subject)


@given(offered_facts.filter(lambda fact: bool(offers.OFFERED[fact.type])), some.uuids(), moments, keys)
def test_so_it_is_however_deep_in_its_data(fact: Fact, id: UUID, moment: datetime, names: Pseudonyms) -> None:
    name = min(offers.OFFERED[fact.type])
    deep = {"list": [id, {"at": moment}], "tuple": (moment.date(), [[id]]), "day": moment.date()}
    event = redact(replace(fact, data={name: deep}), replace(WIDEST, precision=Precision.MONTH), names)
    assert event is not None
    day = f"{moment:%Y-%m}-01"
    time, mine = f"{day}T00:00:00Z", str(names.of(id))
    assert event.data == {name: {"list": [mine, {"at": time}], "tuple": [day, [[mine]]], "day": day}}


@pytest.mark.parametrize(("precision", "first"), [(Precision.MONTH, 1), (Precision.DAY, None)])
@given(offered_facts, some.data(), keys)
def test_what_happened_in_the_same_span_can_not_be_told_apart(
    precision: Precision, first: int | None, fact: Fact, data: some.DataObject, names: Pseudonyms
) -> None:
    def within(value: Any) -> Any:
        """Another moment or day of the same span."""
        if isinstance(value, datetime):
            start = value.replace(day=first or value.day, hour=0, minute=0, second=0, microsecond=0)
            return start + timedelta(seconds=data.draw(some.integers(0, (28 if first else 1) * 86_400 - 1)))
        if isinstance(value, date):
            return value.replace(day=data.draw(some.integers(1, 28))) if first else value
        return value

    agreed = replace(WIDEST, precision=precision)
    moved = {name: within(value) for name, value in fact.data.items()}
    other = replace(fact, time=within(fact.time), data=moved)
    assert redact(fact, agreed, names) == redact(other, agreed, names)


@given(moments, some.sampled_from([timedelta(hours=each) for each in (-11, -3, 2, 13)]), some.sampled_from(Precision))
def test_a_time_says_nothing_of_where_its_clock_stood(
    moment: datetime, offset: timedelta, precision: Precision
) -> None:
    elsewhere = moment.astimezone(timezone(offset))
    assert stated(elsewhere, precision) == stated(moment, precision)
    assert stated(moment, precision).endswith("Z")


@given(offered_facts, some.data(), keys)
def test_redaction_is_pure(fact: Fact, data: some.DataObject, names: Pseudonyms) -> None:
    agreed = data.draw(terms(fact.type))
    before = copy.deepcopy((fact, agreed, names))
    once, again = redact(fact, agreed, names), redact(fact, agreed, names)
    assert once == again
    assert (fact, agreed, names) == before


@given(terms(), some.dictionaries(some.text(max_size=8), some.just(CANARY), max_size=4), some.data())
def test_of_who_a_person_is_those_fields_leave_that_are_named(
    agreed: Terms, more: dict[str, str], data: some.DataObject
) -> None:
    known = {each.value: f"{CANARY} {each}" for each in data.draw(some.sets(some.sampled_from(PersonField)))}
    told = person({**more, **known}, agreed)
    assert told.keys() == {each.value for each in agreed.person}
    assert all(told[name] == known.get(name, more.get(name)) for name in told)


@pytest.mark.parametrize("kind", AgencyKind)
def test_a_shipped_template_tells_nothing_that_its_agency_must_not_get(kind: AgencyKind) -> None:
    members, about = MUST_NOT[kind]
    for type in (*REGISTRY, *OWN):
        data = dict.fromkeys(members_of(type))
        fact = marked(Fact(UUID(int=1), "/", type, UUID(int=2), datetime(2026, 3, 1, tzinfo=UTC), data))
        event = redact(fact, TEMPLATES[kind], Pseudonyms(bytes(32)))
        if event is not None:
            # That a name was put right says nothing of what screening found.
            silent = type in offers.CORRECTING and not event.data
            assert silent or type.split(".")[2] not in about
            assert not [name for name in members if f"{CANARY} {name}." in said(event)]


def test_a_template_for_each_kind_is_one_that_may_be_agreed_upon() -> None:
    for kind in AgencyKind:
        agreement(kind, TEMPLATES[kind]).check()
        for type, members in TEMPLATES[kind].events.items():
            assert members <= offers.OFFERED[type]
    assert not TEMPLATES[AgencyKind.DONOR].person
    assert PersonField.PHONE not in TEMPLATES[AgencyKind.EMBASSY].person
    assert PersonField.NATIONALITY not in TEMPLATES[AgencyKind.CARRIER].person


def agreement(kind: AgencyKind, agreed: Terms, **changes: Any) -> Agreement:
    """An agreement in force all through 2026, with an agency in Pakistan that flies by QZ."""
    said: dict[str, Any] = {
        "legal_basis": LegalBasis.CONSENT,
        "purpose": "a purpose",
        "retention_days": 90,
        "contact": "somebody",
        "valid_from": date(2026, 1, 1),
        "valid_until": date(2026, 12, 31),
        "entered_by": "one",
        "approved_by": "another",
    }
    return Agreement(UUID(int=1), Agency(UUID(int=2), "Agency", kind, "PK", "QZ"), terms=agreed, **(said | changes))


def mostly(usual: Any, *others: Any) -> some.SearchStrategy[Any]:
    """So often the first that all that must be right is right at once often enough."""
    return some.sampled_from([*[usual] * 4 * len(others), *others])


_MINE, _OTHERS = UUID(int=2), UUID(int=3)
_CASE = {
    "country_of_origin": mostly("PK", "CI", None),
    "carrier": mostly("QZ", "ZQ", None),
    "referred_to": mostly({_MINE}, {_OTHERS}, set(), {_MINE, _OTHERS}).map(set),
}
_CONSENT = {"declared": mostly(True, False), "merged_into": mostly(None, UUID(int=4))}
_CONSENT |= {"erased_on": mostly(None, date(2026, 1, 1))}


@pytest.mark.parametrize("kind", [AgencyKind.EMBASSY, AgencyKind.EXIT_AUTHORITY, AgencyKind.CARRIER, AgencyKind.DONOR])
@settings(max_examples=400)
@given(offered_facts, some.data())
def test_what_is_sent_is_within_the_agreement_in_every_way_and_all_of_that_is_sent(
    kind: AgencyKind, fact: Fact, data: some.DataObject
) -> None:
    draw = data.draw
    recipients = draw(mostly({kind.value}, set(), {each.value for each in AgencyKind} - {kind.value}))
    about: About = draw(
        some.builds(Case, some.uuids(), recipients=some.just(recipients), **_CASE, **_CONSENT)
        | some.builds(Flight, some.uuids(), gone=mostly(False, True), **_CASE)
    )
    scope = TEMPLATES[kind].scope
    agreed = draw(terms(*([fact.type] if draw(mostly(True, False)) else []), scope=scope))
    agreed = replace(agreed, countries=draw(mostly(frozenset(), {"PK"}, {"CI"}).map(frozenset)))
    on = draw(mostly(date(2026, 3, 1), date(2026, 1, 1), date(2026, 12, 31), date(2025, 12, 31), date(2027, 1, 1)))
    ended, approved = draw(mostly(None, on, date(2026, 12, 31))), draw(mostly("another", None))
    its = agreement(kind, agreed, ended_on=ended, approved_by=approved)

    in_force = approved and date(2026, 1, 1) <= on <= date(2026, 12, 31) and (ended is None or on < ended)
    own = {
        Scope.OWN_NATIONALS: about.country_of_origin == "PK",
        Scope.OWN_FLIGHTS: about.carrier == "QZ",
        Scope.OWN_REFERRALS: _MINE in about.referred_to,
        Scope.FIGURES: False,
    }[scope]
    elsewhere = agreed.countries and about.country_of_origin not in agreed.countries
    willing = not isinstance(about, Case) or (about.declared and kind.value in about.recipients)
    right = in_force and fact.type in agreed.events and own and not elsewhere and not about.gone and willing
    assert (its.verdict(fact, about, on) is Verdict.SENT) == bool(right)


@pytest.mark.parametrize("kind", AgencyKind)
def test_by_its_template_each_kind_of_agency_hears_of_what_is_its_own(kind: AgencyKind) -> None:
    template = TEMPLATES[kind]
    about: About = Case(UUID(int=9), country_of_origin="PK", carrier="QZ", declared=True, recipients={kind.value})
    about.referred_to.add(UUID(int=2))
    if kind is AgencyKind.DONOR:
        about = Country(UUID(int=9), "PK")
    for type in template.events:
        fact = Fact(UUID(int=7), "/homeward/travel", type, about.id, datetime(2026, 3, 1, tzinfo=UTC), {})
        assert agreement(kind, template).verdict(fact, about, date(2026, 3, 1)) is Verdict.SENT


@given(some.sampled_from(AgencyKind), some.data())
def test_figures_are_agreed_with_donors_alone_and_donors_agree_nothing_else(
    kind: AgencyKind, data: some.DataObject
) -> None:
    agreed = data.draw(terms(*data.draw(some.sampled_from([[], [FIGURES]]))))
    its = agreement(kind, agreed)
    try:
        its.check()
    except (ScopeOfOtherKind, FiguresAlone, FiguresOfNothing):
        return
    if kind is AgencyKind.DONOR:
        assert agreed.events.keys() <= {FIGURES} and not agreed.person
    else:
        assert FIGURES not in agreed.events
