"""The AsyncAPI 3.0 document of what agencies get, and by which ways."""

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any
from urllib.parse import urlsplit

from services.partners.contracts import answers
from services.partners.contracts.deprecations import CALENDAR, Deprecation, whole_type
from services.partners.contracts.schemas import Schema, example_of, meaning, schema_of, types
from services.partners.domain.answer import AnswerType

CLOUD_EVENT = "application/cloudevents+json"

_DESCRIPTION = """Events on people who return, for agencies with an agreement. Each is a CloudEvent in JSON's structured
mode, delivered at least once, in order for each subject: `sequence` is 1, 2, 3 … per subscription and subject, without
holes. Ids and subjects are the agency's own and stay the same. No member of `data` is sure to be there: the agreement
says which are. A tombstone must be obeyed."""

_SUBSCRIPTION: Schema = {"type": "string", "format": "uuid"}


def document(base: str, calendar: Sequence[Deprecation] = CALENDAR) -> dict[str, Any]:
    """The whole document. ``base``: where agencies reach this service."""
    return {
        "asyncapi": "3.0.0",
        "id": "urn:homeward:partners",
        "info": _info(calendar),
        "defaultContentType": CLOUD_EVENT,
        "servers": _servers(base),
        "channels": _channels(),
        "operations": _operations(),
        "components": _components(base, calendar),
    }


def _info(calendar: Sequence[Deprecation]) -> dict[str, Any]:
    goes = [
        {
            "what": each.what,
            "deprecated_on": each.deprecated_on.isoformat(),
            "removed_on": each.removed_on.isoformat(),
            "use_instead": each.use_instead,
        }
        for each in calendar
    ]
    return {
        "title": "Homeward for partner agencies",
        "version": version("homeward"),
        "description": " ".join(_DESCRIPTION.split()),
        "license": {"name": "Apache 2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        "tags": [{"name": "partners", "description": "What leaves the programme under an agreement."}],
        "x-deprecations": goes,
    }


def _servers(base: str) -> dict[str, Any]:
    own = urlsplit(base)
    return {
        "homeward": {
            "host": own.netloc,
            "protocol": own.scheme,
            "pathname": own.path or "/",
            "description": "This service, which agencies ask.",
            "security": [{"$ref": "#/components/securitySchemes/agencyKey"}],
        },
        "broker": {
            "host": "{broker}",
            "protocol": "amqps",
            "description": "The message broker: a virtual host, a user and a queue for each agency.",
            "variables": {"broker": {"description": "Told to the agency with its user."}},
            "security": [{"$ref": "#/components/securitySchemes/brokerUser"}],
        },
        "receiver": {
            "host": "{receiver}",
            "protocol": "https",
            "description": "The agency's own receiver, which we call.",
            "variables": {"receiver": {"description": "Where the agency's receiver is."}},
        },
    }


def _channels() -> dict[str, Any]:
    each = {type: {"$ref": f"#/components/messages/{type}"} for type in types()}
    queue = {"is": "queue", "queue": {"durable": True, "exclusive": False, "autoDelete": False}}
    return {
        "queue": {
            "address": None,
            "title": "A queue of the agency's own",
            "servers": [{"$ref": "#/servers/broker"}],
            "messages": each,
            "bindings": {"amqp": queue | {"bindingVersion": "0.3.0"}},
        },
        "webhook": {
            "address": None,
            "title": "Calls of the agency's receiver, signed as Standard Webhooks says",
            "servers": [{"$ref": "#/servers/receiver"}],
            "messages": each,
        },
        "feed": {
            "address": "/feed",
            "title": "Pages of events for who asks",
            "servers": [{"$ref": "#/servers/homeward"}],
            "messages": {"page": {"$ref": "#/components/messages/page"}},
        },
        "answers": {
            "address": "/answers",
            "title": "What agencies answer",
            "servers": [{"$ref": "#/servers/homeward"}],
            "messages": {each.value: {"$ref": f"#/components/messages/{each.value}"} for each in AnswerType},
        },
    }


def _operations() -> dict[str, Any]:
    post = {"http": {"method": "POST", "bindingVersion": "0.3.0"}}
    query: Schema = {
        "type": "object",
        "required": ["subscription"],
        "properties": {
            "subscription": _SUBSCRIPTION,
            "after": {"type": "integer", "minimum": 0, "description": "The `next` of the page before; 0 at first."},
            "limit": {"type": "integer", "minimum": 1, "maximum": 1000},
            "wait": {"type": "number", "minimum": 0, "maximum": 30, "description": "Seconds to wait for something."},
        },
    }
    get = {"http": {"method": "GET", "query": query, "bindingVersion": "0.3.0"}}
    return {
        "deliver": _sending("queue", "Put each event into the agency's queue."),
        "call": _sending("webhook", "Call the agency's receiver with each event.") | {"bindings": post},
        "take": {
            "action": "receive",
            "channel": {"$ref": "#/channels/answers"},
            "summary": "Take what an agency answers.",
            "bindings": post,
        },
        "answer": _sending("feed", "Answer with what comes after what the agency has.") | {"bindings": get},
    }


def _sending(channel: str, summary: str) -> dict[str, Any]:
    return {"action": "send", "channel": {"$ref": f"#/channels/{channel}"}, "summary": summary}


def _components(base: str, calendar: Sequence[Deprecation]) -> dict[str, Any]:
    messages = {type: _message(type, base, calendar) for type in types()}
    return {
        "messages": messages | {each.value: _answer(each) for each in AnswerType} | {"page": _page(base)},
        "schemas": {type: _inner(schema_of(type, calendar)) for type in types()},
        "securitySchemes": {
            "agencyKey": {"type": "http", "scheme": "bearer", "description": "A key that the partner liaison makes."},
            "brokerUser": {"type": "userPassword", "description": "The agency's own user of the broker."},
        },
    }


def _message(type: str, base: str, calendar: Sequence[Deprecation]) -> dict[str, Any]:
    found = {
        "name": type,
        "title": type.split(".", 2)[-1],
        "summary": meaning(type),
        "contentType": CLOUD_EVENT,
        "payload": _envelope(type, base),
        "examples": [{"name": "example", "payload": example_of(type, base)}],
    }
    goes = whole_type(type, calendar)
    return found | ({"x-deprecated": goes.sentence} if goes else {})


def _answer(type: AnswerType) -> dict[str, Any]:
    return {
        "name": type.value,
        "title": type.value.split(".", 2)[-1],
        "summary": answers.meaning(type),
        "contentType": "application/json",
        "payload": answers.envelope_of(type),
        "examples": [{"name": "example", "payload": answers.example_of(type)}],
    }


def _envelope(type: str, base: str) -> Schema:
    text: Schema = {"type": "string"}
    members: Schema = {
        "specversion": {"const": "1.0"},
        "id": text | {"format": "uuid", "description": "The same whenever it is delivered again."},
        "source": text | {"format": "uri-reference"},
        "type": {"const": type},
        "subject": text | {"format": "uuid", "description": "The agency's own id of the case, flight or country."},
        "time": text | {"format": "date-time", "description": "As precise as the agreement says."},
        "sequence": text | {"pattern": "^[1-9][0-9]*$"},
        "datacontenttype": {"const": "application/json"},
        "dataschema": {"const": f"{base}/schemas/{type}.json"},
        "data": {"$ref": f"#/components/schemas/{type}"},
    }
    return {"type": "object", "required": sorted(members), "properties": members}


def _page(base: str) -> dict[str, Any]:
    events = [{"$ref": f"#/components/messages/{type}/payload"} for type in types()]
    return {
        "name": "page",
        "title": "A page of the feed",
        "summary": "Events in their order, and after which number to ask once they are kept.",
        "contentType": "application/json",
        "payload": {
            "type": "object",
            "required": ["events", "next"],
            "properties": {
                "events": {"type": "array", "items": {"oneOf": events}},
                "next": {"type": "integer", "minimum": 0},
            },
        },
        "examples": [{"name": "example", "payload": {"events": [example_of(types()[0], base)], "next": 1}}],
    }


def _inner(schema: Schema) -> Schema:
    """Without what AsyncAPI's own schema language has no use for."""
    return {name: value for name, value in schema.items() if name not in ("$schema", "$id")}
