"""`Flood`: the sum of what a listener refused before anybody had proved who they are."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """Why a listener refused."""

    CONNECTIONS = "connections"
    """As many connections are open as may be."""
    HALF_OPEN = "half_open"
    """Too many streams without their first message."""
    LATE = "late"
    """The first message, or the HTTP request, did not come in time."""
    MEMORY = "memory"
    """A half-open stream while memory was short, or a long message while others held its share."""
    ABANDONED = "abandoned"
    """A call that its caller, or gRPC's core, ended before its first message."""
    LASTING = "lasting"
    """Too many streams that go on after their first message."""
    COMPRESSED = "compressed"
    """A compressed message."""
    HEADERS = "headers"
    """Headers that are too long or too many."""
    METHOD = "method"
    """A method that is not served."""
    UNREADABLE = "unreadable"
    """A message that is not of the method's type."""
    LONG = "long"
    """A message of a lasting stream that is longer than any of its kind."""
    UNAUTHENTICATED = "unauthenticated"
    """An operator's call without a good proof, beyond those that have a line of their own in the audit."""


@dataclass(frozen=True, slots=True)
class Flood:
    """Refusals of a listener for one reason since the last such line."""

    listener: str
    reason: Reason
    count: int
    host: str
    """The host that most of them came from, as far as it is known."""
    since: float
    """Unix time."""
    at: float
    """Unix time."""
