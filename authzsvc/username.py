"""Whether the Username (553) of a Logon is a name of the client whose token came with it.

The filter cuts the password from the Logon, so the venue would believe a Username that nobody has proved. The names of
the client are its client id, its subject, the claims `preferred_username` and `username`, and the claims that the
mapping compares with the client's own ids.
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
    """Return whether a Logon has a Username (553) and every Username in it is a name of the client."""
    usernames = {value.decode("utf-8", "replace") for value in fields.all(USERNAME)}
    return bool(usernames) and usernames <= _names(identity, policy)


def _names(identity: Identity, policy: Policy) -> set[str]:
    bound = (claim for name, claim in policy.identity.items() if name != _COUNTERPARTY)
    values = (value for claim in (*_CLAIMS, *bound) for value in claim_values(identity.claims, claim))
    return {identity.client_id, identity.subject, *values}
