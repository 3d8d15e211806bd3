"""The entity tag of what a session's decisions rest on (RFC 9110, 8.8.3): equal tags, equal decisions. Pure.

It is the same in every replica, and after a restart. The times and the name of a token are left out of it, as they
change with each renewal and no decision rests on them.
"""

from __future__ import annotations

import hashlib
import json

from authzsvc.standing import Ending, Limit
from authzsvc.tokens.claims import Identity

_VOLATILE = frozenset({"exp", "iat", "nbf", "jti", "auth_time", "sid", "uti", "rh", "aio"})
"""Claims that differ from one token of a session to the next, and that no mapping should rest on."""


def tag(policy: str, identity: Identity, standing: Limit | Ending | None) -> str:
    """The tag, quoted: of the mapping's digest, who it is with what scopes and claims, and what is left to them."""
    facts = [
        policy,
        identity.issuer,
        identity.subject,
        identity.client_id,
        sorted(identity.scopes),
        {name: value for name, value in identity.claims.items() if name not in _VOLATILE},
        standing.reason if standing else "",
    ]
    text = json.dumps(facts, sort_keys=True, separators=(",", ":"), default=str)
    return f'"{hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]}"'
