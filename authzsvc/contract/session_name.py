"""The public name of a session: what may be printed of it.

A proxy names each connection's session by an unguessable text (`x-fix-session`), and whoever knows that text proves to
be that proxy. So the secret name ends here, at the edge: all of the service, its store, its log, its audit and its
operators know a session by a one-way digest of that name (proto/README.md, "The two names of a session").

Invariant: no two secret names that can be found have one public name, and none can be found by its public name.
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
    """The public name of the session whose secret name is `secret`; empty where that is no name."""
    if not _SECRET.fullmatch(secret):
        return ""
    return hashlib.sha256(_PURPOSE + secret.encode()).hexdigest()[:_LENGTH]
