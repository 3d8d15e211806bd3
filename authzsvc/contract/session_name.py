"""The public name of a session, which may be printed.

A proxy names each connection's session by an unguessable text (`x-fix-session`), and whoever sends that text proves to
be that proxy. So the secret name stays at the edge of the service: its core, store, log and audit, and its operators,
name a session by a one-way digest of the secret name (proto/README.md, "The two names of a session").

Invariant: nobody can find two secret names with the same public name, or a secret name from its public name.
"""

from __future__ import annotations

import hashlib
import re

_SECRET = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_PURPOSE = b"fix_authz session\0"
"""Keeps this digest apart from any other SHA-256 of the same text."""
_LENGTH = 32
"""Hexadecimal digits that are kept: 128 bits, as a second secret name with the same digest would prove the session."""


def public_name(secret: str) -> str:
    """Returns the public name of the session whose secret name is `secret`; empty if `secret` is not a name."""
    if not _SECRET.fullmatch(secret):
        return ""
    return hashlib.sha256(_PURPOSE + secret.encode()).hexdigest()[:_LENGTH]
