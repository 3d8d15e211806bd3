"""`Registry`: the sessions that live, in memory.

No I/O, no clock, no thread: whoever holds it says what opens and closes. Who waits for changes of a session is not its
business.

Invariant: a session is found by its id exactly when it is found by its key, so at most one lives under a key.
"""

from __future__ import annotations

from collections.abc import Iterator

from authzsvc.sessions.facts import SessionFacts, SessionKey


class Registry:
    """Live sessions, by id and by FIX identity."""

    def __init__(self) -> None:
        self._by_id: dict[str, SessionFacts] = {}
        self._by_key: dict[SessionKey, SessionFacts] = {}

    def open(self, facts: SessionFacts) -> SessionFacts | None:
        """Note a session that logged on; returns the one that it displaces, of the same key or the same id."""
        same_id = self.close(facts.id)
        displaced = self._by_key.get(facts.key)
        if displaced is not None:
            self.close(displaced.id)
        self._by_id[facts.id] = facts
        self._by_key[facts.key] = facts
        return displaced or same_id

    def find(self, session_id: str) -> SessionFacts | None:
        """The live session of that id."""
        return self._by_id.get(session_id)

    def of(self, key: SessionKey) -> SessionFacts | None:
        """The live session of that FIX identity."""
        return self._by_key.get(key)

    def update(self, session_id: str, facts: SessionFacts) -> bool:
        """New facts of a live session; False when it has ended meanwhile. Its id and key stay what they are."""
        known = self._by_id.get(session_id)
        if known is None:
            return False
        if facts.id != known.id or facts.key != known.key:
            raise ValueError("a session's id and key never change")
        self._by_id[session_id] = facts
        self._by_key[facts.key] = facts
        return True

    def close(self, session_id: str) -> SessionFacts | None:
        """Forget a session that ended; returns what was known of it."""
        facts = self._by_id.pop(session_id, None)
        if facts is not None:
            del self._by_key[facts.key]
        return facts

    def __iter__(self) -> Iterator[SessionFacts]:
        """Those that live now; sessions may open and close while they are gone through."""
        return iter(tuple(self._by_id.values()))

    def __len__(self) -> int:
        return len(self._by_id)
