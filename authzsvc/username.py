"""Whether the Username (553) of a Logon is a name of the client whose token came with it.

The password beside it is cut from the Logon, so the venue would take a Username for proven that nobody has proven. The
names of the client are its client id, its subject, the claims `preferred_username` and `username`, and the claims that
the mapping holds the client's own ids against.
"""

from __future__ import annotations

from authzsvc.fix.fields import Fields
from authzsvc.policy.claims import claim_values
from authzsvc.policy.engine import Policy
from authzsvc.tokens.claims import Identity

USERNAME = 553

_CLAIMS = ("preferred_username", "username")
_COUNTERPARTY = "target_comp_id"


def is_the_clients(fields: Fields, identity: Identity, policy: Policy) -> bool:
    """Return whether a Logon has a Username, and each that it has is a name of the client."""
    usernames = {value.decode("utf-8", "replace") for value in fields.all(USERNAME)}
    return bool(usernames) and usernames <= _names(identity, policy)


def _names(identity: Identity, policy: Policy) -> set[str]:
    bound = (claim for name, claim in policy.identity.items() if name != _COUNTERPARTY)
    values = (value for claim in (*_CLAIMS, *bound) for value in claim_values(identity.claims, claim))
    return {identity.client_id, identity.subject, *values}
