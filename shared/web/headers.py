"""Headers that every answer bears, unless its route has set its own."""

from collections.abc import Iterable, Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: Answers are data: nobody runs them, frames them, guesses their type, keeps them or learns from them who asked.
SAFE: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Permitted-Cross-Domain-Policies": "none",
}
#: Two years, as browsers' preload lists want it.
OVER_TLS: Mapping[str, str] = {"Strict-Transport-Security": "max-age=63072000; includeSubDomains"}


class SafeHeaders:
    """ASGI middleware; ``over_tls`` says that browsers reach us by HTTPS alone."""

    def __init__(self, app: ASGIApp, *, over_tls: bool = False) -> None:
        self.app = app
        self._headers = list(_raw({**SAFE, **(OVER_TLS if over_tls else {})}))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def safe_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = list(message.get("headers", ()))
                own = {name.lower() for name, _ in given}
                message["headers"] = [*given, *(each for each in self._headers if each[0] not in own)]
            await send(message)

        await self.app(scope, receive, safe_send if scope["type"] == "http" else send)


def _raw(headers: Mapping[str, str]) -> Iterable[tuple[bytes, bytes]]:
    return ((name.lower().encode(), value.encode()) for name, value in headers.items())
