"""`Allowance`: how much may come from callers that have proven nothing, in a while.

A token bucket: it fills at a steady rate, up to its size; each event takes one. Pure: the time is handed in (monotonic
seconds).
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Allowance:
    """So many at once, and so many a second from then on."""

    burst: float
    per_s: float
    left_out: int = 0
    """How many were refused since `take_left_out` was last called."""
    _level: float = field(init=False)
    _at: float | None = None

    def __post_init__(self) -> None:
        """It begins full."""
        self._level = self.burst

    def take(self, now: float) -> bool:
        """Whether one more is within it."""
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
