"""Asking an endpoint of an authorization server, and the two ways in which that is no answer about a token.

An outage is not the client's fault: `ServerUnavailable` tells him to come again, and is never remembered for long.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from authzsvc.errors import HttpError, TokenError
from authzsvc.tokens.claims import NOT_ALLOWED_NOW
from authzsvc.tokens.client_auth import ClientAuth, apply
from authzsvc.tokens.http import Answer, Http

UNAVAILABLE = "authorization server not available"
REFUSED = "client credentials not accepted"


class ServerUnavailable(TokenError):
    """The authorization server gave no answer that says anything about the token."""

    unavailable = True

    def __init__(self, reason: str) -> None:
        super().__init__(UNAVAILABLE, reason, NOT_ALLOWED_NOW)


class BadCredentials(TokenError):
    """The authorization server refused a client's id and secret: perhaps a guess."""

    def __init__(self, reason: str) -> None:
        super().__init__(REFUSED, reason)


def anew(error: TokenError) -> TokenError:
    """The same error without its past: a traceback holds frames, and frames hold secrets."""
    if isinstance(error, ServerUnavailable | BadCredentials):
        return type(error)(error.reason)
    return TokenError(error.text, error.reason, error.session_status)


async def post(
    http: Http, url: str, form: Mapping[str, str], auth: ClientAuth, *, audience: str, now: float, accept: str
) -> Answer:
    """Send a form as that client. Raises `ServerUnavailable` when there is no answer."""
    fields, headers = dict(form), {"accept": accept}
    apply(auth, fields, headers, audience=audience, now=now)
    try:
        return await http.post_form(url, fields, headers)
    except HttpError as error:
        raise ServerUnavailable(str(error)) from None


def media_type(answer: Answer) -> str:
    """The media type of an answer, without its parameters."""
    return answer.headers.get("content-type", "").partition(";")[0].strip().lower()


def json_object(answer: Answer) -> dict[str, Any] | None:
    """The JSON object in an answer; None where it is something else, or says something twice."""
    if media_type(answer) != "application/json":
        return None
    try:
        value = json.loads(answer.body, object_pairs_hook=_object, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError
    return found


def _no_number(_name: str) -> float:
    raise ValueError  # `NaN` and `Infinity` are no JSON
