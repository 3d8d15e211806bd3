"""What a token endpoint answered: an access token (RFC 6749, 5.1), or an error (5.2). Pure.

Only what says that the *client* is wrong is `BadCredentials`; everything else is the server's trouble, or ours.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from authzsvc.errors import TokenError
from authzsvc.tokens import jose
from authzsvc.tokens.endpoint import BadCredentials, ServerUnavailable, json_object
from authzsvc.tokens.http import Answer

_CLIENT_ERRORS = frozenset({"invalid_client", "unauthorized_client"})
_CODE = re.compile(r"[a-z_]{1,40}")
_FOR_EVER = 1e9
"""No token is believed to last longer than this many seconds."""


@dataclass(frozen=True, slots=True)
class Granted:
    """A token obtained."""

    access_token: str = field(repr=False)
    expires_in: float
    """Seconds; endless when the server did not say."""


def token_in(answer: Answer) -> Granted:
    """The token. Raises `BadCredentials` when the client was refused, else `ServerUnavailable`."""
    members = json_object(answer)
    if answer.status != 200:
        raise _refusal(answer.status, members)
    if members is None:
        raise ServerUnavailable("the token endpoint's answer is not one JSON object (`application/json`)")
    token, kind, lasts = members.get("access_token"), members.get("token_type"), members.get("expires_in")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise ServerUnavailable("the token endpoint's answer has a `token_type` other than Bearer")
    if lasts is not None and (isinstance(lasts, bool) or not isinstance(lasts, int | float) or lasts <= 0):
        raise ServerUnavailable("the token endpoint's answer has an `expires_in` that is no span of time")
    if not isinstance(token, str):
        raise ServerUnavailable("the token endpoint's answer has no `access_token`")
    try:
        jose.encoded(token)
    except TokenError as error:
        raise ServerUnavailable(f"the token endpoint's answer: {error.reason}") from None
    return Granted(token, min(_FOR_EVER, lasts) if lasts is not None else _FOR_EVER)


def _refusal(status: int, members: dict[str, object] | None) -> TokenError:
    """A 401 with an OAuth error is about the client, whatever its code: Auth0 says `access_denied`."""
    code = members.get("error") if members is not None else None
    shown = f" `{code}`" if isinstance(code, str) and _CODE.fullmatch(code) else ""
    if isinstance(code, str) and (status == 401 or (status == 400 and code in _CLIENT_ERRORS)):
        return BadCredentials(f"the token endpoint answered {status}{shown}")
    return ServerUnavailable(f"the token endpoint answered {status}{shown}")
