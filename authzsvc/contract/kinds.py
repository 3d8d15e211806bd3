"""`Kinds`: what Checks about messages of one kind have in common, read once and remembered for a while.

A proxy may write a request in two parts (proto/README.md, "In two parts"): the first is byte for byte the same for all
messages of a session, direction and MsgType, the second says what is a message's own. Then most of a request has been
read before, and only the second part is left to read.

Invariants: what is read so is what `parse` makes of the whole; in any doubt nothing is, and the whole is to be read. A
first part holds a credential, so it is forgotten soon after the last message that began with it.
"""

from __future__ import annotations

from envoy.service.auth.v3.external_auth_pb2 import CheckRequest
from google.protobuf.message import DecodeError

from authzsvc.contract.reading import is_common, own_part
from authzsvc.contract.request import Event, FixRequest, StockRequest
from authzsvc.errors import ContractError
from authzsvc.fix.fields import Fields

MAX_BYTES = 16 * 1024 * 1024
"""What is remembered comes to about so much at most, and to twice that while the older half awaits its end: a client
chooses some of a first part's words, and may send others with each message."""

_KIND_BYTES = 2048
"""What a kind takes besides its first part."""
_NO_FIELDS = Fields(())
_ATTRIBUTES = 0x0A
"""How a `CheckRequest` begins: field 1, `attributes`, with a length."""
_SECOND_BYTE = 0x80
"""What a length's first byte has beyond its own seven bits where a second one follows."""


class Kinds:
    """Reads requests whose first part is known."""

    def __init__(self) -> None:
        """Nothing is known yet."""
        self._recent: dict[bytes, FixRequest] = {}
        self._room = MAX_BYTES
        self._earlier: dict[bytes, FixRequest] = {}

    def read(self, raw: bytes) -> FixRequest | None:
        """The request in `raw`, a serialized `CheckRequest`; None where the whole of it must be read."""
        kind = self.kind_of(raw)
        if kind is None:
            return None
        try:
            return own_part(kind, CheckRequest.FromString(raw[_first_part(raw) :]))
        except (ContractError, DecodeError):
            return None

    def kind_of(self, raw: bytes) -> FixRequest | None:
        """Returns the part that the request in `raw` shares with others of its kind, or None if the kind is not
        known."""
        first = raw[: _first_part(raw)]
        return self._recent.get(first) or self._known_earlier(first)

    def note(self, raw: bytes, request: FixRequest | StockRequest) -> None:
        """Remember what `request`, which is `raw` as a whole, has in common with others that begin alike."""
        end = _first_part(raw)
        if not end or not isinstance(request, FixRequest) or request.event is not Event.MESSAGE:
            return
        first, own = raw[:end], CheckRequest.FromString(raw[end:])
        if is_common(CheckRequest.FromString(first)) and own_part(request, own) is not None:
            self._remember(first, request._replace(id="", seq=0, fields=_NO_FIELDS, messages=1))

    def forget(self) -> None:
        """Called now and then: forget the kinds that nobody has asked about since the call before the last one."""
        self._earlier, self._recent, self._room = self._recent, {}, MAX_BYTES

    def _known_earlier(self, first: bytes) -> FixRequest | None:
        kind = self._earlier.get(first)
        if kind is not None:
            self._remember(first, kind)
        return kind

    def _remember(self, first: bytes, kind: FixRequest) -> None:
        takes = len(first) + _KIND_BYTES
        if self._room < takes:
            self.forget()
        self._room -= takes
        self._recent[first] = kind


def own_size(raw: bytes) -> int:
    """Returns how many bytes of a request come after its first part."""
    return len(raw) - _first_part(raw)


def _first_part(raw: bytes) -> int:
    """Where a request's first `attributes` end; 0 where nothing follows, or they are longer than two bytes tell."""
    if len(raw) < 3 or raw[0] != _ATTRIBUTES:
        return 0
    end = 2 + raw[1]
    if raw[1] >= _SECOND_BYTE:
        end += 1 - _SECOND_BYTE + (raw[2] << 7)
        if raw[2] >= _SECOND_BYTE:
            return 0
    return end if end < len(raw) else 0
