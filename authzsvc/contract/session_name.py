"""The public name of a session, which may be printed.

A proxy gives each session a secret name that nobody can guess (`x-fix-session`). A caller who sends the secret name
proves that it is that proxy. So the name must not spread: only the edge of the service reads it, and the core, the
store, the log, the audit and the operators use the public name, a one-way digest of the secret name (proto/README.md,
"The two names of a session").

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
