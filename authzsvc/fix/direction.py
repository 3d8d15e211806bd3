"""Which way a message travels."""

from __future__ import annotations

from authzsvc.word import Word


class Direction(Word):
    """Inbound is client to venue, outbound is venue to client."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"
