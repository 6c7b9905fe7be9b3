"""The pages of how delivery to partner agencies stands, for who looks after them. The partners' service says it all."""

from collections.abc import Mapping, Sequence
from datetime import date
from enum import StrEnum
from math import log1p
from typing import Annotated, Any
from uuid import UUID, uuid4

from fastapi import APIRouter, Depends, Form, Request, Response
from pydantic import BaseModel, BeforeValidator, Field

from services.gateway.clients import Neighbours
from services.gateway.console.rendering import ConsoleRoute, page
from shared.auth.permissions import Permission
from shared.auth.principal import Principal
from shared.auth.purposes import purposes_of
from shared.errors import Refused
from shared.web.access import access_token, require
from shared.web.purpose import HEADER

router = APIRouter(prefix="/agencies", route_class=ConsoleRoute)

Reader = Annotated[Principal, Depends(require(Permission.SUBSCRIPTIONS_READ))]
Inspector = Annotated[Principal, Depends(require(Permission.ANSWERS_INSPECT))]
Keeper = Annotated[Principal, Depends(require(Permission.SUBSCRIPTIONS_KEEP))]

#: Answers on the page of all agencies.
_REFUSED = 20


class Step(StrEnum):
    """What a button on a subscription's page does."""

    RETRY = "retry"
    PAUSE = "pause"
    RESUME = "resume"
    TEST = "test"
    HANDSHAKE = "handshake"
    REPLAY = "replay"
    DESTROYED = "destroyed"


#: Below the subscription at the partners' service, where that isn't the step's own name.
_PATHS = {Step.RETRY: "deliveries/retry", Step.DESTROYED: "tombstones/acknowledge"}
_DONE = {
    Step.RETRY: "What had failed is tried now.",
    Step.PAUSE: "Paused: what happens is kept for the agency.",
    Step.RESUME: "Resumed: what was kept comes first.",
    Step.TEST: "A test event is on its way.",
    Step.HANDSHAKE: "The receiver wants to be called.",
    Step.DESTROYED: "Written down: the agency has destroyed what it held.",
}


class Said(BaseModel):
    """A form. ``key``: new with each form that is shown, so that a second click does nothing more."""

    key: Annotated[str, Field(pattern=r"^[0-9a-f-]{36}$")]
    since: Annotated[date | None, BeforeValidator(lambda value: value or None)] = None
    subject: UUID | None = None
    by: Annotated[str | None, Field(max_length=20)] = None
    to: Annotated[str | None, Field(max_length=100)] = None
    on: Annotated[date | None, BeforeValidator(lambda value: value or None)] = None

    def body(self) -> dict[str, Any]:
        """What the partners' service is told."""
        known: dict[str, Any] = {"from": self.since and self.since.isoformat(), "by": self.by, "to": self.to}
        known |= {"subject": self.subject and str(self.subject), "on": self.on and self.on.isoformat()}
        return {name: value for name, value in known.items() if value}


@router.get("")
async def agencies(request: Request, principal: Reader) -> Response:
    """How delivery to each agency stands, the worst first, and what access each has."""
    return await listed(request, principal)


@router.get("/answers/{answer_id}")
async def answer(request: Request, principal: Inspector, answer_id: UUID) -> Response:
    """What an agency has sent that was refused, and what is wrong with it."""
    purpose = next(iter(purposes_of(principal.roles)), "")
    found = await asked(request, "GET", f"/answers/{answer_id}/content", headers={HEADER: purpose})
    names = {each["agency_id"]: each["name"] for each in (await asked(request, "GET", "/agencies"))["agencies"]}
    return page("answer.html", request, principal, answer=found, agency=names[found["agency_id"]])


@router.get("/{subscription_id}")
async def agency(request: Request, principal: Reader, subscription_id: UUID) -> Response:
    """One subscription: what fails and why, what is held, what must still be destroyed."""
    return await _shown(request, principal, subscription_id)


@router.post("/{subscription_id}/{step}")
async def do_step(
    request: Request, principal: Keeper, subscription_id: UUID, step: Step, said: Annotated[Said, Form()]
) -> Response:
    """Do it, and show the page as it is then."""
    path = f"/subscriptions/{subscription_id}/{_PATHS.get(step, step)}"
    try:
        done = await asked(request, "POST", path, json=said.body(), headers={"Idempotency-Key": said.key})
    except Refused as refused:
        return await _shown(request, principal, subscription_id, refused.status, fault=str(refused))
    words = _replayed(done) if step is Step.REPLAY else _DONE[step]
    return await _shown(request, principal, subscription_id, done=words)


async def listed(
    request: Request, principal: Principal, status: int = 200, *, done: str = "", fault: str = "", code: str = ""
) -> Response:
    """The page of all; ``code``: what is shown this once."""
    lines = (await asked(request, "GET", "/deliveries"))["deliveries"]
    reads = principal.may(Permission.AGENCIES_READ)
    over = [each for each in lines if each["state"] == "ended" and not each["concern"]]
    shown = [each for each in lines if each not in over]
    return page(
        "agencies.html",
        request,
        principal,
        status,
        lines=shown,
        over=over,
        shares=_shares(shown),
        told=len({each["agency_id"] for each in lines if "data_protection" in each["escalated_to"]}),
        refused=await _refused(request, principal),
        inspects=principal.may(Permission.ANSWERS_INSPECT),
        agencies=(await asked(request, "GET", "/agencies"))["agencies"] if reads else [],
        keeps=principal.may(Permission.AGENCIES_KEEP),
        opens=principal.may(Permission.AGENCIES_OPEN),
        suspends=principal.may(Permission.AGENCIES_SUSPEND),
        key=uuid4,
        done=done,
        fault=fault,
        code=code,
    )


async def _shown(
    request: Request, principal: Principal, id: UUID, status: int = 200, *, done: str = "", fault: str = ""
) -> Response:
    found = await asked(request, "GET", f"/subscriptions/{id}/deliveries")
    return page(
        "agency.html",
        request,
        principal,
        status,
        line=found,
        bars=_bars(found["days"]),
        keeps=principal.may(Permission.SUBSCRIPTIONS_KEEP),
        key=uuid4,
        done=done,
        fault=fault,
    )


async def _refused(request: Request, principal: Principal) -> list[dict[str, Any]]:
    """The last answers that were refused, for who may read of them."""
    if not principal.may(Permission.ANSWERS_READ):
        return []
    params = {"state": "refused", "limit": _REFUSED}
    found: list[dict[str, Any]] = (await asked(request, "GET", "/answers", params=params))["answers"]
    return found


async def asked(request: Request, method: str, url: str, **content: Any) -> Any:
    """What the partners' service answers. Raises Refused, and ServiceDown."""
    neighbours: Neighbours = request.app.state.neighbours
    answer = await neighbours.send("partners", method, url, token=access_token(request), **content)
    if not answer.is_success:
        raise Refused(answer.json(), answer.status_code)
    return answer.json() if answer.content else None


def _replayed(done: Mapping[str, Any]) -> str:
    count = done["events"]
    if not count:
        return "Nothing was kept since then."
    what = "1 event is" if count == 1 else f"{count} events are"
    asked = f", once the agency asks after {done['after']}" if done["after"] is not None else ""
    return f"{what} delivered again{asked}."


def _shares(lines: Sequence[Mapping[str, Any]]) -> list[int]:
    """How much waits, in hundredths of the most: by magnitude, or one that is far behind would hide all others."""
    most = log1p(max((each["waiting"] for each in lines), default=0)) or 1
    return [round(100 * log1p(each["waiting"]) / most) for each in lines]


def _bars(days: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Days as bars of at most 40 units."""
    most = max((each["events"] for each in days), default=0) or 1
    return [{"on": each["on"], "events": each["events"], "height": round(40 * each["events"] / most)} for each in days]
