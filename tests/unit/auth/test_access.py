"""Who may use a route."""

from typing import Annotated

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI

from shared.auth.keys import generate_key, public_pem, read_public_key
from shared.auth.permissions import GRANTED, Permission
from shared.auth.principal import Principal
from shared.auth.roles import Role
from shared.auth.tokens import GATEWAY, ISSUER, Operators, Signer, Verifier
from shared.web.access import SESSION_COOKIE, open_to_all, require, unguarded_routes
from shared.web.description import describe
from shared.web.problems import install_problem_handlers

KEY = generate_key()


def application() -> FastAPI:
    app = FastAPI(openapi_url=None)
    install_problem_handlers(app)
    app.state.verifier = Verifier({ISSUER: Operators(read_public_key(public_pem(KEY)), GATEWAY)})
    app.state.session_cookie = SESSION_COOKIE

    @app.api_route("/guarded", methods=["GET", "POST"])
    async def guarded(principal: Annotated[Principal, Depends(require(Permission.CONSENT_WITHDRAW))]) -> str:
        return principal.name

    @app.get("/open", dependencies=[Depends(open_to_all)])
    async def open_route() -> None: ...

    return app


def client(**arguments: object) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(application()), base_url="http://test", **arguments)  # type: ignore[arg-type]


def token(*roles: Role) -> str:
    return Signer(KEY).issue(Principal("1", "amina", frozenset(roles), frozenset()))


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"Authorization": "Bearer nonsense"}, 401),
        ({"Authorization": f"Basic {token(Role.MEDICAL)}"}, 401),
        ({"Authorization": f"Bearer {token(Role.FINANCE)}"}, 403),
        ({"Authorization": f"Bearer {token()}"}, 403),
        ({"Authorization": f"Bearer {token(Role.MEDICAL)}"}, 200),
        ({"Authorization": f"bearer {token(Role.MANAGER, Role.FINANCE)}"}, 200),
    ],
)
async def test_a_route_wants_a_valid_token_with_its_permission(headers: dict[str, str], status: int) -> None:
    async with client() as http:
        assert (await http.get("/guarded", headers=headers)).status_code == status


async def test_who_lacks_the_role_is_told_which_one_it_takes() -> None:
    async with client() as http:
        answer = await http.get("/guarded", headers={"Authorization": f"Bearer {token(Role.FINANCE)}"})
    assert answer.json()["roles"] == sorted(GRANTED[Permission.CONSENT_WITHDRAW])


@pytest.mark.parametrize(
    ("method", "site", "status"),
    [
        ("GET", "cross-site", 200),
        ("POST", "cross-site", 401),
        ("POST", "same-site", 401),
        ("POST", "same-origin", 200),
        ("POST", None, 200),
    ],
)
async def test_the_cookie_changes_nothing_on_behalf_of_another_sites_page(
    method: str, site: str | None, status: int
) -> None:
    headers = {"Sec-Fetch-Site": site} if site else {}
    async with client(cookies={SESSION_COOKIE: token(Role.MEDICAL)}) as http:
        assert (await http.request(method, "/guarded", headers=headers)).status_code == status


def test_a_route_that_names_no_permission_is_found_wherever_it_was_included() -> None:
    app = application()
    assert unguarded_routes(app) == []
    router = APIRouter()

    @router.get("/forgotten")
    async def forgotten() -> None: ...

    app.include_router(router, prefix="/deep")
    assert unguarded_routes(app) == ["GET /deep/forgotten"]


def test_the_table_has_every_permission() -> None:
    assert GRANTED.keys() == set(Permission)


def test_what_is_not_in_the_table_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    everything = Principal("1", "amina", frozenset(Role))
    assert everything.may(Permission.HOLDS_LIFT)
    monkeypatch.delitem(GRANTED, Permission.HOLDS_LIFT)
    assert not everything.may(Permission.HOLDS_LIFT)


async def test_the_description_tells_each_routes_permission() -> None:
    app, router = FastAPI(), APIRouter()

    @router.post("/holds", dependencies=[Depends(require(Permission.HOLDS_PLACE))])
    async def place_hold() -> None: ...

    @router.get("/open", dependencies=[Depends(open_to_all)])
    async def open_route() -> None: ...

    describe(app)
    app.include_router(router, prefix="/api")
    paths = app.openapi()["paths"]
    assert paths["/api/holds"]["post"]["security"] == [{"bearer": ["holds:place"]}]
    assert paths["/api/open"]["get"]["security"] == []
