"""What is held of a person, in plain words: from the documents that the services answer."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from services.cli.subject_paper import Section
from services.gateway.sentences import sentence

Document = Mapping[str, Any]
Line = tuple[str, str]

_CENTS = 100


def sections(export: Document) -> list[Section]:
    """The paper's sections. ``export``: ``held`` by service, ``gaps``, ``made_at``."""
    held = export["held"]
    cases = list(_records(held, "screening", "cases"))
    return [
        Section("About this paper", _about(export, cases), [("Missing", each) for each in export["gaps"]]),
        Section("Who you are", "As you told us, or as your papers say.", [each for c in cases for each in _who(c)]),
        Section("What was decided", "", sorted([*_decided(cases), *_said(held)]) or _NOTHING),
        Section("Your journey", "", [*_travel(held), *_timeline(held)] or _NOTHING),
        Section("What you were given", "", list(_given(held)) or _NOTHING),
        Section("Who outside was told of you", "", list(_told(held)) or _NOBODY),
        Section("Visits", "", list(_visits(held)) or _NOTHING),
        Section(
            "Who has read your data and what for",
            "Staff are named by the number of their account. You may ask the office who they are.",
            list(_reads(held)) or _NOTHING,
        ),
    ]


_NOTHING: list[Line] = [("", "Nothing is kept.")]
_NOBODY: list[Line] = [("", "Nobody, as far as we know now.")]


def _about(export: Document, cases: list[Document]) -> str:
    told = (
        f"Made on {_day(export['made_at'])} at your request. It holds all that we keep of you. You may ask us to "
        "correct what is wrong, and, when your case has ended, to erase it. Times are UTC. Keep this paper safe."
    )
    erased = next((case["erased_on"] for case in cases if case["erased_on"]), None)
    return f"What was held of you was destroyed on {_day(erased)}. {told}" if erased else told


def _records(held: Document, service: str, kind: str) -> Iterator[Document]:
    for each in held.get(service, ()):
        yield from each["records"].get(kind, ())


def _who(case: Document) -> Iterator[Line]:
    yield "Your case", f"{case['reference']}, registered on {_day(case['registered_at'])} at {case['office']}"
    if case.get("identity"):
        told = case["identity"]
        yield "Name", f"{told['given_name']} {told['family_name']}".strip()
        yield "Born", _day(told["date_of_birth"])
        yield "Sex, nationality", f"{told['sex']}, {told['nationality']}"
        yield "Phone", told["phone"] or "none"
        yield "Documents", ", ".join(told["document_numbers"]) or "none"
    if case.get("place"):
        yield "Where we met", case["place"]
    if case.get("list_reference"):
        yield "On the list", case["list_reference"]


def _decided(cases: Iterable[Document]) -> Iterator[Line]:
    for case in cases:
        for each in case.get("declarations", ()):
            how = f"at {each['place']}, in {each['language']}, before {each['witness']}"
            yield _moment(each["at"]), f"You declared that you want to return, {how}."
        for each in case.get("withdrawals", ()):
            yield _moment(each["at"]), f"You took your consent back: {each['reason']}"
        for each in case.get("holds", ()):
            yield _moment(each["placed_at"]), f"Your case was stopped ({_words(each['kind'])}): {each['note']}"
            if each["lifted_at"]:
                yield _moment(each["lifted_at"]), f"It goes on: {each['outcome']}"
        for each in case.get("examinations", ()):
            until = _day(each["valid_until"])
            yield _moment(each["valid_from"]), f"A doctor found: {_words(each['outcome'])}, until {until}."
        for each in case.get("suspicions", ()):
            found = "nobody has decided yet" if each["same_person"] is None else each["reason"]
            yield _moment(each["raised_at"]), f"You may have been registered before ({_all(each['likeness'])}): {found}"
        for each in case.get("corrections", ()):
            former = each["former"]
            was = f"{former['given_name']} {former['family_name']}, born {former['date_of_birth']}"
            yield _moment(each["at"]), f"We put right who you are; before you were kept as {was}: {each['reason']}"
        yield from _decided_once(case)


def _decided_once(case: Document) -> Iterator[Line]:
    if found := case.get("assessment"):
        needs = f"help: {_all(found['assistance'])}; escort: {_words(found['escort'])}"
        yield _moment(found["at"]), f"We found how vulnerable you are: band {found['band']}; {needs}."
    if found := case.get("best_interests"):
        received = f"; received by {found['receiver']}" if found["receiver"] else ""
        yield found["decided_on"], f"What is best for you as a child: {_words(found['verdict'])}{received}."
    if found := case.get("refusal"):
        yield _moment(found["at"]), f"We could not help you to return: {found['reason']}"
    if found := case.get("erasure"):
        yield _moment(found["at"]), f"It was asked to erase your data ({_words(found['ground'])}): {found['reason']}"


def _said(held: Document) -> Iterator[Line]:
    yield from _splits(held)
    yield from _reasons(held)
    yield from _emergencies(held)


def _splits(held: Document) -> Iterator[Line]:
    for each in _records(held, "screening", "splits"):
        yield _moment(each["at"]), f"You left those with whom you travelled: {each['reason'] or 'destroyed'}"


def _reasons(held: Document) -> Iterator[Line]:
    for each in _records(held, "travel", "decisions"):
        yield _moment(each["decided_at"]), f"{_words(each['kind']).capitalize()}: {each['reason'] or 'destroyed'}"


def _emergencies(held: Document) -> Iterator[Line]:
    for each in _records(held, "gateway", "emergencies"):
        until = f"{each['actor']} could read your file until {_moment(each['until'])}"
        yield _moment(each["opened_at"]), f"In an emergency {until}: {each['reason'] or 'destroyed'}"


def _travel(held: Document) -> Iterator[Line]:
    for case in _records(held, "travel", "cases"):
        for gate, paper in case.get("papers", {}).items():
            number = case.get("numbers", {}).get(gate)
            named = f", number {number}" if number else ""
            yield _words(gate).capitalize(), f"{_words(paper['status'])} by {paper['authority']}{named}"
    for each in _records(held, "travel", "flights"):
        way = f"{each['carrier']} {each['number']}, {each['origin']} to {each['destination']}"
        yield "Flight", f"{way}, {_moment(each['departs_at'])}"


def _timeline(held: Document) -> Iterator[Line]:
    told = [event for parts in held.values() for part in parts for event in part["events"]]
    for event in sorted(told, key=lambda each: datetime.fromisoformat(each["time"])):
        yield _moment(event["time"]), sentence(event["type"], event["data"])


def _given(held: Document) -> Iterator[Line]:
    for case in _records(held, "reintegration", "cases"):
        if case.get("note"):
            yield "Why it ended", case["note"]
        for plan in case.get("plans", ()):
            why = f": {plan['reason']}" if plan.get("reason") else ""
            yield _day(plan["submitted_on"]), f"A plan, {_words(plan['state'])}{why}"
            for line in plan["lines"]:
                yield from _line(line, plan["currency"])


def _line(line: Document, currency: str) -> Iterator[Line]:
    what = f"{line['description']}, from {line['supplier']}"
    if made := line["delivery"]:
        paid = f"{currency} {made['amount'] / _CENTS:,.2f}"
        yield _day(made["on"]), f"Given: {what}: {paid}, proof {made['proof_reference']}"
    else:
        yield "Not given yet", f"{what}: {currency} {line['budget'] / _CENTS:,.2f}"
    for each in line["corrections"]:
        yield _day(each["on"]), f"Corrected, you were not given it: {each['reason']}"


def _visits(held: Document) -> Iterator[Line]:
    for case in _records(held, "monitoring", "cases"):
        for note in case.get("notes", ()):
            yield "Note", note
        for visit in case.get("visits", ()):
            yield _day(visit["due_on"]), f"{visit['planned']['code']}: {_words(visit['status'])}"
            for each in visit["attempts"]:
                yield _day(each["on"]), f"Tried to reach you: {_words(each['outcome'])}. {each['note'] or ''}".strip()
    for each in _records(held, "monitoring", "findings"):
        yield _day(each["found_on"]), f"You answered ({each['code']}): {each['answers'] or 'destroyed'}"


def _told(held: Document) -> Iterator[Line]:
    for each in _records(held, "partners", "told"):
        yield _moment(each["at"]), f"{each['agency']}: {_of_you(each)}"


def _of_you(told: Document) -> str:
    what = told["type"].split(".")[-2]
    if what == "tombstone":
        done = "it says that it did" if told["acknowledged"] else "it has not said yet that it did"
        return f"asked to destroy what it has of you; {done}"
    if what == "withheld":
        return "an event that was taken back"
    fields = [*told["fields"], *(f"your {field}" for field in told["person"])]
    sure = "" if told["acknowledged"] else " (we don't know whether it has read it)"
    return f"{_words(what)}, with {_all(fields)}{sure}"


def _reads(held: Document) -> Iterator[Line]:
    entries = [(entry, service) for service, parts in held.items() for part in parts for entry in part["audit"]]
    for entry, service in sorted(entries, key=lambda each: str(each[0]["at"])):
        what_for = f", for {_words(entry['purpose'])}" if entry["purpose"] else ""
        yield _moment(entry["at"]), f"{_words(entry['action'])} ({service}){what_for}, by {entry['actor']}"


def _words(code: str) -> str:
    return code.replace("_", " ").replace("-", " ")


def _all(codes: Iterable[str]) -> str:
    return ", ".join(map(_words, codes)) or "none"


def _day(value: str) -> str:
    return value[:10]


def _moment(value: str) -> str:
    return value[:16].replace("T", " ")
