"""What agencies may answer: a form for each type, and reading what has come. Nothing is guessed."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any
from uuid import UUID

import orjson
from pydantic import Field, ValidationError

from services.partners.contracts.deprecations import CALENDAR, Deprecation, marked, whole_type
from services.partners.domain.answer import SAYS, AnswerType
from services.partners.domain.vocabulary import PaperKind, Rejection
from shared.contracts import registry
from shared.web.bodies import Body

Schema = dict[str, Any]

#: Bytes of an answer; of what is larger, so much is kept.
LARGEST = 16 * 1024
#: What all answers are, as a type that has a schema too.
ENVELOPE = "org.homeward.agency.answer.v1"
TYPES = (ENVELOPE, *AnswerType)
OWN_ID = r"^[A-Za-z0-9._:-]{1,100}$"

OwnId = Annotated[str, Field(pattern=OWN_ID, description="Your own id of this answer, new for each.")]
Line = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
Number = Annotated[str, Field(min_length=3, max_length=40, pattern=r"^[^\x00-\x1f\x7f]+$")]
Country = Annotated[str, Field(pattern=r"^[A-Z]{2}$", description="ISO 3166 alpha-2")]


class DocumentIssued(Body):
    """You have issued the travel document that you were asked for."""

    number: Number
    kind: PaperKind
    issued_on: date
    #: Of a passport it is needed.
    expires_on: date | None = None


class VisaGranted(Body):
    """You have granted the exit visa that you were asked for."""

    reference: Number
    issued_on: date
    expires_on: date | None = None


class ArrivalConfirmed(Body):
    """You have met the person."""

    place: Annotated[str, Field(min_length=2, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
    arrived_on: date
    #: Your id of the flight, if you were told of it: it is checked.
    flight_id: UUID | None = None


class ReferralAccepted(Body):
    """You take the person on."""

    #: Needed if several referrals of the person wait for your answer.
    referral_id: UUID | None = None


class ReferralRejected(ReferralAccepted):
    """You don't take the person on."""

    reason: Rejection


Data = DocumentIssued | VisaGranted | ArrivalConfirmed | ReferralAccepted | ReferralRejected
DATA: Mapping[AnswerType, type[Body]] = {
    AnswerType.DOCUMENT_ISSUED: DocumentIssued,
    AnswerType.VISA_GRANTED: VisaGranted,
    AnswerType.ARRIVAL_CONFIRMED: ArrivalConfirmed,
    AnswerType.REFERRAL_ACCEPTED: ReferralAccepted,
    AnswerType.REFERRAL_REJECTED: ReferralRejected,
}


class Named(Body):
    """Who the person is, as you know it."""

    given_name: Line
    family_name: Annotated[str, Field(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")] = ""
    date_of_birth: date


class WithDocument(Body):
    """A paper of the person; families share papers, so a number alone names nobody."""

    number: Number
    nationality: Country
    date_of_birth: date


class Envelope(Body):
    """An answer. Whom it is about, say by one of ``subject``, ``person`` and ``document``."""

    id: OwnId
    type: AnswerType
    #: Your id of the case, from an event: the surest.
    subject: UUID | None = None
    person: Named | None = None
    document: WithDocument | None = None
    data: dict[str, Any]


@dataclass(frozen=True)
class Said:
    """An answer that was understood."""

    id: str
    type: AnswerType
    subject: UUID | None
    person: Named | WithDocument | None
    data: Any
    #: The same for the same content, however it was written.
    canonical: bytes


@dataclass(frozen=True)
class Unread:
    """What could not be understood: which members, and what could be read of it."""

    errors: list[dict[str, Any]]
    id: str | None = None
    type: AnswerType | None = None


def read(raw: bytes) -> Said | Unread:
    """What an agency has sent."""
    try:
        found = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return Unread([_error("json_invalid", "This is no JSON document.")])
    if not isinstance(found, dict):
        return Unread([_error("object_type", "An answer is a JSON object.")])
    id, type = _id(found.get("id")), _type(found.get("type"))
    errors: list[dict[str, Any]] = []
    envelope = _checked(Envelope, found, (), errors)
    data = (
        _checked(DATA[type], found["data"], ("data",), errors) if type and isinstance(found.get("data"), dict) else None
    )
    if isinstance(envelope, Envelope):
        named = [name for name in ("subject", "person", "document") if getattr(envelope, name) is not None]
        if len(named) != 1:
            errors.append(_error("one_of", "Say whom it is about by one of subject, person and document.", "subject"))
    if errors or not isinstance(envelope, Envelope) or data is None:
        return Unread(errors, id, type)
    plain = envelope.model_dump(mode="json") | {"data": data.model_dump(mode="json")}
    canonical = orjson.dumps(plain, option=orjson.OPT_SORT_KEYS)
    return Said(envelope.id, envelope.type, envelope.subject, envelope.person or envelope.document, data, canonical)


def too_large() -> Unread:
    """What is larger than any answer is not read."""
    return Unread([_error("too_large", f"An answer has at most {LARGEST} bytes.")])


def schema_of(type: str, calendar: Sequence[Deprecation] = CALENDAR) -> Schema:
    """Of the data of this type, or of the whole of any answer. Raises KeyError for what is no answer."""
    found = _members(Envelope) if type == ENVELOPE else _plain(DATA[AnswerType(type)])
    properties = {name: marked(type, name, each, calendar) for name, each in found["properties"].items()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"/schemas/{type}.json",
        "title": str(type),
        "description": meaning(type),
        "type": "object",
        "properties": properties,
        **({"required": found["required"]} if "required" in found else {}),
        "additionalProperties": False,
        **({"deprecated": True} if whole_type(type, calendar) else {}),
    }


def envelope_of(type: AnswerType) -> Schema:
    """Of a whole answer of this type."""
    members = _members(Envelope)["properties"]
    inner = {name: each for name, each in schema_of(type).items() if not name.startswith("$")}
    return {
        "type": "object",
        "required": ["id", "type", "data"],
        "properties": members | {"type": {"type": "string", "enum": [type.value]}, "data": inner},
        "additionalProperties": False,
    }


def example_of(type: str) -> dict[str, Any]:
    """Somebody's answer; of answers at large, about whom the agency knows by a paper alone."""
    whom = {"document": _PAPER} if type == ENVELOPE else {"subject": _SUBJECT}
    said = AnswerType.VISA_GRANTED if type == ENVELOPE else AnswerType(type)
    return {"id": "answer-0001", "type": said.value, **whom, "data": _EXAMPLES[said]}


def meaning(type: str) -> str:
    """What it says, and who may say it."""
    if type == ENVELOPE:
        return " ".join((Envelope.__doc__ or "").split()).replace("``", "")
    kinds = ", ".join(sorted(SAYS[AnswerType(type)]))
    return f"{' '.join((DATA[AnswerType(type)].__doc__ or '').split())} Of agencies of the kinds: {kinds}."


def _plain(model: type[Body]) -> Schema:
    return registry.plain(model.model_json_schema())


def _members(model: type[Envelope]) -> Schema:
    found = _plain(model)
    for name in ("subject", "person", "document"):
        # None of them is null where it is left out.
        [found["properties"][name]] = [
            each for each in found["properties"][name]["anyOf"] if each.get("type") != "null"
        ]
    return found


def _checked(model: type[Body], value: Any, at: tuple[str, ...], errors: list[dict[str, Any]]) -> Body | None:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        errors += [{**each, "loc": ("body", *at, *each["loc"])} for each in error.errors(include_url=False)]
    return None


def _error(type: str, message: str, *at: str) -> dict[str, Any]:
    return {"type": type, "msg": message, "loc": ("body", *at), "input": None}


def _id(value: Any) -> str | None:
    return value if isinstance(value, str) and re.fullmatch(OWN_ID, value) else None


def _type(value: Any) -> AnswerType | None:
    return AnswerType(value) if isinstance(value, str) and value in AnswerType._value2member_map_ else None


_SUBJECT = "0199a1b2-0000-8000-8000-0000000000f1"
_PAPER = {"number": "AB1234567", "nationality": "PK", "date_of_birth": "1991-02-03"}
_EXAMPLES: Mapping[AnswerType, dict[str, Any]] = {
    AnswerType.DOCUMENT_ISSUED: {
        "number": "LP-0012345",
        "kind": "laissez_passer",
        "issued_on": "2026-03-02",
        "expires_on": "2026-06-02",
    },
    AnswerType.VISA_GRANTED: {"reference": "EV-2026-881", "issued_on": "2026-03-02", "expires_on": "2026-04-02"},
    AnswerType.ARRIVAL_CONFIRMED: {"place": "Islamabad airport", "arrived_on": "2026-03-27"},
    AnswerType.REFERRAL_ACCEPTED: {"referral_id": "0199a1b2-0000-8000-8000-0000000000a1"},
    AnswerType.REFERRAL_REJECTED: {
        "referral_id": "0199a1b2-0000-8000-8000-0000000000a1",
        "reason": "no_capacity",
    },
}
