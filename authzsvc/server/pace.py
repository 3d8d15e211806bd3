"""`Pace` and `Frames`: bound how many HTTP/2 frames a second a listener's clients may send through its front.

Frames cost gRPC's core a time that hardly depends on their length, in the thread that polls for all listeners. A client
can send millions of empty ones a second, or begin and reset streams faster than the service can take them up. So each
frame costs credit, which comes back with time. Without credit, a connection waits with its next frame. The connections
that wait share the listener's rate, so one that sends less than its share never waits. Frames are counted and never
changed, and nothing is decoded but their headers.

A stream's headers cost much, because a stream without a message costs the service more than a frame. Most of it is
given back with the first data, which a proxy sends together with the headers.

Only connections in clear can be read. With TLS, certificates of clients keep strangers out (`tls.client_ca`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

CREDIT_PER_S: Final = 60_000.0
"""Of a listener. A Check costs 4 to 7, so this is enough for more Checks than a service can answer."""
BURST: Final = 2_000.0
"""The most credit that a connection may have."""
_PREFACE_BYTES: Final = 24
_HEADER_BYTES: Final = 9
_DATA, _HEADERS, _RST_STREAM = 0, 1, 3
_COSTS: Final = {_HEADERS: 30.0, _RST_STREAM: 20.0}
"""By type; other frames cost 1. A stream that is reset still has to be taken up."""
_GIVEN_BACK: Final = 27.0
_PREFIX_BYTES: Final = 5
"""What every message of gRPC begins with."""
_MAX_BEGUN: Final = 1_024


@dataclass(slots=True)
class Pace:
    """What the connections of a listener share."""

    waiting: int = 0
    """How many connections wait for credit."""


@dataclass(slots=True)
class Frames:
    """The frames that a client sends on one connection, as far as they have been passed on."""

    pace: Pace
    credit: float = BURST
    at: float = float("inf")
    """The time that the credit is of."""
    _skip: int = _PREFACE_BYTES
    """Bytes of the preface or of a payload that are still to come."""
    _header: bytearray = field(default_factory=bytearray)
    """What has come of the next frame's header."""
    _begun: set[bytes] = field(default_factory=set)
    """The numbers of streams whose first data has not come."""

    def go_on(self, now: float) -> float:
        """Bring the credit up to `now`. Returns how many seconds are left until there is credit, 0 if there is some."""
        per_s = CREDIT_PER_S / max(1, self.pace.waiting)
        self.credit = min(BURST, self.credit + max(0.0, now - self.at) * per_s)
        self.at = now
        return 0.0 if self.credit > 0 else (1.0 - self.credit) / per_s

    def passed(self, data: bytes, at: int = 0) -> int:
        """Take frames from `data`, from `at` on, while there is credit. Returns up to where the bytes may pass."""
        end = len(data)
        while at < end:
            if self._skip:
                step = min(self._skip, end - at)
                self._skip -= step
                at += step
                continue
            if not self._header and self.credit <= 0:
                break
            piece = data[at : at + _HEADER_BYTES - len(self._header)]
            self._header += piece
            at += len(piece)
            if len(self._header) == _HEADER_BYTES:
                self._charge(self._header[3], bytes(self._header[5:]))
                self._header.clear()
        return at

    def _charge(self, kind: int, stream: bytes) -> None:
        """Take the cost of the frame whose header has come, and skip its payload."""
        self._skip = int.from_bytes(self._header[:3], "big")
        self.credit -= _COSTS.get(kind, 1.0)
        if kind == _HEADERS and len(self._begun) < _MAX_BEGUN:
            self._begun.add(stream)
        elif kind == _RST_STREAM:
            self._begun.discard(stream)
        elif kind == _DATA and self._skip >= _PREFIX_BYTES and stream in self._begun:
            self._begun.remove(stream)
            self.credit += _GIVEN_BACK
