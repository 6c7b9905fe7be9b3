"""Signing in at the console and out again: the session is kept in a cookie that scripts can't read."""

from contextlib import suppress
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from services.gateway import entrance, session_cookie
from services.gateway.attempts import TooManyAttempts
from services.gateway.console.rendering import HEADERS, ConsoleRoute, page
from services.gateway.oidc import ProviderSignIn
from services.gateway.proof import SecondFactorNeeded, WrongCode, WrongCredentials
from services.gateway.sessions import Sessions, is_session, sessions
from services.gateway.sign_in import address_of
from shared.errors import Forbidden, Unauthenticated, Unavailable
from shared.web.access import access_token, open_to_all
from shared.web.deeds import note

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
    return sign_in_page(request, to=to)


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
        token, account = await entrance.enter(request, each, name, password, code, address_of(request))
    except (WrongCredentials, SecondFactorNeeded, WrongCode, TooManyAttempts) as error:
        fault = WORDS.get(type(error), str(error))
        coded = isinstance(error, SecondFactorNeeded | WrongCode)
        return sign_in_page(request, error.status, to=to, name=name, fault=fault, coded=coded)
    response = RedirectResponse("/account" if each.policy.duties(account) else local(to), 303, HEADERS)
    each.keep(response, token)
    return response


@router.post("/sign-out", dependencies=[Depends(own_form)])
async def sign_out(request: Request) -> Response:
    """Sign out: the session is over, wherever else its word may be kept, and at the identity provider if it was its."""
    onward = None
    with suppress(Unauthenticated):
        onward = await _end(request, access_token(request))
    # Not a redirect to the provider: the content security policy lets a form lead to our own pages only.
    response = page("onward.html", request, None, to=onward) if onward else RedirectResponse("/sign-in", 303, HEADERS)
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    session_cookie.forget(response, secure=request.app.state.service.settings.secure_cookie)
    return response


async def _end(request: Request, token: str) -> str | None:
    """End the session here; where it ends at the provider, if it was the provider's."""
    accounts: Sessions | None = request.app.state.sessions
    provider: ProviderSignIn | None = request.app.state.provider_sign_in
    if accounts and is_session(token):
        await entrance.leave(request, accounts, token)
    elif provider and provider.provider.issued(token):
        with suppress(Unauthenticated, Unavailable):
            await note(request, await provider.provider.verify(token), entrance.SIGNED_OUT)
        return await provider.farewell(token)
    return None


def sign_in_page(
    request: Request, status: int = 200, *, to: str, name: str = "", fault: str | None = None, coded: bool = False
) -> Response:
    """The sign-in page, with the ways to sign in that there are here."""
    state = request.app.state
    ways = {"accounts": state.sessions is not None, "provider": state.provider_sign_in is not None}
    return page("sign_in.html", request, None, status, to=local(to), name=name, fault=fault, coded=coded, **ways)


def local(target: str) -> str:
    """The address if it is one of ours, else the first page: nobody is sent elsewhere after signing in."""
    # Browsers read a backslash as a slash, and drop control characters.
    plain = target.startswith("/") and not target.startswith("//") and "\\" not in target and target.isprintable()
    return target if plain else "/"
