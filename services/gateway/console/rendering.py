"""Pages made from templates, the headers that go with them, and errors as pages."""

from collections.abc import Callable, Coroutine
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.routing import APIRoute
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from services.gateway.console import words
from services.gateway.console.assets import asset_url
from services.gateway.duties import PasswordMustBeChanged, SecondFactorMustBeEnrolled
from services.gateway.sessions import Sessions, is_session
from shared.auth.accounts import Whose
from shared.auth.permissions import Permission
from shared.auth.principal import Principal
from shared.auth.purposes import purposes_of
from shared.errors import HomewardError, Unauthenticated
from shared.web.access import access_token
from shared.web.problems import problem_of

TEMPLATES = Path(__file__).parent / "templates"

#: Besides shared.web.headers. No inline script or style and so no nonce, nothing from elsewhere, in nobody's frame.
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    # Pages hold personal data, so nobody keeps them.
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
}


@cache
def environment() -> Environment:
    """The templates, with every value escaped and a misspelt one an error."""
    found = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.globals["asset_url"] = asset_url
    found.filters |= words.FILTERS
    return found


def page(template: str, request: Request, principal: Principal | None, status: int = 200, **values: Any) -> Response:
    """The template as a page for the principal."""
    service = request.app.state.service
    made = environment().get_template(template)
    frame = {
        "confined": False,
        "unprotected": principal is not None and _unprotected(request),
        # What the live stream is watched for, by who may.
        "watches": next(iter(purposes_of(principal.roles)), None)
        if principal and principal.may(Permission.STATUS_READ)
        else None,
        "with_agencies": principal is not None and principal.may(Permission.SUBSCRIPTIONS_READ),
    }
    content = made.render(
        principal=principal,
        path=request.url.path,
        today=service.clock.today(),
        programme=service.programme,
        **(frame | values),
    )
    return HTMLResponse(content, status, HEADERS)


class ConsoleRoute(APIRoute):
    """A page: who isn't signed in is sent to sign in, and an error is a page too."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        show = super().get_route_handler()

        async def show_or_explain(request: Request) -> Response:
            try:
                return await show(request)
            except Unauthenticated:
                return to_sign_in(request)
            except (PasswordMustBeChanged, SecondFactorMustBeEnrolled):
                return _to(request, "/account")
            except (HomewardError, RequestValidationError) as error:
                problem = problem_of(error)
                known: Principal | None = getattr(request.state, "principal", None)
                return page("error.html", request, known, problem["status"], problem=problem)

        return show_or_explain


def to_sign_in(request: Request) -> Response:
    """To the sign-in page, and back here afterwards."""
    target = "/sign-in"
    if request.method == "GET" and (request.url.path != "/" or request.url.query):
        here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        target = f"/sign-in?to={quote(here, safe='/')}"
    return _to(request, target)


def _to(request: Request, target: str) -> Response:
    if "hx-request" in request.headers:
        # A redirect would be followed unseen, and the other page put into the middle of this one.
        return Response(status_code=401, headers={**HEADERS, "HX-Redirect": target})
    return RedirectResponse(target, 303, HEADERS)


def _unprotected(request: Request) -> bool:
    """Whether who is signed in could have a second factor and has none; simulated people are left alone."""
    sessions: Sessions | None = request.app.state.sessions
    try:
        token = access_token(request)
        account = sessions.find(token) if sessions and is_session(token) else None
    except Unauthenticated:
        return False
    return account is not None and account.factor is None and account.password is Whose.OWN
