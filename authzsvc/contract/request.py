"""`CheckRequest` → `FixRequest` or `StockRequest`: parsed once, here, into types that cannot be wrong.

Direction, type and identity come from the `x-fix-…` headers, conditions from `raw_body`. A request without
`x-fix-event` comes from one of Envoy's stock filters. What no FIX proxy would send is a `ContractError`; a `report` is
read leniently, because it tells of messages that could not be read.

Invariants: no repr shows the token; no error quotes a value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from authzsvc.errors import ContractError, FieldsError
from authzsvc.fix.direction import Direction
from authzsvc.fix.fields import Fields
from authzsvc.policy.engine import CompIds

MAX_SEQ_NUM = 2**32 - 1
MAX_MSG_TYPE = 16
MAX_COMP_ID = 256

_BEARER = "bearer "
_NO_FIELDS = Fields(())


class Event(StrEnum):
    """What is asked: `x-fix-event`, or which stock filter asks."""

    LOGON = "logon"
    MESSAGE = "message"
    WATCH = "watch"
    REPORT = "report"
    CONNECTION = "connection"
    HTTP = "http"


_EVENTS = {event.value: event for event in (Event.LOGON, Event.MESSAGE, Event.WATCH, Event.REPORT)}
_DIRECTIONS = {direction.value: direction for direction in Direction}


@dataclass(frozen=True, slots=True)
class FixRequest:
    """A FIX message, and whose it is."""

    event: Event
    id: str
    """Unique for each request, as the proxy named it."""
    direction: Direction
    begin_string: str
    """8."""
    msg_type: str
    """35; may be empty on a report."""
    seq: int
    """34; 0 where a report has none."""
    poss_dup: bool
    """43 is Y."""
    sender: str
    """49, as it stands in the message."""
    target: str
    """56, as it stands in the message."""
    client: CompIds
    """The client's own ids: the sender's on an inbound message, the target's on an outbound one."""
    token: str | None = field(repr=False)
    """The session's access token."""
    fields: Fields = field(repr=False)
    """Body fields, in the message's own order."""
    address: str
    """The client's address and port."""
    principal: str
    """The name in the client's certificate."""
    context: Mapping[str, str]
    """What the proxy's configuration says of the listener."""
    report: str = ""
    """On a report: its kind and words."""


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
    headers = dict(http.headers)
    event = headers.get("x-fix-event")
    if event is None:
        return _stock(attributes)
    if event == Event.REPORT:
        return _read_leniently(attributes, http, headers, Event.REPORT)
    return _message(attributes, http, headers)


def glimpse(check: Any) -> FixRequest:  # noqa: ANN401
    """What can be read of a request that `parse` refused, for the audit; nothing is decided on it."""
    http = check.attributes.request.http
    headers = dict(http.headers)
    event = _EVENTS.get(headers.get("x-fix-event", ""), Event.MESSAGE)
    return _read_leniently(check.attributes, http, headers, event)


def _stock(attributes: Any) -> StockRequest:  # noqa: ANN401
    event = Event.HTTP if attributes.request.HasField("http") else Event.CONNECTION
    http_id = attributes.request.http.id
    source = attributes.source
    return StockRequest(event, http_id, _address(source), source.principal, dict(attributes.context_extensions))


def _message(attributes: Any, http: Any, headers: dict[str, str]) -> FixRequest:  # noqa: ANN401
    """A `logon` or a `message`: everything must be there and in order."""
    event = _EVENTS.get(headers["x-fix-event"])
    direction = _DIRECTIONS.get(headers.get("x-fix-direction", ""))
    if event is None or event is Event.WATCH:
        raise ContractError("`x-fix-event` is none that is answered; send `logon`, `message` or `report`")
    if direction is None:
        raise ContractError("`x-fix-direction` is neither `inbound` nor `outbound`")
    msg_type = _msg_type(headers)
    if event is Event.LOGON and (msg_type != "A" or direction is not Direction.INBOUND):
        raise ContractError("a `logon` event is about an inbound Logon (35=A) and nothing else")
    sender = _comp_id(headers, "x-fix-sender-comp-id")
    target = _comp_id(headers, "x-fix-target-comp-id")
    source = attributes.source
    return FixRequest(
        event=event,
        id=http.id,
        direction=direction,
        begin_string=headers.get("x-fix-begin-string", ""),
        msg_type=msg_type,
        seq=_seq_num(headers),
        poss_dup=_poss_dup(headers),
        sender=sender,
        target=target,
        client=_client(direction, sender, target, headers),
        token=_bearer(headers),
        fields=_fields(http.raw_body),
        address=_address(source),
        principal=source.principal,
        context=dict(attributes.context_extensions),
    )


def _read_leniently(attributes: Any, http: Any, headers: dict[str, str], event: Event) -> FixRequest:  # noqa: ANN401
    """A `report`, or a request that will be refused: whatever is there."""
    direction = _DIRECTIONS.get(headers.get("x-fix-direction", ""), Direction.INBOUND)
    sender, target = headers.get("x-fix-sender-comp-id", ""), headers.get("x-fix-target-comp-id", "")
    kind, words = headers.get("x-fix-report", ""), headers.get("x-fix-reason", "")
    seq = headers.get("x-fix-msg-seq-num", "")
    source = attributes.source
    return FixRequest(
        event=event,
        id=http.id,
        direction=direction,
        begin_string=headers.get("x-fix-begin-string", ""),
        msg_type=headers.get("x-fix-msg-type", ""),
        seq=int(seq) if _is_seq_num(seq) else 0,
        poss_dup=headers.get("x-fix-poss-dup") == "Y",
        sender=sender,
        target=target,
        client=_client(direction, sender, target, headers),
        token=_bearer(headers),
        fields=_readable_fields(http.raw_body),
        address=_address(source),
        principal=source.principal,
        context=dict(attributes.context_extensions),
        report=": ".join(part for part in (kind, words) if part) or "no reason given",
    )


def _msg_type(headers: Mapping[str, str]) -> str:
    msg_type = headers.get("x-fix-msg-type", "")
    if not (0 < len(msg_type) <= MAX_MSG_TYPE and msg_type.isascii() and msg_type.isalnum()):
        raise ContractError(f"`x-fix-msg-type` is not 1 to {MAX_MSG_TYPE} letters and digits")
    return msg_type


def _comp_id(headers: Mapping[str, str], name: str) -> str:
    comp_id = headers.get(name, "")
    if not 0 < len(comp_id) <= MAX_COMP_ID:
        raise ContractError(f"`{name}` is not 1 to {MAX_COMP_ID} characters")
    return comp_id


def _seq_num(headers: Mapping[str, str]) -> int:
    text = headers.get("x-fix-msg-seq-num", "")
    if not _is_seq_num(text):
        raise ContractError(f"`x-fix-msg-seq-num` is not a number from 0 to {MAX_SEQ_NUM}")
    return int(text)


def _is_seq_num(text: str) -> bool:
    return 0 < len(text) <= 10 and text.isascii() and text.isdigit() and int(text) <= MAX_SEQ_NUM


def _poss_dup(headers: Mapping[str, str]) -> bool:
    value = headers.get("x-fix-poss-dup", "N")
    if value not in ("Y", "N"):
        raise ContractError("`x-fix-poss-dup` is neither `Y` nor `N`")
    return value == "Y"


def _client(direction: Direction, sender: str, target: str, headers: Mapping[str, str]) -> CompIds:
    get = headers.get
    if direction is Direction.INBOUND:
        return CompIds(
            sender,
            get("x-fix-sender-sub-id"),
            get("x-fix-sender-location-id"),
            get("x-fix-on-behalf-of-comp-id"),
        )
    return CompIds(target, get("x-fix-target-sub-id"), get("x-fix-target-location-id"), get("x-fix-deliver-to-comp-id"))


def _bearer(headers: Mapping[str, str]) -> str | None:
    """The token of `Authorization: Bearer …` (RFC 6750, 2.1; the scheme in any case); None when absent."""
    value = headers.get("authorization", "")
    if value[: len(_BEARER)].lower() != _BEARER:
        return None
    return value[len(_BEARER) :].strip() or None


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
