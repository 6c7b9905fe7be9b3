"""The JSON Schema of what an agency may get of each type, and an example of it.

No member is required, for an agreement may leave any out.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import cache
from typing import Any
from uuid import UUID

from services.partners import offers
from services.partners.contracts.deprecations import CALENDAR, Deprecation, marked, whole_type
from services.partners.domain.agreement import Terms
from services.partners.domain.fact import Fact
from services.partners.domain.figures import BY_AGE, FIGURES, FIGURES_SOURCE, members
from services.partners.domain.redaction import Pseudonyms, redact
from services.partners.domain.suppression import SMALLEST, told
from services.partners.domain.vocabulary import AgeGroup, Measure, Need, PersonField, Scope
from services.partners.kept import SOURCE, TEST, TOMBSTONE, WITHHELD, Gone
from shared.contracts import registry
from shared.contracts.envelope import REGISTRY

Schema = dict[str, Any]

_CELL: Schema = {
    "title": "number of persons, or suppressed",
    "type": "object",
    "required": ["count", "suppressed"],
    "properties": {
        "count": {"type": ["integer", "null"], "minimum": SMALLEST},
        "suppressed": {"type": "boolean"},
    },
}
_AGES: Mapping[str, str] = {
    "ADT": "Twelve years or older.",
    "CHD_INF": "Under twelve years.",
    "CHD": "Two to eleven years.",
    "INF": "Under two years.",
}


def _figures() -> Schema:
    found: Schema = {
        "country_of_origin": {"type": "string", "description": "ISO 3166 alpha-2"},
        "month": {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}$"},
        "edition": {"type": "integer", "minimum": 1},
    }
    ages = {code: {**_CELL, "description": means} for code, means in _AGES.items()}
    for measure in Measure:
        found[measure.value] = _CELL
        found[f"{measure}{BY_AGE}"] = {"type": "object", "properties": ages}
    return found


#: What this service tells of itself: what it means, and the members of its data.
OWN: Mapping[str, tuple[str, Schema]] = {
    TOMBSTONE: (
        "Destroy whatever you hold of this subject, and go on from there: asking the feed for what comes after, or "
        "accepting the delivery, says that it was done.",
        {"reason": {"type": "string", "enum": [each.value for each in Gone]}},
    ),
    WITHHELD: ("What stood under this number is not told any more. It keeps its id and its sequence.", {}),
    TEST: ("The test that was asked for. It is about nobody.", {}),
    FIGURES: (
        "How many persons of a country have reached what in a month, for donors; `subject` is the country. Each person "
        "counts once for each measure. A number of fewer than five people is suppressed, zero too, and with it what it "
        "could be worked out from. A later edition takes the place of an earlier one of the same month.",
        _figures(),
    ),
}

_ID: Schema = {"type": "string", "format": "uuid"}
_DAY: Schema = {"type": "string", "format": "date"}
#: What is told of a referral to the agency to whom it was made: what it means, and the members of its data.
REFERRALS: Mapping[str, tuple[str, Schema]] = {
    offers.REFERRAL_MADE: (
        "You are asked to do this for the person. Answer with org.homeward.agency.referral-accepted.v1 or "
        "referral-rejected.v1.",
        {
            "referral_id": _ID,
            "services": {"type": "array", "items": {"type": "string", "enum": [each.value for each in Need]}},
            "requested_on": _DAY,
        },
    ),
    offers.REFERRAL_WITHDRAWN: (
        "The referral was taken back: you are not asked any more.",
        {"referral_id": _ID, "withdrawn_on": _DAY},
    ),
}
_REFERRED: Mapping[str, Any] = {
    "referral_id": "0199a1b2-0000-8000-8000-0000000000a1",
    "services": ["medical_care"],
    "requested_on": "2026-03-02",
    "withdrawn_on": "2026-03-02",
}

_TEXT: Schema = {"type": ["string", "null"]}
_PERSON: Mapping[PersonField, Schema] = {
    PersonField.GIVEN_NAME: _TEXT,
    PersonField.FAMILY_NAME: _TEXT,
    PersonField.DATE_OF_BIRTH: {**_TEXT, "format": "date"},
    PersonField.SEX: _TEXT,
    PersonField.NATIONALITY: {**_TEXT, "description": "ISO 3166 alpha-2"},
    PersonField.PHONE: {**_TEXT, "description": "E.164"},
    PersonField.DOCUMENT_NUMBERS: {"type": ["array", "null"], "items": {"type": "string"}},
}
_SOMEBODY: Mapping[PersonField, Any] = {
    PersonField.GIVEN_NAME: "Omar",
    PersonField.FAMILY_NAME: "Testman",
    PersonField.DATE_OF_BIRTH: "1991-02-03",
    PersonField.SEX: "male",
    PersonField.NATIONALITY: "PK",
    PersonField.PHONE: "+923001234567",
    PersonField.DOCUMENT_NUMBERS: ["AB1234567"],
}
_NOBODYS_KEY = Pseudonyms(bytes(32))


def types() -> list[str]:
    """Every type that an agency may get."""
    return [*sorted({**offers.CASES, **offers.FLIGHTS}), *OWN]


def meaning(type: str) -> str:
    """What happened, as a sentence."""
    if own := OWN.get(type) or REFERRALS.get(type):
        return own[0]
    return " ".join((REGISTRY[type].__doc__ or "").split()).replace("``", "")


def schema_of(type: str, calendar: Sequence[Deprecation] = CALENDAR) -> Schema:
    """Of the data of this type. Raises KeyError for one that isn't offered."""
    members = OWN[type][1] if type in OWN else _offered(type)
    found: Schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"/schemas/{type}.json",
        "title": type,
        "description": meaning(type),
        "type": "object",
        "properties": {name: marked(type, name, each, calendar) for name, each in members.items()},
    }
    return found | ({"deprecated": True} if whole_type(type, calendar) else {})


def example_of(type: str, base: str) -> dict[str, Any]:
    """The type's golden example as an agency with the widest agreement gets it."""
    event = _own_example(type) if type in OWN or type in REFERRALS else _golden(type)
    return {"specversion": "1.0", **event, "sequence": "1", "datacontenttype": "application/json"} | {
        "dataschema": f"{base}/schemas/{type}.json"
    }


def _offered(type: str) -> Schema:
    own = REFERRALS.get(type)
    full = own[1] if own else registry.plain(REGISTRY[type].model_json_schema())["properties"]
    members = {name: full[name] for name in full if name in offers.OFFERED[type]}
    if type in offers.CASES:
        person = {field.value: _PERSON[field] for field in PersonField}
        members["person"] = {"description": "Who the person is.", "type": "object", "properties": person}
    return members


@cache
def _examples() -> Mapping[str, Any]:
    return registry.read_folder(registry.EXAMPLES)


def _golden(type: str) -> dict[str, Any]:
    golden = _examples()[type]
    data = REGISTRY[type].model_validate(golden["data"]).model_dump()
    time = datetime.fromisoformat(golden["time"])
    fact = Fact(UUID(golden["id"]), golden["source"], type, UUID(golden["subject"]), time, data)
    event = redact(fact, Terms(offers.OFFERED, Scope.OWN_NATIONALS), _NOBODYS_KEY)
    assert event is not None, type
    told = dict(event.data)
    if type in offers.CASES:
        told["person"] = _somebody()
    head = {"id": str(event.id), "source": event.source, "type": type, "subject": str(event.subject)}
    return head | {"time": event.time, "data": told}


def _somebody() -> dict[str, Any]:
    return {field.value: value for field, value in _SOMEBODY.items()}


def _own_example(type: str) -> dict[str, Any]:
    id, subject = "0199a1b2-0000-7000-9000-0000000000e1", "0199a1b2-0000-8000-8000-0000000000f1"
    source = FIGURES_SOURCE if type == FIGURES else SOURCE
    data = dict(_OWN_DATA.get(type, {}))
    if type in REFERRALS:
        data = {name: _REFERRED[name] for name in REFERRALS[type][1]} | {"person": _somebody()}
    head = {"id": id, "source": source, "type": type, "subject": subject}
    return head | {"time": "2026-03-02T00:00:00Z", "data": data}


_FEW, _MANY = ({AgeGroup.ADULT: 81, AgeGroup.CHILD: 13, AgeGroup.INFANT: each} for each in (2, 6))
_OWN_DATA: Mapping[str, Mapping[str, Any]] = {
    TOMBSTONE: {"reason": Gone.CONSENT_WITHDRAWN.value},
    FIGURES: members(
        "PK",
        date(2026, 2, 1),
        1,
        dict.fromkeys(Measure, told({}))
        | {Measure.DEPARTED: told(_FEW), Measure.ARRIVED: told(_FEW), Measure.REGISTERED: told(_MANY)},
    ),
}
