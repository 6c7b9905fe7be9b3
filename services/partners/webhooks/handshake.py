"""The handshake of CloudEvents' webhooks: who is to be called says first that it wants that, and how often."""

from urllib.parse import urlsplit

from services.partners.webhooks.calls import Caller, Unreachable
from shared.errors import RuleBroken

_EVERYBODY = "*"


class HandshakeRefused(RuleBroken):
    """The receiver gets nothing before it answers OPTIONS with a success and our name in WebHook-Allowed-Origin."""


async def shake_hands(caller: Caller, agency: str, url: str, base: str) -> int | None:
    """How many calls a minute the receiver allows, None for as many as there are. Raises HandshakeRefused."""
    origin = urlsplit(base).hostname or base
    try:
        async with caller.place():
            answer = await caller.call(agency, "OPTIONS", url, {"WebHook-Request-Origin": origin})
    except Unreachable as error:
        raise HandshakeRefused(origin=origin, cause=str(error)) from error
    allowed = answer.headers.get("webhook-allowed-origin", "").strip()
    if not 200 <= answer.status < 300 or allowed.lower() not in (_EVERYBODY, origin.lower()):
        raise HandshakeRefused(origin=origin, cause=f"{answer.status}, allowed origin {allowed[:100] or 'none'}")
    return _rate(answer.headers.get("webhook-allowed-rate", "").strip(), origin)


def _rate(said: str, origin: str) -> int | None:
    if said in ("", _EVERYBODY):
        return None
    if said.isascii() and said.isdigit() and len(said) < 10 and int(said):
        return int(said)
    raise HandshakeRefused(origin=origin, cause=f"allowed rate {said[:100]}")
