"""Signing in at the console and out again: the session is kept in a cookie that scripts can't read."""

from contextlib import suppress
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from services.gateway.attempts import TooManyAttempts
from services.gateway.console.rendering import HEADERS, ConsoleRoute, page
from services.gateway.proof import SecondFactorNeeded, WrongCode, WrongCredentials
from services.gateway.sessions import Sessions, sessions
from services.gateway.sign_in import address_of
from shared.errors import Forbidden, Unauthenticated
from shared.web.access import access_token, open_to_all

router = APIRouter(route_class=ConsoleRoute, dependencies=[Depends(open_to_all)])

Local = Annotated[Sessions, Depends(sessions)]
#: In place of what a program is told.
WORDS: dict[type[Exception], str] = {
    SecondFactorNeeded: "This account has a second factor: enter your password again, with the code.",
    WrongCode: "The code is wrong or was used already: wait for the next one.",
}
#: Where to go afterwards.
Target = Annotated[str, Query(max_length=500)]


async def own_form(request: Request) -> None:
    """A dependency: the form is ours. Raises Forbidden for another site's, which could sign somebody in or out."""
    if request.headers.get("sec-fetch-site") not in (None, "same-origin", "none"):
        raise Forbidden("This form was sent by another site.")


@router.get("/sign-in")
async def show_sign_in(request: Request, to: Target = "/") -> Response:
    """The sign-in page."""
    return page("sign_in.html", request, None, to=local(to), name="", fault=None, coded=False)


@router.post("/sign-in", dependencies=[Depends(own_form)])
async def sign_in(
    request: Request,
    each: Local,
    name: Annotated[str, Form(max_length=200)] = "",
    password: Annotated[str, Form(max_length=200)] = "",
    code: Annotated[str, Form(max_length=40)] = "",
    to: Annotated[str, Form(max_length=500)] = "/",
) -> Response:
    """Sign in, or say what is wrong."""
    try:
        token, account = await each.open(name, password, code, address_of(request))
    except (WrongCredentials, SecondFactorNeeded, WrongCode, TooManyAttempts) as error:
        fault = WORDS.get(type(error), str(error))
        coded = isinstance(error, SecondFactorNeeded | WrongCode)
        return page("sign_in.html", request, None, error.status, to=local(to), name=name, fault=fault, coded=coded)
    response = RedirectResponse("/account" if each.policy.duties(account) else local(to), 303, HEADERS)
    each.keep(response, token)
    return response


@router.post("/sign-out", dependencies=[Depends(own_form)])
async def sign_out(request: Request, each: Local) -> Response:
    """Sign out: the session is over, wherever else its word may be kept."""
    with suppress(Unauthenticated):
        each.end(access_token(request))
    response = RedirectResponse("/sign-in", 303, {**HEADERS, "Clear-Site-Data": '"cache", "storage"'})
    each.forget(response)
    return response


def local(target: str) -> str:
    """The address if it is one of ours, else the first page: nobody is sent elsewhere after signing in."""
    # Browsers read a backslash as a slash, and drop control characters.
    plain = target.startswith("/") and not target.startswith("//") and "\\" not in target and target.isprintable()
    return target if plain else "/"
