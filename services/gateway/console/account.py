"""The page of one's own account: another password, a second factor. A session with duties sees nothing else."""

from typing import Annotated

import segno
from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import RedirectResponse
from markupsafe import Markup

from services.gateway.admission import Own
from services.gateway.attempts import TooManyAttempts
from services.gateway.console.rendering import HEADERS, ConsoleRoute, page
from services.gateway.console.sign_in import own_form
from services.gateway.duties import Duty
from services.gateway.own_account import Enrolment, OwnHands
from services.gateway.proof import SecondFactorNeeded, WrongCode, WrongCredentials
from services.gateway.sessions import Sessions, sessions
from shared.errors import HomewardError, Invalid

router = APIRouter(route_class=ConsoleRoute)

Local = Annotated[Sessions, Depends(sessions)]
Secret = Annotated[str, Form(max_length=200)]
Code = Annotated[str, Form(max_length=40)]

#: What a person mends in the form, rather than on a page of errors.
_MENDED = (Invalid, WrongCredentials, WrongCode, SecondFactorNeeded, TooManyAttempts)


@router.get("/account")
async def show_account(request: Request, own: Own, each: Local) -> Response:
    """Who is signed in, and what they may change."""
    return _account(request, own, each)


@router.post("/account/password", dependencies=[Depends(own_form)])
async def change_password(
    request: Request, own: Own, each: Local, hands: OwnHands, old: Secret = "", new: Secret = "", again: Secret = ""
) -> Response:
    """Another password, or what is wrong with it."""
    if new != again:
        return _account(request, own, each, 422, password_fault="The new password was not repeated as it was written.")
    try:
        await hands.change_password(old, new)
    except _MENDED as error:
        return _account(request, own, each, error.status, password_fault=str(error))
    left = set(each.policy.duties(each.find(own.token)))
    return RedirectResponse("/account" if left else "/", 303, HEADERS)


@router.post("/account/second-factor", dependencies=[Depends(own_form)])
async def begin_second_factor(
    request: Request, own: Own, each: Local, hands: OwnHands, password: Secret = "", code: Code = ""
) -> Response:
    """A secret for the authenticator app, as a picture and as text."""
    try:
        enrolment = await hands.begin(password, code)
    except _MENDED as error:
        return _account(request, own, each, error.status, factor_fault=str(error))
    return _enrolment(request, own, each, enrolment)


@router.post("/account/second-factor/confirmation", dependencies=[Depends(own_form)])
async def confirm_second_factor(request: Request, own: Own, each: Local, hands: OwnHands, code: Code = "") -> Response:
    """The recovery codes, or the picture again."""
    try:
        enrolled = await hands.confirm(code)
    except _MENDED as error:
        return _enrolment(request, own, each, hands.begun(), error)
    confined = bool(each.policy.duties(each.find(own.token)))
    return page(
        "recovery_codes.html",
        request,
        own.account.principal,
        codes=enrolled.recovery_codes,
        confined=confined,
        unprotected=False,
    )


def _account(
    request: Request,
    own: Own,
    each: Sessions,
    status: int = 200,
    *,
    password_fault: str | None = None,
    factor_fault: str | None = None,
) -> Response:
    duties = each.policy.duties(own.account)
    return page(
        "account.html",
        request,
        own.account.principal,
        status,
        account=own.account,
        must_change=Duty.CHANGE_PASSWORD in duties,
        must_enrol=Duty.ENROL_SECOND_FACTOR in duties,
        confined=bool(duties),
        password_fault=password_fault,
        factor_fault=factor_fault,
    )


def _enrolment(
    request: Request, own: Own, each: Sessions, enrolment: Enrolment, error: HomewardError | None = None
) -> Response:
    # Presentation attributes only: the content security policy forbids styles within a page.
    picture = segno.make(enrolment.uri, error="m").svg_inline(border=2, dark="#000000", light="#ffffff", omitsize=True)
    return page(
        "second_factor.html",
        request,
        own.account.principal,
        error.status if error else 200,
        picture=Markup(picture),  # nosec B704 # our own drawing of a code
        secret=enrolment.secret,
        uri=enrolment.uri,
        fault=str(error) if error else None,
        confined=bool(each.policy.duties(own.account)),
    )
