"""What stands before every route of a service, in order: safe headers, problems, limits, ETags."""

from collections.abc import Sequence

from fastapi import FastAPI
from starlette.middleware import Middleware

from shared.settings import ServiceSettings
from shared.web.etags import ETags
from shared.web.headers import SafeHeaders
from shared.web.limits import Allowed, Limits
from shared.web.problems import install_problem_handlers

#: How paths end that take a file, at the service and at the gateway before it.
UPLOADS = ("/imports", "/signed-copy")
#: What is asked for by those who run the suite, and grows with it: what falls due by a new time, the account of all.
UNHURRIED = frozenset({"/clock", "/api/clock", "/api/accounting", "/replay", "/api/gateway/replay"})


def guard(app: FastAPI, settings: ServiceSettings, own: Sequence[Middleware] = ()) -> None:
    """Put them there, and ``own`` behind them. What is added last is met first."""
    app.add_middleware(ETags)
    for each in own:
        app.add_middleware(each.cls, *each.args, **each.kwargs)
    app.add_middleware(Limits, allowed=allowed(settings))
    install_problem_handlers(app)
    app.add_middleware(SafeHeaders, over_tls=settings.over_tls)


def allowed(settings: ServiceSettings) -> Allowed:
    """The limits that the settings name."""
    return Allowed(
        body=settings.largest_body,
        upload=settings.largest_upload,
        seconds=settings.longest_request,
        requests=settings.most_requests,
        uploads=UPLOADS,
        unhurried=UNHURRIED,
    )
