"""`CheckRequest` → `FixRequest` or `StockRequest`: parsed once, here, into types that cannot be wrong.

Direction, type and identity come from the `x-fix-…` headers, conditions from `raw_body`; where that holds several
messages, `batch` takes them apart. A request without `x-fix-event` comes from one of Envoy's stock filters. What no FIX
proxy would send is a `ContractError`; a `report` is read leniently, because it tells of messages that could not be read.

Invariants: no repr shows a secret; no error quotes a value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from authzsvc.errors import ContractError, FieldsError
from authzsvc.fix.direction import Direction
from authzsvc.fix.fields import Fields
from authzsvc.policy.engine import CompIds
from authzsvc.tokens.certificate import NO_CERTIFICATE, Certificate
from authzsvc.tokens.credential import Credential, read

MAX_SEQ_NUM = 2**32 - 1
MAX_MSG_TYPE = 16
MAX_COMP_ID = 256
MAX_ETAG = 256
MAX_MESSAGES = 4096
"""In a Check, whoever offered to judge them."""

_SESSION = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
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
_DIRECTIONS = {direction.value: direction for direction in Direction}


class FixRequest(NamedTuple):
    """A FIX message, and whose it is. (There is one for each message, and a named tuple is quick to make.)"""

    event: Event
    id: str
    """Unique for each request, as the proxy named it."""
    direction: Direction
    begin_string: str
    """8."""
    msg_type: str
    """35; empty on a watch, and may be on a report."""
    seq: int
    """34; 0 where there is none."""
    poss_dup: bool
    """43 is Y."""
    sender: str
    """49, as it stands in the message."""
    target: str
    """56, as it stands in the message."""
    client: CompIds
    """The client's own ids: the sender's on an inbound message, the target's on an outbound one."""
    credential: Credential | None
    """What the session proved itself with."""
    fields: Fields
    """Body fields, in the message's own order."""
    address: str
    """The client's address and port."""
    principal: str
    """The name in the client's certificate."""
    context: Mapping[str, str]
    """What the proxy's configuration says of the listener."""
    target_sub: str = ""
    """57."""
    target_location: str = ""
    """143."""
    session: str = ""
    """The connection's own name, unguessable; empty from a proxy that does not name it."""
    certificate: Certificate = NO_CERTIFICATE
    """What the client's certificate says."""
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
    http = attributes.request.http
    headers = _plain(http.headers)
    event = headers.get("x-fix-event")
    if event is None:
        return _stock(attributes)
    if event == Event.REPORT:
        return _read_leniently(attributes, http, headers, Event.REPORT)
    return _message(attributes, http, headers)


def glimpse(check: Any) -> FixRequest:  # noqa: ANN401
    """What can be read of a request that `parse` refused, for the audit; nothing is decided on it."""
    http = check.attributes.request.http
    headers = _plain(http.headers)
    event = _EVENTS.get(headers.get("x-fix-event", ""), Event.MESSAGE)
    return _read_leniently(check.attributes, http, headers, event)


def _plain(entries: Any) -> dict[str, str]:  # noqa: ANN401
    """The entries of a protobuf map; `dict` would take them one by one through Python."""
    return {name: entries[name] for name in entries}


def _stock(attributes: Any) -> StockRequest:  # noqa: ANN401
    event = Event.HTTP if attributes.request.HasField("http") else Event.CONNECTION
    http_id = attributes.request.http.id
    source = attributes.source
    return StockRequest(event, http_id, _address(source), source.principal, _plain(attributes.context_extensions))


def _message(attributes: Any, http: Any, headers: dict[str, str]) -> FixRequest:  # noqa: ANN401
    """A `logon`, `message`, `renewal` or `watch`: everything must be there and in order."""
    event = _EVENTS.get(headers["x-fix-event"])
    direction = _DIRECTIONS.get(headers.get("x-fix-direction", ""))
    if event is None:
        raise ContractError("`x-fix-event` is none that is answered; send `logon`, `message`, `renewal` or `watch`")
    if direction is None:
        raise ContractError("`x-fix-direction` is neither `inbound` nor `outbound`")
    _comp_id(headers, "x-fix-sender-comp-id")
    _comp_id(headers, "x-fix-target-comp-id")
    if event is Event.WATCH:
        return _filled(attributes, http, headers, event, direction, etag=_watched(headers))
    msg_type = _msg_type(headers)
    if event is Event.LOGON and (msg_type != "A" or direction is not Direction.INBOUND):
        raise ContractError("a `logon` event is about an inbound Logon (35=A) and nothing else")
    return _filled(
        attributes,
        http,
        headers,
        event,
        direction,
        msg_type=msg_type,
        seq=_seq_num(headers),
        poss_dup=_flag(headers, "x-fix-poss-dup"),
        fields=_fields(http.raw_body),
        fresh=_fresh(headers, direction) if event is Event.RENEWAL else None,
        refresh=event is Event.MESSAGE and _flag(headers, "x-fix-refresh"),
        messages=_messages(headers, event) if "x-fix-batch" in headers else 1,
    )


def _read_leniently(attributes: Any, http: Any, headers: dict[str, str], event: Event) -> FixRequest:  # noqa: ANN401
    """A `report`, or a request that will be refused: whatever is there."""
    kind, words = headers.get("x-fix-report", ""), headers.get("x-fix-reason", "")
    seq = headers.get("x-fix-msg-seq-num", "")
    return _filled(
        attributes,
        http,
        headers,
        event,
        _DIRECTIONS.get(headers.get("x-fix-direction", ""), Direction.INBOUND),
        msg_type=headers.get("x-fix-msg-type", ""),
        seq=int(seq) if is_number(seq) else 0,
        poss_dup=headers.get("x-fix-poss-dup") == "Y",
        fields=_readable_fields(http.raw_body),
        report=": ".join(part for part in (kind, words) if part) or "no reason given",
        refresh=event is Event.MESSAGE and headers.get("x-fix-refresh") == "Y",
    )


def _filled(
    attributes: Any,  # noqa: ANN401
    http: Any,  # noqa: ANN401
    headers: dict[str, str],
    event: Event,
    direction: Direction,
    *,
    msg_type: str = "",
    seq: int = 0,
    poss_dup: bool = False,
    fields: Fields = _NO_FIELDS,
    fresh: Credential | None = None,
    etag: str = "",
    report: str = "",
    refresh: bool = False,
    messages: int = 1,
) -> FixRequest:
    """What was read of the message, and what is taken as it stands."""
    get = headers.get
    sender, target = get("x-fix-sender-comp-id", ""), get("x-fix-target-comp-id", "")
    session = get("x-fix-session", "")
    source = attributes.source
    return FixRequest(
        event=event,
        id=http.id,
        direction=direction,
        begin_string=get("x-fix-begin-string", ""),
        msg_type=msg_type,
        seq=seq,
        poss_dup=poss_dup,
        sender=sender,
        target=target,
        client=_client(direction, sender, target, headers),
        credential=read(get("authorization", "")),
        fields=fields,
        address=_address(source),
        principal=source.principal,
        context=_plain(attributes.context_extensions),
        target_sub=get("x-fix-target-sub-id", ""),
        target_location=get("x-fix-target-location-id", ""),
        session=session if _SESSION.fullmatch(session) else "",
        certificate=_certificate(headers),
        fresh=fresh,
        etag=etag,
        report=report,
        refresh=refresh,
        messages=messages,
    )


def _messages(headers: Mapping[str, str], event: Event) -> int:
    """How many messages a Check is about that says so."""
    text = headers["x-fix-batch"]
    if event is not Event.MESSAGE or "x-fix-refresh" in headers:
        raise ContractError("`x-fix-batch` is for messages that wait for their answers")
    if not (is_number(text) and 1 < int(text) <= MAX_MESSAGES):
        raise ContractError(f"`x-fix-batch` is not a number from 2 to {MAX_MESSAGES}")
    return int(text)


def _watched(headers: Mapping[str, str]) -> str:
    """The entity tag that the proxy knows (RFC 9110, 13.1.2); a watch belongs to a session that has a name."""
    if not _SESSION.fullmatch(headers.get("x-fix-session", "")):
        raise ContractError("a `watch` has no `x-fix-session`, or one that is no name")
    return headers.get("if-none-match", "")[:MAX_ETAG]


def _fresh(headers: Mapping[str, str], direction: Direction) -> Credential:
    fresh = read(headers.get("x-fix-fresh-authorization", ""))
    if fresh is None or direction is not Direction.INBOUND:
        raise ContractError("a `renewal` is inbound, and has a credential in `x-fix-fresh-authorization`")
    return fresh


def _certificate(headers: Mapping[str, str]) -> Certificate:
    """What the proxy saw of the client's certificate; a digest that is none counts as absent."""
    get = headers.get
    digest = get("x-fix-certificate-sha256", "")
    if not digest:
        return NO_CERTIFICATE
    return Certificate(
        sha256=digest if _DIGEST.fullmatch(digest) else "",
        uris=tuple(filter(None, get("x-fix-certificate-uri-sans", "").split(","))),
        dns=tuple(filter(None, get("x-fix-certificate-dns-sans", "").split(","))),
        subject=get("x-fix-certificate-subject", ""),
    )


def _msg_type(headers: Mapping[str, str]) -> str:
    msg_type = headers.get("x-fix-msg-type", "")
    if not is_msg_type(msg_type):
        raise ContractError(f"`x-fix-msg-type` is not 1 to {MAX_MSG_TYPE} letters and digits")
    return msg_type


def _comp_id(headers: Mapping[str, str], name: str) -> None:
    if not 0 < len(headers.get(name, "")) <= MAX_COMP_ID:
        raise ContractError(f"`{name}` is not 1 to {MAX_COMP_ID} characters")


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


def _client(direction: Direction, sender: str, target: str, headers: Mapping[str, str]) -> CompIds:
    get = headers.get
    if direction is Direction.INBOUND:
        return CompIds(
            sender,
            get("x-fix-sender-sub-id"),
            get("x-fix-sender-location-id"),
            get("x-fix-on-behalf-of-comp-id"),
            target,
        )
    return CompIds(
        target,
        get("x-fix-target-sub-id"),
        get("x-fix-target-location-id"),
        get("x-fix-deliver-to-comp-id"),
        sender,
    )


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


def _address(source: Any) -> str:  # noqa: ANN401
    socket = source.address.socket_address
    if socket.address:
        return f"{socket.address}:{socket.port_value}"
    return str(source.address.pipe.path)
