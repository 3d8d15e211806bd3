"""`Allowance`: bounds how many events are taken from callers that have proved nothing.

A token bucket: it fills at a steady rate, up to its size, and each event takes one token. Pure: the time is an argument
(monotonic seconds).
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Allowance:
    """How many events may come at once, and how many a second after that."""

    burst: float
    per_s: float
    left_out: int = 0
    """How many were refused since `take_left_out` was last called."""
    _level: float = field(init=False)
    _at: float | None = None

    def __post_init__(self) -> None:
        """The bucket is full at first."""
        self._level = self.burst

    def take(self, now: float) -> bool:
        """Whether one more event is allowed; it takes a token if so."""
        if self._at is not None:
            self._level = min(self.burst, self._level + max(0.0, now - self._at) * self.per_s)
        self._at = now
        if self._level < 1.0:
            self.left_out += 1
            return False
        self._level -= 1.0
        return True

    def take_left_out(self) -> int:
        """How many were refused since this was last called."""
        left_out, self.left_out = self.left_out, 0
        return left_out
