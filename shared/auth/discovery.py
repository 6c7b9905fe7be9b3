"""What an OpenID provider says of itself at its well-known address."""

import asyncio
import ipaddress
import ssl
from functools import cache
from typing import Annotated, Any

import httpx
from pydantic import AfterValidator, BaseModel

#: Seconds for a whole answer of the provider: requests wait for it.
TIMEOUT = 3.0
_WELL_KNOWN = "/.well-known/openid-configuration"


def https_or_loopback(url: str) -> str:
    """The address itself. Raises ValueError for one whose answers somebody on the way could change."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise ValueError("this is no address") from error
    if not parsed.host or not (parsed.scheme == "https" or (parsed.scheme == "http" and _is_loopback(parsed.host))):
        raise ValueError("an address with https is needed; http will do on this machine only")
    return url


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


SecureUrl = Annotated[str, AfterValidator(https_or_loopback)]


class Metadata(BaseModel):
    """The members of the discovery document that are used."""

    issuer: str
    jwks_uri: SecureUrl
    authorization_endpoint: SecureUrl
    token_endpoint: SecureUrl
    end_session_endpoint: SecureUrl | None = None
    #: RFC 9207: each answer of the authorization endpoint names the issuer.
    authorization_response_iss_parameter_supported: bool = False


async def discover(issuer: str) -> Metadata:
    """The provider's metadata. Raises httpx.HTTPError, TimeoutError, or ValueError when it is somebody else's."""
    metadata = Metadata.model_validate(await fetch_json(issuer.rstrip("/") + _WELL_KNOWN))
    if metadata.issuer != issuer:
        raise ValueError(f"the document found there is of {metadata.issuer!r}")
    return metadata


def http_client(auth: httpx.Auth | None = None) -> httpx.AsyncClient:
    """A client for a few requests; who uses it limits their time."""
    return httpx.AsyncClient(auth=auth, timeout=None, verify=_trust())  # nosec B113 # asyncio.timeout bounds it


@cache
def _trust() -> ssl.SSLContext:
    # Reading a hundred authorities takes 80 ms, in which the loop does nothing else.
    return httpx.create_ssl_context()


async def fetch_json(url: str) -> Any:
    """What the provider answers there. Redirects are not followed: they could lead off the checked address."""
    async with asyncio.timeout(TIMEOUT), http_client() as client:
        response = await client.get(url, headers={"Accept": "application/json"})
        response.raise_for_status()
        return response.json()
