"""Who may use a route. Each names its permission or says openly that it has none; a test finds those that don't."""

from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from fastapi import FastAPI, Request
from fastapi.routing import RouteContext, iter_route_contexts

from shared.auth.oidc import Provider
from shared.auth.permissions import GRANTED, Permission
from shared.auth.principal import EVERY_OFFICE, Principal
from shared.auth.tokens import Verifier
from shared.errors import Forbidden, Unauthenticated
from shared.web.emergency import confine

#: The console's token, at the gateway alone: there ``app.state.session_cookie`` is this name.
SESSION_COOKIE = "homeward_session"

#: What the check's callable bears, for whoever walks the routes: its permission, None when it is open to all.
MARKER = "required_permission"

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
#: Values of Sec-Fetch-Site that no other site's page can cause.
_OWN_PAGES = frozenset({None, "same-origin", "none"})


def require(permission: Permission) -> Callable[[Request], Awaitable[Principal]]:
    """A dependency: the signed-in principal, if it has the permission. Raises Unauthenticated or Forbidden."""

    async def permitted(request: Request) -> Principal:
        principal = await authenticated(request)
        check(principal, permission)
        if principal.break_glass:
            await confine(request, principal.break_glass)
        return principal

    setattr(permitted, MARKER, permission)
    return permitted


def check(principal: Principal, permission: Permission) -> None:
    """Raise Forbidden, with the roles that would do, unless the principal has the permission."""
    if not principal.may(permission):
        roles = sorted(GRANTED.get(permission, ()))
        raise Forbidden(
            f"This needs one of the roles: {', '.join(roles) or 'none that a person has'}.",
            permission=permission,
            roles=roles,
        )


async def of_every_office(request: Request) -> None:
    """A dependency besides the role: what tells of all offices is for those who work for all. Raises Forbidden."""
    if EVERY_OFFICE not in (await authenticated(request)).offices:
        raise Forbidden("This tells of every office's cases: it needs an account of every office.")


async def open_to_all() -> None:
    """A dependency that says: this route is meant to be used without signing in."""


setattr(open_to_all, MARKER, None)


async def authenticated(request: Request) -> Principal:
    """The request's principal, whatever it may do. Raises Unauthenticated, or ProviderUnreachable."""
    known: Principal | None = getattr(request.state, "principal", None)
    if known is None:
        known = request.state.principal = await verified(request, access_token(request))
    return known


async def verified(request: Request, token: str) -> Principal:
    """Whose token it is: the suite's own, or the identity provider's. Raises like ``authenticated``."""
    return await whose(request.app, token)


async def whose(app: FastAPI, token: str) -> Principal:
    """The same of a token that came otherwise than with a request."""
    provider: Provider | None = getattr(app.state, "provider", None)
    if provider is not None and provider.issued(token):
        return await provider.verify(token)
    verifier: Verifier = app.state.verifier
    return verifier.verify(token)


def access_token(request: Request) -> str:
    """The bearer token, or the console's cookie. Raises Unauthenticated when there is neither."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token:
        return token.strip()
    cookie = request.cookies.get(getattr(request.app.state, "session_cookie", None) or "")
    if cookie and (request.method in _SAFE_METHODS or request.headers.get("sec-fetch-site") in _OWN_PAGES):
        return cookie
    raise Unauthenticated()


def unguarded_routes(app: FastAPI) -> list[str]:
    """The routes that neither require a permission nor say that they are open to all, as ``GET /path``."""
    return [
        f"{'|'.join(sorted(route.methods or ()))} {route.path}"
        for route in iter_route_contexts(app.routes)
        if route.endpoint is not None and not guards(route)
    ]


def guards(route: RouteContext) -> set[Permission | None]:
    """The permissions that a route takes, None among them when it says that it is open to all."""
    return {getattr(call, MARKER) for call in _calls(route) if hasattr(call, MARKER)}


def _calls(route: RouteContext) -> Iterator[Any]:
    yield route.endpoint
    waiting = [getattr(route, "dependant", None)]
    while waiting:
        if (dependant := waiting.pop()) is not None:
            yield dependant.call
            waiting += dependant.dependencies
