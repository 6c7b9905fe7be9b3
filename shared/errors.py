"""Errors whose message is meant for the person who made the request: what is wrong and what to do."""

from collections.abc import Mapping
from typing import Any


class HomewardError(Exception):
    """Base of all errors that are answered as problem details (RFC 9457)."""

    status = 500
    #: Further members of the problem document, identifiers and codes only.
    detail_fields: dict[str, Any]

    def __init__(self, message: str = "", **fields: Any) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip().split("\n")[0])
        self.detail_fields = fields


class RuleBroken(HomewardError):
    """A rule of the programme forbids this."""

    status = 409


class NotFound(HomewardError):
    """There is no such record; check the identifier."""

    status = 404


class Invalid(HomewardError):
    """The request can't be understood; correct the named fields and send it again."""

    status = 422


class Refused(HomewardError):
    """Another service has refused this; its problem document is passed on as it is."""

    def __init__(self, problem: Mapping[str, Any], status: int) -> None:
        super().__init__(str(problem.get("detail") or problem.get("title") or ""))
        self.status = status
        self.problem = {**problem, "status": status}


class Unstorable(Invalid):
    """A value can't be stored: look for a zero character, or a number or date beyond all measure."""


class Forbidden(HomewardError):
    """Your roles do not allow this; ask an administrator for one of those that are named."""

    status = 403


class Unauthenticated(HomewardError):
    """Sign in first: the request has no valid token."""

    status = 401


class Unavailable(HomewardError):
    """A part that this request needs can't be reached; try again shortly."""

    status = 503


class Away(Unavailable):
    """The database can't be reached, or had too much to do: send it again shortly, with the same key."""


class Stopping(Unavailable):
    """This process was told to stop before it had an answer: send it again, with the same key."""
