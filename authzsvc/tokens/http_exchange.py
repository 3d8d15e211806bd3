"""`HttpExchange`: the bytes of one HTTP/1.1 request, and of exactly one answer to it. Pure.

h11 frames the body (RFC 9112, 6 and 7). Before h11 reads the head, stricter rules apply to it, because if two readers
frame an answer differently, a part of it may become another answer. Refused are a length that occurs twice or together
with a transfer coding, a transfer coding in HTTP/1.0, lines that do not end in CR LF, and interim answers (1xx), which
this client never asks for.

Invariant: an answer is returned only once it has come whole, and only if no byte after it has come so far.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import h11

from authzsvc.errors import HttpError

MAX_BODY_BYTES = 1_000_000
"""A key set of 1,000 keys is a third of it."""
MAX_HEAD_BYTES = 65_536

_END = b"\r\n\r\n"
_HEAD = re.compile(rb"HTTP/1\.[01] [2-5]\d\d(?: [^\r\n\0]*)?(?:\r\n[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\r\n\0]*)*\r\n\r\n")
_INTERIM = re.compile(rb"HTTP/1\.[01] 1\d\d[ \r]")
_FRAMING = re.compile(rb"\r\n(content-length|transfer-encoding):[ \t]*([^\r]*?)[ \t]*(?=\r)", re.IGNORECASE)
_LENGTH = re.compile(rb"\d{1,10}")
_NO_HTTP = "did not answer in HTTP/1.1"


@dataclass(frozen=True, slots=True)
class Answer:
    """A server's answer, of any status."""

    status: int
    headers: Mapping[str, str]
    """The headers by lower-case name. The values of a repeated header are joined by commas."""
    body: bytes = field(repr=False)


class HttpExchange:
    """One request, and a reader for the bytes of its answer."""

    def __init__(self, method: str, host: str, target: str, headers: Mapping[str, str], body: bytes = b"") -> None:
        """The request asks the server to close the connection after the answer. Raises `ValueError` if a header or the
        target cannot be sent."""
        length = {"content-length": str(len(body))} if body else {}
        sent = {"host": host, "connection": "close", **headers, **length}
        self._wire = h11.Connection(h11.CLIENT, MAX_HEAD_BYTES)
        try:
            parts = [
                self._wire.send(h11.Request(method=method, target=target, headers=[*sent.items()])),
                self._wire.send(h11.Data(data=body)),
                self._wire.send(h11.EndOfMessage()),
            ]
        except h11.ProtocolError:
            raise ValueError("a header or the target cannot be sent") from None
        self.request = b"".join(part or b"" for part in parts)
        """The bytes to send."""
        self._head: bytearray | None = bytearray()
        self._answered = h11.Response(status_code=200, headers=[])
        self._body = bytearray()

    def feed(self, data: bytes) -> Answer | None:
        """Takes bytes of the answer, or no bytes at the connection's end. Returns the answer once it is whole, and None
        before. Raises `HttpError`, whose text follows the host's name, if the answer must not be used."""
        if self._head is None:
            return self._read_body(data)
        if not data:
            raise HttpError("closed the connection without an answer")
        searched = max(0, len(self._head) - len(_END))
        self._head += data
        end = self._head.find(_END, searched)
        if max(end, len(self._head) if end < 0 else 0) > MAX_HEAD_BYTES:
            raise HttpError(f"answered with more than {MAX_HEAD_BYTES} bytes of headers")
        if end < 0:
            return None
        head, rest = bytes(self._head[: end + len(_END)]), bytes(self._head[end + len(_END) :])
        self._head = None
        self._read_head(head)
        return self._read_body(rest) if rest else self._whole()

    def _read_head(self, head: bytes) -> None:
        _check_head(head)
        self._wire.receive_data(head)
        event = self._next()
        if not isinstance(event, h11.Response):
            raise HttpError(_NO_HTTP)
        if dict(event.headers).get(b"content-encoding", b"identity") != b"identity":
            raise HttpError("compressed its answer unasked")
        self._answered = event

    def _read_body(self, data: bytes) -> Answer | None:
        self._wire.receive_data(data)
        found = self._whole()
        if found is None and not data:
            raise HttpError("closed the connection within its answer")
        return found

    def _whole(self) -> Answer | None:
        """Returns the answer once h11 has read all of its body."""
        while not isinstance(event := self._next(), h11.EndOfMessage):
            if not isinstance(event, h11.Data):
                return None
            self._body += event.data
            if len(self._body) > MAX_BODY_BYTES:
                raise HttpError(f"answered more than {MAX_BODY_BYTES} bytes")
        if self._wire.trailing_data[0]:
            raise HttpError("sent more than its answer")
        return Answer(self._answered.status_code, _texts(list(self._answered.headers)), bytes(self._body))

    def _next(self) -> object:
        try:
            return self._wire.next_event()
        except h11.ProtocolError:
            raise HttpError(_NO_HTTP) from None


def _check_head(head: bytes) -> None:
    """Raises `HttpError` if two readers could frame the body after this head differently."""
    if _INTERIM.match(head):
        raise HttpError("sent an interim answer (1xx) that nobody asked for")
    if not _HEAD.fullmatch(head):
        raise HttpError(_NO_HTTP)
    framing = [(name.lower(), value) for name, value in _FRAMING.findall(head)]
    if len(framing) > 1:
        raise HttpError("framed its answer more than once (Content-Length, Transfer-Encoding)")
    for name, value in framing:
        if name == b"content-length" and not _LENGTH.fullmatch(value):
            raise HttpError("framed its answer by a Content-Length that is no number")
        if name == b"transfer-encoding" and head.startswith(b"HTTP/1.0"):
            raise HttpError("framed an answer of HTTP/1.0 by a Transfer-Encoding")


def _texts(headers: Sequence[tuple[bytes, bytes]]) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for name, value in ((name.decode("ascii"), value.decode("latin-1")) for name, value in headers):
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found
