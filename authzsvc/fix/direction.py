"""Which way a message travels."""

from __future__ import annotations

from enum import StrEnum


class Direction(StrEnum):
    """Inbound is client to venue, outbound is venue to client."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"
