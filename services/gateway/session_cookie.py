"""The cookie that holds the token of a console's session, whoever has issued it."""

from fastapi import Response

from shared.web.access import SESSION_COOKIE


def keep(response: Response, token: str, *, seconds: int, secure: bool) -> None:
    """Give the console's browser the token, out of reach of scripts and of other sites."""
    response.set_cookie(SESSION_COOKIE, token, max_age=seconds, httponly=True, samesite="strict", secure=secure)


def forget(response: Response, *, secure: bool) -> None:
    """Take the token from the console's browser."""
    response.delete_cookie(SESSION_COOKIE, httponly=True, samesite="strict", secure=secure)
