"""`CheckRequest` → `FixRequest` or `StockRequest`: parsed once, here, into types that cannot be wrong.

Direction, type and identity come from the `x-fix-…` headers, conditions from `raw_body`; where that holds several
messages, `batch` takes them apart. A request without `x-fix-event` comes from one of Envoy's stock filters. What no
FIX proxy would send is a `ContractError`; a `report` is read leniently, because it tells of messages that could not be
read.

Invariants: no repr shows a secret; no error quotes a value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from authzsvc.contract.party import Party, address, party, plain
from authzsvc.errors import ContractError, FieldsError
from authzsvc.fix.direction import Direction
from authzsvc.fix.fields import Fields
from authzsvc.policy.question import CompIds
from authzsvc.tokens.certificate import Certificate
from authzsvc.tokens.credential import Credential, read

MAX_SEQ_NUM = 2**32 - 1
MAX_MSG_TYPE = 16
MAX_ETAG = 256
MAX_MESSAGES = 4096
"""In a Check, whoever offered to judge them."""

_NO_FIELDS = Fields(())


class Event(StrEnum):
    """What is asked: `x-fix-event`, or which stock filter asks."""

    LOGON = "logon"
    MESSAGE = "message"
    WATCH = "watch"
    RENEWAL = "renewal"
    REPORT = "report"
    CONNECTION = "connection"
    HTTP = "http"


_EVENTS = {event.value: event for event in tuple(Event)[:5]}
_OWN = (
    "x-fix-event",
    "authorization",
    "x-fix-msg-type",
    "x-fix-msg-seq-num",
    "x-fix-poss-dup",
    "x-fix-batch",
    "x-fix-refresh",
    "x-fix-fresh-authorization",
    "if-none-match",
    "x-fix-report",
    "x-fix-reason",
)
"""Headers that are about a single request, or secret; all others are its party's."""


class FixRequest(NamedTuple):
    """A FIX message, and whose it is. (There is one for each message, and a named tuple is quick to make.)"""

    event: Event
    id: str
    """Unique for each request, as the proxy named it."""
    msg_type: str
    """35; empty on a watch, and may be on a report."""
    seq: int
    """34; 0 where there is none."""
    poss_dup: bool
    """43 is Y."""
    fields: Fields
    """Body fields, in the message's own order."""
    party: Party
    credential: Credential | None
    """What the session proved itself with."""
    fresh: Credential | None = None
    """On a renewal: what the session wants to go on with."""
    etag: str = ""
    """On a watch: what the proxy knows already."""
    report: str = ""
    """On a report: its kind and words."""
    refresh: bool = False
    """A message that has passed already by a decision at hand: the proxy asks whether that goes on to hold."""
    messages: int = 1
    """How many it is about; beyond one `fields` is of all of them, and all else of the first."""

    def __repr__(self) -> str:
        """All but the fields, which may hold a secret."""
        shown = (f"{name}={value!r}" for name, value in zip(self._fields, self, strict=True) if name != "fields")
        return f"FixRequest({', '.join(shown)})"

    @property
    def direction(self) -> Direction:
        """Who sent it."""
        return self.party.direction

    @property
    def client(self) -> CompIds:
        """The client's own ids."""
        return self.party.client

    @property
    def session(self) -> str:
        """The connection's own name; empty from a proxy that does not name it."""
        return self.party.session

    @property
    def certificate(self) -> Certificate:
        """What the client's certificate says."""
        return self.party.certificate

    @property
    def address(self) -> str:
        """The client's address and port."""
        return self.party.address

    @property
    def principal(self) -> str:
        """The name in the client's certificate."""
        return self.party.principal

    @property
    def context(self) -> Mapping[str, str]:
        """What the proxy's configuration says of the listener."""
        return self.party.context


@dataclass(frozen=True, slots=True)
class StockRequest:
    """A question of one of Envoy's own filters: an HTTP request, or a connection without any FIX."""

    event: Event
    """`http` or `connection`."""
    id: str
    address: str
    principal: str
    context: Mapping[str, str]


def parse(check: Any) -> FixRequest | StockRequest:  # noqa: ANN401 (the stubs of xds-protos carry no types)
    """Read a `CheckRequest`. Raises `ContractError`."""
    attributes = check.attributes
    own, common = _headers(attributes)
    event = own.get("x-fix-event")
    if event is None:
        return _stock(attributes)
    whose = party(common, attributes)
    if event == Event.REPORT:
        return _read_leniently(attributes.request.http, own, whose, Event.REPORT)
    return _message(attributes.request.http, own, whose)


def glimpse(check: Any) -> FixRequest:  # noqa: ANN401
    """What can be read of a request that `parse` refused, for the audit; nothing is decided on it."""
    attributes = check.attributes
    own, common = _headers(attributes)
    event = _EVENTS.get(own.get("x-fix-event", ""), Event.MESSAGE)
    return _read_leniently(attributes.request.http, own, party(common, attributes), event)


def _headers(attributes: Any) -> tuple[dict[str, str], dict[str, str]]:  # noqa: ANN401
    """Those that are about this request alone, and those that are its party's."""
    headers = plain(attributes.request.http.headers)
    return {name: headers.pop(name) for name in _OWN if name in headers}, headers


def _stock(attributes: Any) -> StockRequest:  # noqa: ANN401
    event = Event.HTTP if attributes.request.HasField("http") else Event.CONNECTION
    source = attributes.source
    context = plain(attributes.context_extensions)
    return StockRequest(event, attributes.request.http.id, address(source), source.principal, context)


def _message(http: Any, own: Mapping[str, str], whose: Party) -> FixRequest:  # noqa: ANN401
    """A `logon`, `message`, `renewal` or `watch`: everything must be there and in order."""
    event = _EVENTS.get(own["x-fix-event"])
    if event is None:
        raise ContractError("`x-fix-event` is none that is answered; send `logon`, `message`, `renewal` or `watch`")
    if whose.fault:
        raise ContractError(whose.fault)
    credential = read(own.get("authorization", ""))
    if event is Event.WATCH:
        return FixRequest(event, http.id, "", 0, False, _NO_FIELDS, whose, credential, etag=_watched(own, whose))
    msg_type = _msg_type(own)
    if event is Event.LOGON and (msg_type != "A" or whose.direction is not Direction.INBOUND):
        raise ContractError("a `logon` event is about an inbound Logon (35=A) and nothing else")
    return FixRequest(
        event,
        http.id,
        msg_type,
        _seq_num(own),
        _flag(own, "x-fix-poss-dup"),
        _fields(http.raw_body),
        whose,
        credential,
        fresh=_fresh(own, whose) if event is Event.RENEWAL else None,
        refresh=event is Event.MESSAGE and _flag(own, "x-fix-refresh"),
        messages=_messages(own, event) if "x-fix-batch" in own else 1,
    )


def _read_leniently(http: Any, own: Mapping[str, str], whose: Party, event: Event) -> FixRequest:  # noqa: ANN401
    """A `report`, or a request that will be refused: whatever is there."""
    kind, words = own.get("x-fix-report", ""), own.get("x-fix-reason", "")
    seq = own.get("x-fix-msg-seq-num", "")
    return FixRequest(
        event,
        http.id,
        own.get("x-fix-msg-type", ""),
        int(seq) if is_number(seq) else 0,
        own.get("x-fix-poss-dup") == "Y",
        _readable_fields(http.raw_body),
        whose,
        read(own.get("authorization", "")),
        report=": ".join(part for part in (kind, words) if part) or "no reason given",
        refresh=event is Event.MESSAGE and own.get("x-fix-refresh") == "Y",
    )


def _messages(headers: Mapping[str, str], event: Event) -> int:
    """How many messages a Check is about that says so."""
    text = headers["x-fix-batch"]
    if event is not Event.MESSAGE or "x-fix-refresh" in headers:
        raise ContractError("`x-fix-batch` is for messages that wait for their answers")
    if not (is_number(text) and 1 < int(text) <= MAX_MESSAGES):
        raise ContractError(f"`x-fix-batch` is not a number from 2 to {MAX_MESSAGES}")
    return int(text)


def _watched(own: Mapping[str, str], whose: Party) -> str:
    """The entity tag that the proxy knows (RFC 9110, 13.1.2); a watch belongs to a session that has a name."""
    if not whose.session:
        raise ContractError("a `watch` has no `x-fix-session`, or one that is no name")
    return own.get("if-none-match", "")[:MAX_ETAG]


def _fresh(own: Mapping[str, str], whose: Party) -> Credential:
    fresh = read(own.get("x-fix-fresh-authorization", ""))
    if fresh is None or whose.direction is not Direction.INBOUND:
        raise ContractError("a `renewal` is inbound, and has a credential in `x-fix-fresh-authorization`")
    return fresh


def _msg_type(headers: Mapping[str, str]) -> str:
    msg_type = headers.get("x-fix-msg-type", "")
    if not is_msg_type(msg_type):
        raise ContractError(f"`x-fix-msg-type` is not 1 to {MAX_MSG_TYPE} letters and digits")
    return msg_type


def _seq_num(headers: Mapping[str, str]) -> int:
    text = headers.get("x-fix-msg-seq-num", "")
    if not is_number(text):
        raise ContractError(f"`x-fix-msg-seq-num` is not a number from 0 to {MAX_SEQ_NUM}")
    return int(text)


def is_msg_type(text: str) -> bool:
    """Whether it can be a MsgType (35)."""
    return 0 < len(text) <= MAX_MSG_TYPE and text.isascii() and text.isalnum()


def is_number(text: str) -> bool:
    """Whether it can be a MsgSeqNum (34)."""
    return 0 < len(text) <= 10 and text.isascii() and text.isdigit() and int(text) <= MAX_SEQ_NUM


def _flag(headers: Mapping[str, str], name: str) -> bool:
    value = headers.get(name, "N")
    if value not in ("Y", "N"):
        raise ContractError(f"`{name}` is neither `Y` nor `N`")
    return value == "Y"


def _fields(raw_body: bytes) -> Fields:
    if not raw_body:
        return _NO_FIELDS
    try:
        return Fields.parse(raw_body)
    except FieldsError as error:
        raise ContractError(f"`raw_body` cannot be read: {error}") from None


def _readable_fields(raw_body: bytes) -> Fields:
    try:
        return _fields(raw_body)
    except ContractError:
        return _NO_FIELDS
