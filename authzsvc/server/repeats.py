"""`Repeats`: recognizes reports that were sent again although they had arrived.

A proxy sends a report until it is acknowledged, so a report whose acknowledgement was lost comes twice, byte for byte
the same. A report is recognized by the hash of all its bytes, so nobody can make another's report look like a repeat.
"""

from __future__ import annotations

from hashlib import sha256

from cachetools import LRUCache

_MOST = 20_000


class Repeats:
    """The latest reports that were recorded."""

    def __init__(self, most: int = _MOST) -> None:
        self._seen: LRUCache[bytes, None] = LRUCache(most)

    def is_repeat(self, raw: bytes) -> bool:
        """Whether these bytes were noted before; they are noted now."""
        digest = sha256(raw).digest()
        if digest in self._seen:
            self._seen[digest] = None  # it becomes the newest
            return True
        self._seen[digest] = None
        return False
