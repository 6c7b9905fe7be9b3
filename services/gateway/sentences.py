"""One sentence for each event type, as the timeline tells it to operators."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from shared.contracts import monitoring as m
from shared.contracts import reintegration as r
from shared.contracts import restoration as log
from shared.contracts import screening as s
from shared.contracts import travel as t
from shared.contracts.envelope import Contract

Data = Mapping[str, Any]
Sentence = Callable[[Data], str]


def sentence(type: str, data: Data) -> str:
    """What the event says; the type's own words where this build has no sentence for it."""
    told = _SENTENCES.get(type)
    return told(data) if told else type.split(".")[-2].replace("-", " ").capitalize() + "."


def _gates(codes: list[str]) -> str:
    return ", ".join(code.replace("_", " ") for code in codes) or "nothing"


def _money(data: Data) -> str:
    return f"{data['currency']} {data['amount'] / 100:,.2f}"


def _numbers(data: Data) -> str:
    first, last = data["lost_from"], data["lost_upto"]
    return f"event {first} is" if first == last else f"events {first} to {last} are"


def _words(code: str) -> str:
    return code.replace("_", " ")


def _moment(value: str) -> str:
    return f"{datetime.fromisoformat(value):%Y-%m-%d %H:%M} UTC"


def _assessed(data: Data) -> str:
    needs = [*data["assistance"], *(["escort"] if data["escort_required"] else [])]
    return f"Screening gave band {data['band']}; needs: {', '.join(needs) or 'none'}."


def _fitness(data: Data) -> str:
    result = f"fit to travel until {_moment(data['valid_until'])}" if data["fit"] else "not fit to travel"
    return f"Examined: {result}."


def _duplicate(data: Data) -> str:
    return "Decided: the same person as another case." if data["same_person"] else "Decided: not a duplicate."


def _evaluated(data: Data) -> str:
    lapsing = f"; will lapse: {_gates(data['lapsing'])}" if data["lapsing"] else ""
    return f"Gates on {data['on']}: missing {_gates(data['missing'])}{lapsing}."


def _booked(data: Data) -> str:
    kind = "provisional seat" if data["provisional"] else "seat"
    return f"Got a {kind}{' with an escort' if data['escorted'] else ''}."


def _closed(data: Data) -> str:
    return f"The case is closed: {_words(data['reason'])}."


_BY_CONTRACT: dict[type[Contract], Sentence] = {
    s.CaseRegistered: lambda d: f"Registered as {d['reference']} at {d['office']}.",
    s.HouseholdChanged: lambda d: f"The household now has {len(d['case_ids'])} members.",
    s.DuplicateSuspected: lambda d: "May be a duplicate of another case.",
    s.DuplicateDecided: _duplicate,
    s.CaseMerged: lambda d: "Merged into the person's other case.",
    s.CaseAssessed: _assessed,
    s.CareArranged: lambda d: f"Care arrangements {'are' if d['arranged'] else 'are not'} in place.",
    s.DeclarationSigned: lambda d: "Signed the voluntary declaration.",
    s.RecipientsChanged: lambda d: "Changed to whom data may be transferred.",
    s.ConsentWithdrawn: lambda d: "Withdrew consent.",
    s.HoldPlaced: lambda d: "A hold was placed.",
    s.HoldLifted: lambda d: "A hold was lifted.",
    s.FitnessRecorded: _fitness,
    log.Lost: lambda d: "What was told here is lost and must be entered again.",
    log.Restored: lambda d: (
        f"The service's database was set back: of this, {_numbers(d)} lost and must be entered again."
    ),
    s.IdentityCorrected: lambda d: "It was put right who the person is.",
    s.PersonErased: lambda d: f"What was held of the person was destroyed on {d['erased_on']}.",
    s.CaseCleared: lambda d: "Cleared by screening.",
    s.ClearanceRevoked: lambda d: f"Clearance no longer stands: {_gates(d['missing'])}.",
    s.CaseDeclined: lambda d: "Declined: the programme can't return this person.",
    t.DocumentRequested: lambda d: f"Travel document requested from {d['authority']}.",
    t.DocumentIssued: lambda d: f"Travel document issued by {d['authority']}, valid until {d['expires_on']}.",
    t.DocumentRefused: lambda d: f"Travel document refused by {d['authority']}.",
    t.DocumentLapsed: lambda d: f"The travel document expired on {d['expired_on']}.",
    t.ExitVisaRequested: lambda d: f"Exit visa requested from {d['authority']}.",
    t.ExitVisaIssued: lambda d: f"Exit visa issued by {d['authority']}, valid until {d['expires_on']}.",
    t.ExitVisaRefused: lambda d: f"Exit visa refused by {d['authority']}.",
    t.ExitVisaLapsed: lambda d: f"The exit visa expired on {d['expired_on']}.",
    t.GatesEvaluated: _evaluated,
    t.SeatBooked: _booked,
    t.SeatReleased: lambda d: f"The seat was released: {_words(d['reason'])}.",
    t.Boarded: lambda d: f"Boarded{' with a kit' if d['kit'] else ''}.",
    t.NoShow: lambda d: "Did not come to the flight.",
    t.BoardingRefused: lambda d: f"Was not let on board by the {d['refused_by']}.",
    t.BoardingCorrected: lambda d: f"Corrected: {'did board' if d['boarded'] else 'did not board'}.",
    t.WithdrawnAtGate: lambda d: "Consent has ended; nothing is held for travel any more.",
    t.WithdrawalTooLate: lambda d: "Withdrew after boarding: too late, the journey stands.",
    t.Departed: lambda d: "Departed.",
    t.ArrivalConfirmed: lambda d: f"Arrived on {d['arrived_on']}.",
    t.MissingAtArrival: lambda d: "Was not met at arrival.",
    t.ArrivalCorrected: lambda d: f"Corrected: {'did arrive' if d['arrived'] else 'did not arrive'}.",
    t.FlightScheduled: lambda d: (
        f"Flight {d['carrier']} {d['number']}, {d['origin']} to {d['destination']}, leaves {_moment(d['departs_at'])}."
    ),
    t.FlightRescheduled: lambda d: f"The flight now leaves {_moment(d['departs_at'])}.",
    t.FlightCancelled: lambda d: "The flight was cancelled.",
    t.ManifestLocked: lambda d: f"Manifest locked: {d['passengers']} passengers, {d['escorts']} escorts.",
    t.ManifestValidated: lambda d: f"Manifest validated: {d['boarded']} on board, {d['no_shows']} did not come.",
    t.FlightDeparted: lambda d: f"The flight left with {d['passengers']} passengers.",
    r.ReintegrationOpened: lambda d: "Reintegration assistance opened.",
    r.PlanSubmitted: lambda d: f"A plan of {_money(d)} waits for approval.",
    r.PlanApproved: lambda d: f"The plan of {_money(d)} was approved.",
    r.PlanRejected: lambda d: "The plan was rejected.",
    r.LineDelivered: lambda d: f"Line {d['line']} of the plan delivered: {_money(d)}.",
    r.DeliveryCorrected: lambda d: f"Corrected: line {d['line']} was not delivered.",
    r.ReintegrationCompleted: lambda d: "Reintegration assistance is complete.",
    r.ReintegrationCancelled: lambda d: f"Reintegration assistance ended early: {_words(d['reason'])}.",
    r.FundOpened: lambda d: f"Fund {d['code']} opened with {_money(d)}.",
    m.FollowUpsScheduled: lambda d: f"Follow-up planned: {', '.join(visit['due_on'] for visit in d['visits'])}.",
    m.AttemptRecorded: lambda d: f"Tried to reach the person for {d['code']}: {_words(d['outcome'])}.",
    m.FollowUpCompleted: lambda d: f"Follow-up {d['code']} made{', late' if d['late'] else ''}.",
    m.FollowUpOverdue: lambda d: f"Follow-up {d['code']} is overdue since {d['due_on']}.",
    m.FollowUpsCancelled: lambda d: "No more follow-up is made.",
    m.ContactLost: lambda d: "Contact is lost.",
    m.ContactRegained: lambda d: "Contact is there again.",
    m.CaseClosed: _closed,
}

_SENTENCES = {contract.type: told for contract, told in _BY_CONTRACT.items()}
