"""`Store`: where restrictions, revocations and sessions outlive the process. An interface, and what passes through it.

It is small, so that a shared store can stand behind it: four writes that are kept when they return, two that may be
written behind, one read, and word of what others wrote. All writes may be repeated.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from authzsvc.sessions.facts import SessionFacts
from authzsvc.sessions.restrictions import Restriction, Restrictions, Revocation
from authzsvc.sessions.revisions import Revisions
from authzsvc.sessions.signed_mappings import SignedMapping


@dataclass(frozen=True, slots=True)
class Stored:
    """What a store holds."""

    in_force: Restrictions
    sessions: tuple[SessionFacts, ...]
    salt: bytes
    """For `facts.fingerprint`: random, made with the store."""


class Store(Protocol):
    """All methods but the two `…_session` raise `StoreError`, and have not written anything when they do."""

    async def load(self) -> Stored:
        """All of it."""

    async def in_force(self) -> Restrictions:
        """Restrictions and revocations alone."""

    async def add_restriction(self, entry: Restriction) -> int:
        """Kept when it returns, whatever happens to the process or the machine. Returns the number of the change."""

    async def add_revocation(self, entry: Revocation) -> int:
        """Kept when it returns. Returns the number of the change."""

    async def remove(self, ids: frozenset[str]) -> None:
        """Remove restrictions and revocations; gone for good when it returns. Unknown ids are no error."""

    @property
    def revisions(self) -> Revisions:
        """Up to which number this process has read the store, and which mapping is the newest, at its last read or
        write."""

    async def note_mapping(self, digest: str) -> Revisions:
        """Gives the mapping that this service is about to put in force a number."""

    async def acknowledge(self, service: str, number: int) -> None:
        """Notes that this service runs, and that every change up to that number is in force in it."""

    async def behind(self, number: int) -> tuple[str, ...]:
        """Returns the names of the services that run and in which the change of that number is not in force."""

    async def leave(self, service: str) -> None:
        """Notes that this service has ended."""

    async def accept_mapping(self, found: SignedMapping) -> None:
        """Records a signed mapping as the last accepted one of its key and name. It is on disk when this returns.

        Raises `SignatureError` if any service of this store has accepted a later one.
        """

    def save_session(self, facts: SessionFacts) -> None:
        """Note a session, or its new facts; written soon after. Never fails: what cannot be written is tried again."""

    def remove_session(self, session_id: str) -> None:
        """Forget a session that ended; written soon after."""

    def changes(self) -> AsyncIterator[None]:
        """Yields each time when others have changed what is in force. It never ends by itself."""

    async def close(self) -> None:
        """Write what is pending, and close."""
