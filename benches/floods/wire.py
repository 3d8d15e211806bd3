"""HTTP/2 frames by hand, for what no gRPC client would send: half-open streams, endless headers, pressed messages."""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import Iterator
from typing import NamedTuple

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
ACK = END_STREAM = 1
END_HEADERS = 4
MAX_FRAME = 16_384
WINDOW = 65_535
CHECK = "/envoy.service.auth.v3.Authorization/Check"
LIST_SESSIONS = "/fixauthz.v1.Admin/ListSessions"


class Frame(NamedTuple):
    """A frame as it was received."""

    kind: int
    flags: int
    stream: int
    payload: bytes


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """A frame on the wire."""
    return struct.pack(">I", len(payload))[1:] + bytes((kind, flags)) + struct.pack(">I", stream) + payload


def field(name: bytes, value: bytes) -> bytes:
    """A header field, without indexing (RFC 7541, 6.2.2)."""
    return b"\0" + _integer(len(name)) + name + _integer(len(value)) + value


def request_headers(path: str) -> bytes:
    """The header block of a gRPC call that says that its messages are compressed, which binds nobody."""
    named = {":method": "POST", ":scheme": "http", ":path": path, ":authority": "x", "te": "trailers"}
    named |= {"content-type": "application/grpc", "grpc-encoding": "gzip"}
    return b"".join(field(name.encode(), value.encode()) for name, value in named.items())


def message(body: bytes, *, compressed: bool = False) -> bytes:
    """A gRPC message with its prefix."""
    return bytes((compressed,)) + struct.pack(">I", len(body)) + body


def call(path: str, body: bytes, stream: int, *, compressed: bool = False) -> bytes:
    """The frames of a whole call."""
    framed = message(body, compressed=compressed)
    parts = [framed[start : start + MAX_FRAME] for start in range(0, len(framed), MAX_FRAME)]
    frames = [frame(HEADERS, END_HEADERS, stream, request_headers(path))]
    frames += [frame(DATA, END_STREAM * (part is parts[-1]), stream, part) for part in parts]
    return b"".join(frames)


class Connection:
    """A client's connection to a socket: a path, or `host:port`, there with TLS where `tls` says so."""

    def __init__(self, address: str, *, tls: bool = False, timeout_s: float = 5.0) -> None:
        """Connect, and send the preface."""
        self.socket = dial(address, timeout_s)
        if tls:
            self.socket = _context().wrap_socket(self.socket)
        self._received = b""
        self.next_stream = 1
        self.socket.sendall(PREFACE + frame(SETTINGS, 0, 0) + frame(SETTINGS, ACK, 0))

    def send(self, data: bytes) -> None:
        """Put bytes on the wire."""
        self.socket.sendall(data)

    def stream(self) -> int:
        """A new stream's number."""
        self.next_stream += 2
        return self.next_stream - 2

    def frames(self) -> Iterator[Frame]:
        """Yield the frames that come, until the end; answer pings, and keep windows open. Raises `OSError`, also when
        none comes in time."""
        while True:
            while len(self._received) < 9 or len(self._received) < 9 + self._length():
                more = self.socket.recv(65_536)
                if not more:
                    return
                self._received += more
            end = 9 + self._length()
            found = Frame(
                self._received[3],
                self._received[4],
                int.from_bytes(self._received[5:9], "big"),
                self._received[9:end],
            )
            self._received = self._received[end:]
            if found.kind == PING and not found.flags & ACK:
                self.send(frame(PING, ACK, 0, found.payload))
            if found.kind == DATA and found.payload:
                self.send(frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", len(found.payload))))
            yield found

    def close(self) -> None:
        """Let go."""
        self.socket.close()

    def _length(self) -> int:
        return int.from_bytes(self._received[:3], "big")


def dial(address: str, timeout_s: float = 5.0) -> socket.socket:
    """Connect to a path or to `host:port`."""
    if address.startswith("/"):
        made = socket.socket(socket.AF_UNIX)
        made.settimeout(timeout_s)
        made.connect(address)
        return made
    host, _, port = address.rpartition(":")
    return socket.create_connection((host, int(port)), timeout_s)


def client_hello() -> bytes:
    """The first bytes of a TLS handshake."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    begun = _context().wrap_bio(incoming, outgoing)
    try:
        begun.do_handshake()
    except ssl.SSLWantReadError:
        return outgoing.read()
    raise AssertionError("a handshake without a peer")


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    return context


def _integer(number: int) -> bytes:
    """An integer of HPACK with a prefix of seven bits (RFC 7541, 5.1)."""
    if number < 127:
        return bytes((number,))
    encoded, number = bytearray((127,)), number - 127
    while number >= 128:
        encoded.append(number % 128 + 128)
        number //= 128
    encoded.append(number)
    return bytes(encoded)
