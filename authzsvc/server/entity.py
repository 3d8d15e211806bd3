"""The entity tag of what a session's decisions rest on (RFC 9110, 8.8.3): equal tags, equal decisions. Pure.

It is the same in every replica, and after a restart. The times and the name of a token are left out of it, as they
change with each renewal and no decision rests on them.
"""

from __future__ import annotations

import hashlib
import json

from authzsvc.standing import Ending, Limit
from authzsvc.tokens.claims import Identity

_MOST = 20_000
"""How many identities' tags are remembered. With more, all are forgotten."""

_VOLATILE = frozenset({"exp", "iat", "nbf", "jti", "auth_time", "sid", "uti", "rh", "aio"})
"""Claims that differ from one token of a session to the next, and that no mapping should rest on."""


class Tags:
    """Remembers the tags of identities, because each decision needs one."""

    def __init__(self) -> None:
        """Nothing is remembered."""
        self._known: dict[int, tuple[Identity, str, str, str]] = {}

    def of(self, policy: str, identity: Identity, standing: Limit | Ending | None) -> str:
        """The same as `tag`."""
        reason = standing.reason if standing else ""
        known = self._known.get(id(identity))
        if known is not None and known[0] is identity and known[1] == policy and known[2] == reason:
            return known[3]
        if len(self._known) >= _MOST:
            self._known.clear()
        found = tag(policy, identity, standing)
        self._known[id(identity)] = identity, policy, reason, found
        return found


def tag(policy: str, identity: Identity, standing: Limit | Ending | None) -> str:
    """The quoted tag of the mapping's digest, an identity with its scopes and claims, and the limits on it."""
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
