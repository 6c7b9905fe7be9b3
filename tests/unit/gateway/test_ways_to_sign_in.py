"""Which ways to sign in a gateway offers, by its settings."""

from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr, ValidationError

from services.gateway.app import create_app
from services.gateway.settings import ProviderClient, Settings
from shared.auth.keys import generate_key, public_pem
from shared.messaging.inprocess import InProcessBus
from shared.protection.wrapping import first_keys
from shared.settings import IdentityProvider

#: Nobody answers there.
AWAY = "http://127.0.0.1:9"
LINK = "Sign in with your organisation’s account"


def gateway(**settings: Any) -> httpx.AsyncClient:
    key = public_pem(generate_key())
    database = "postgresql+asyncpg://nobody@127.0.0.1:9/none"
    found = Settings(database_url=database, public_key=key, keys=SecretStr(first_keys().text()), **settings)
    app = create_app(found, bus=InProcessBus())
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway")


def with_provider(folder: Path) -> dict[str, Any]:
    client = ProviderClient(id="console", console_url="http://127.0.0.1:8000")
    return {"oidc": IdentityProvider(issuer=AWAY), "oidc_client": client, "private_key": folder / "token.key"}


async def test_without_local_accounts_the_page_offers_the_provider_alone(tmp_path: Path) -> None:
    async with gateway(**with_provider(tmp_path)) as http:
        page = (await http.get("/sign-in")).text
        assert LINK in page and "password" not in page
        left = await http.post("/sign-out")
        assert (left.status_code, left.headers["location"]) == (303, "/sign-in")


async def test_without_a_provider_the_page_offers_local_accounts_alone(tmp_path: Path) -> None:
    async with gateway(private_key=tmp_path / "token.key", accounts=tmp_path / "accounts.json") as http:
        page = (await http.get("/sign-in")).text
        assert LINK not in page and 'name="password"' in page
        for path in ("/sign-in/provider", "/sign-in/provider/callback?code=1&state=2"):
            assert (await http.get(path)).status_code == 404


async def test_with_neither_the_page_says_so() -> None:
    async with gateway() as http:
        assert "neither local accounts nor an identity provider" in (await http.get("/sign-in")).text


async def test_while_the_provider_is_away_the_page_says_so_and_offers_what_is_left(tmp_path: Path) -> None:
    async with gateway(**with_provider(tmp_path), accounts=tmp_path / "accounts.json") as http:
        answer = await http.get("/sign-in/provider", params={"to": "/cases"})
    assert answer.status_code == 503
    assert "The identity provider can&#39;t be reached" in answer.text
    assert 'name="password"' in answer.text and 'value="/cases"' in answer.text


@pytest.mark.parametrize(
    "issuer",
    [
        "http://provider.example.org",
        "http://10.0.0.1",
        "http://localhost.example.org",
        "http://127.0.0.1.example.org",
        "ftp://127.0.0.1",
        "//provider",
        "provider",
        "",
    ],
)
def test_a_provider_that_others_on_the_way_could_play_is_refused(issuer: str) -> None:
    with pytest.raises(ValidationError):
        IdentityProvider(issuer=issuer)


@pytest.mark.parametrize("issuer", ["https://provider.example.org/realms/x/", "http://[::1]:80", "http://localhost"])
def test_a_provider_is_named_by_https_or_is_on_this_machine(issuer: str) -> None:
    assert IdentityProvider(issuer=issuer).issuer == issuer


@pytest.mark.parametrize(
    "wrong",
    [
        {"roles": {"services": "service"}},
        {"roles": {"kings": "king"}},
        {"algorithms": []},
        {"algorithms": ["HS256"]},
        {"algorithms": ["RS256", "none"]},
        {"audience": ""},
    ],
    ids=str,
)
def test_settings_that_would_let_anybody_in_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        IdentityProvider.model_validate({"issuer": "https://provider.example.org"} | wrong)


def test_a_client_without_its_provider_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="oidc_client needs oidc"):
        Settings(oidc_client=with_provider(tmp_path)["oidc_client"])
