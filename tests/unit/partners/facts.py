"""Facts of every contract as services tell them, with something in each member that is found again if it leaves."""

import types
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from typing import Any, Literal, Union, get_args, get_origin
from uuid import UUID

from hypothesis import strategies as some

from services.partners import offers
from services.partners.domain.agreement import Terms
from services.partners.domain.fact import Fact
from services.partners.domain.redaction import Pseudonyms
from services.partners.domain.vocabulary import PersonField, Precision, Scope
from shared.contracts.envelope import REGISTRY, Part

#: Nothing that a contract, an id or a time has of itself looks like it.
CANARY = "canary"

moments = some.timedeltas(timedelta(), timedelta(days=5000)).map(lambda since: datetime(2020, 1, 1, tzinfo=UTC) + since)
keys = some.binary(min_size=32, max_size=32).map(Pseudonyms)


def values(annotation: Any) -> some.SearchStrategy[Any]:
    """What a member of this kind may hold."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return some.sampled_from(arguments)
    if origin in (Union, types.UnionType):
        return some.one_of(*map(values, arguments))
    if origin is list:
        return some.lists(values(arguments[0]), max_size=3)
    if issubclass(annotation, Enum):
        return some.sampled_from(list(annotation))
    if issubclass(annotation, Part):
        return some.fixed_dictionaries(_members(annotation))
    return _PLAIN[annotation]


_PLAIN: Mapping[Any, some.SearchStrategy[Any]] = {
    type(None): some.none(),
    UUID: some.uuids(),
    bool: some.booleans(),
    int: some.integers(10**6, 10**9),
    str: some.integers().map(lambda number: f"{CANARY} {number}"),
    datetime: moments,
    date: some.dates(date(2020, 1, 1), date(2035, 1, 1)),
}


def _members(part: type[Part]) -> dict[str, some.SearchStrategy[Any]]:
    return {name: values(field.annotation) for name, field in part.model_fields.items()}


#: What this service tells of itself, with something in it that is never agreed upon.
_REFERRAL = {"referral_id": UUID, "services": list[str], "requested_on": date, "withdrawn_on": date, "reason": str}
OWN: Mapping[str, Mapping[str, Any]] = dict.fromkeys(offers.REFERRALS, _REFERRAL)


def members_of(type: str) -> list[str]:
    """The members of a type's data."""
    return list(OWN[type] if type in OWN else REGISTRY[type].model_fields)


def of(type: str) -> some.SearchStrategy[Fact]:
    """A fact of this type, as a handler makes it."""
    members = {name: values(each) for name, each in OWN[type].items()} if type in OWN else _members(REGISTRY[type])
    data = some.fixed_dictionaries(members)
    return some.builds(Fact, some.uuids(), some.just("/homeward/travel"), some.just(type), some.uuids(), moments, data)


def marked(fact: Fact) -> Fact:
    """The same with a value in each member by which the member is known."""
    data = {name: {"deep": [f"{CANARY} {name}."]} for name in fact.data}
    return Fact(fact.id, fact.source, fact.type, fact.subject, fact.time, data)


facts = some.sampled_from(sorted({*REGISTRY, *OWN})).flatmap(of)
offered_facts = some.sampled_from(sorted({**offers.CASES, **offers.FLIGHTS})).flatmap(of)


@some.composite
def terms(draw: Any, *named: str, scope: Scope | None = None) -> Terms:
    """Terms that someone might agree upon, about these types at least."""
    also = draw(some.sets(some.sampled_from(sorted({**offers.CASES, **offers.FLIGHTS})), max_size=4))
    events = {
        type: frozenset(draw(some.sets(some.sampled_from(sorted(offers.OFFERED[type])))))
        for type in {*named, *also}
        if offers.OFFERED[type]
    } | {type: frozenset[str]() for type in {*named, *also} if not offers.OFFERED[type]}
    return Terms(
        events,
        scope or draw(some.sampled_from(Scope)),
        frozenset(draw(some.sets(some.sampled_from(["PK", "CI", "GM"])))),
        frozenset(draw(some.sets(some.sampled_from(PersonField)))),
        draw(some.sampled_from(Precision)),
    )


def ids_in(value: Any) -> set[str]:
    """Every id in a value, as text."""
    match value:
        case UUID():
            return {str(value)}
        case dict():
            return set().union(*map(ids_in, value.values()))
        case list() | tuple():
            return set().union(*map(ids_in, value))
        case _:
            return set()
