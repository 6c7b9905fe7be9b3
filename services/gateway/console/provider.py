"""Signing in at the console with the organisation's account: away to the provider and back."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse

from services.gateway import entrance, session_cookie
from services.gateway.console.rendering import HEADERS, ConsoleRoute, page
from services.gateway.console.sign_in import Target, local, sign_in_page
from services.gateway.oidc import CALLBACK, PATIENCE_SECONDS, Answer, ProviderSignIn
from shared.errors import NotFound, Unauthenticated, Unavailable
from shared.web.access import open_to_all
from shared.web.deeds import note

router = APIRouter(route_class=ConsoleRoute, dependencies=[Depends(open_to_all)])

COOKIE = "homeward_sign_in"
_PATH = "/sign-in/provider"


class NoProvider(NotFound):
    """No identity provider is in use here: sign in with a local account."""


def provider_sign_in(request: Request) -> ProviderSignIn:
    """The gateway's client of the provider. Raises NoProvider."""
    found: ProviderSignIn | None = request.app.state.provider_sign_in
    if found is None:
        raise NoProvider
    return found


Elsewhere = Annotated[ProviderSignIn, Depends(provider_sign_in)]


@router.get(_PATH)
async def begin(request: Request, each: Elsewhere, to: Target = "/") -> Response:
    """To the provider."""
    try:
        address, kept = await each.begin(to)
    except Unavailable as error:
        return sign_in_page(request, error.status, to=to, fault=str(error))
    response = RedirectResponse(address, 303, HEADERS)
    # Lax: the provider's page leads back here, and a strict cookie would stay behind.
    response.set_cookie(
        COOKIE,
        kept,
        max_age=PATIENCE_SECONDS,
        path=_PATH,
        httponly=True,
        samesite="lax",
        secure=_secure(request),
    )
    return response


@router.get(CALLBACK)
async def finish(request: Request, each: Elsewhere, answer: Annotated[Answer, Query()]) -> Response:
    """Back from the provider: signed in, or told what is wrong.

    Who is turned away has shown nobody's name, and leaves no entry: the audit can't be filled up by strangers.
    """
    try:
        session = await each.finish(answer, request.cookies.get(COOKIE, ""))
        await note(request, session.principal, entrance.SIGNED_IN)
    except (Unauthenticated, Unavailable) as error:
        response = sign_in_page(request, error.status, to="/", fault=str(error))
    else:
        # Not a redirect: after one from another site the browser would leave our strict cookie behind.
        response = page("onward.html", request, None, to=local(session.to))
        session_cookie.keep(response, session.token, seconds=session.seconds, secure=_secure(request))
    response.delete_cookie(COOKIE, path=_PATH, httponly=True, samesite="lax", secure=_secure(request))
    return response


def _secure(request: Request) -> bool:
    return bool(request.app.state.service.settings.secure_cookie)
