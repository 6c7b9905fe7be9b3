"""Who may use a route."""

from typing import Annotated

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI

from shared.auth.keys import generate_key, public_pem, read_public_key
from shared.auth.principal import Principal
from shared.auth.roles import Role
from shared.auth.tokens import Signer, Verifier
from shared.web.access import SESSION_COOKIE, open_to_all, require, unguarded_routes
from shared.web.problems import install_problem_handlers

KEY = generate_key()


def application() -> FastAPI:
    app = FastAPI(openapi_url=None)
    install_problem_handlers(app)
    app.state.verifier = Verifier(read_public_key(public_pem(KEY)))
    app.state.session_cookie = SESSION_COOKIE

    @app.api_route("/guarded", methods=["GET", "POST"])
    async def guarded(principal: Annotated[Principal, Depends(require(Role.MEDICAL, Role.MANAGER))]) -> str:
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
        ({"Authorization": f"Bearer {token(Role.AIRPORT)}"}, 403),
        ({"Authorization": f"Bearer {token()}"}, 403),
        ({"Authorization": f"Bearer {token(Role.MEDICAL)}"}, 200),
        ({"Authorization": f"bearer {token(Role.MANAGER, Role.AIRPORT)}"}, 200),
    ],
)
async def test_a_route_wants_a_valid_token_with_one_of_its_roles(headers: dict[str, str], status: int) -> None:
    async with client() as http:
        assert (await http.get("/guarded", headers=headers)).status_code == status


async def test_who_lacks_the_role_is_told_which_one_it_takes() -> None:
    async with client() as http:
        answer = await http.get("/guarded", headers={"Authorization": f"Bearer {token(Role.AIRPORT)}"})
    assert answer.json()["roles"] == ["manager", "medical"]


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


def test_a_route_that_names_no_role_is_found_wherever_it_was_included() -> None:
    app = application()
    assert unguarded_routes(app) == []
    router = APIRouter()

    @router.get("/forgotten")
    async def forgotten() -> None: ...

    app.include_router(router, prefix="/deep")
    assert unguarded_routes(app) == ["GET /deep/forgotten"]


def test_no_role_at_all_is_a_mistake() -> None:
    with pytest.raises(TypeError):
        require()
