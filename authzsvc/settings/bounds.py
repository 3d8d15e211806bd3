"""Bounds of a listener for peers that have not proved who they are: connections, streams, headers, messages, time."""

from __future__ import annotations

from pydantic import Field

from authzsvc.settings.words import Section

MIB = 1024 * 1024


class GrpcBounds(Section):
    """The bounds of each gRPC socket. The defaults here are those of the decision listeners."""

    connections: int = Field(default=64, ge=1, le=65_536)
    """Open connections. A further one takes the place of the oldest that is still in its handshakes, or is closed."""
    connections_per_s: float = Field(default=100.0, gt=0, le=100_000)
    """Connections that a TCP socket accepts in a second; further ones wait in the kernel's queue."""
    front: bool = True
    """Whether a process of its own accepts the connections of a TCP socket, so that they hold up nothing else."""
    streams: int = Field(default=512, ge=1, le=1_000_000)
    """Open streams of one connection. Envoy holds one for each live session, on as many connections as it needs."""
    half_open: int = Field(default=256, ge=1, le=1_000_000)
    """Streams that the service has taken up and whose first message has not come; with one more, the oldest is
    ended."""
    lasting: int = Field(default=1_024, ge=1, le=1_000_000)
    """Streams that go on after their first message: access logs, health watches, reflection."""
    header_bytes: int = Field(default=16_384, ge=1_024, le=1_048_576)
    """Bytes of the names and values of a request's headers together."""
    message_bytes: int = Field(default=4 * MIB, ge=1_024, le=64 * MIB)
    """Bytes of a message."""
    memory_mib: int = Field(default=1_024, ge=64, le=1_048_576)
    """While the service's memory is above this, half-open streams are ended at once."""
    first_message_s: float = Field(default=5.0, gt=0, le=3_600)
    """From a stream's headers to the end of its first message."""
    handshake_s: float = Field(default=5.0, ge=0.1, le=3_600)
    """From a connection's first byte to the end of its TLS and HTTP/2 handshakes."""


class AdminBounds(GrpcBounds):
    """Operators are few, and ask little."""

    connections: int = Field(default=32, ge=1, le=65_536)
    connections_per_s: float = Field(default=20.0, gt=0, le=100_000)
    streams: int = Field(default=16, ge=1, le=1_000_000)
    half_open: int = Field(default=32, ge=1, le=1_000_000)
    lasting: int = Field(default=16, ge=1, le=1_000_000)
    message_bytes: int = Field(default=256 * 1024, ge=1_024, le=64 * MIB)


class HttpBounds(Section):
    """The bounds of the metrics listener."""

    connections: int = Field(default=16, ge=1, le=65_536)
    """Open connections; with one more, the oldest of them is closed."""
    connections_per_s: float = Field(default=200.0, gt=0, le=100_000)
    """Connections that are accepted in a second; further ones wait in the kernel's queue."""
    header_bytes: int = Field(default=8_192, ge=256, le=1_048_576)
    """Bytes of the request line and the headers together."""
    request_s: float = Field(default=5.0, gt=0, le=3_600)
    """From a connection's beginning to the end of its answer."""
