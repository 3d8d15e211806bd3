"""`CheckRequest` → `FixRequest` or `StockRequest`: parsed once, here, into types that cannot be wrong.

Direction, type and identity come from the `x-fix-…` headers, conditions from `raw_body`; where that holds several
messages, `batch` takes them apart. A request without `x-fix-event` comes from one of Envoy's stock filters. What no
FIX proxy would send is a `ContractError`; a `report` is read leniently, because it tells of messages that could not be
read.

Nobody has proven anything yet when a request is read, so more headers, facts or fields than any proxy needs are refused
before they cost anything; `size` does the same for their length.

Invariant: no error quotes a value.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_to_bytes

from envoy.service.auth.v3.external_auth_pb2 import CheckRequest

from authzsvc.contract.party import Party, address, party, plain
from authzsvc.contract.request import Event, FixRequest, StockRequest
from authzsvc.errors import ContractError, FieldsError
from authzsvc.fix.direction import Direction
from authzsvc.fix.fields import SOH, Fields
from authzsvc.tokens.certificate import from_pem
from authzsvc.tokens.credential import Credential, read

MAX_SEQ_NUM = 2**63 - 1
MAX_MSG_TYPE = 16
MAX_ETAG = 256
MAX_TERMS = 64
MAX_MESSAGES = 4096
"""The most messages in a Check."""
MAX_HEADERS = 1024
"""The most headers of a request, and the most entries of `context_extensions`."""
MAX_FIELDS = 131_072
"""The most fields of all messages of a Check together."""
MAX_ID = 256
"""The most characters of a request's id in the audit, for a request that is denied because of its size."""

_NO_FIELDS = Fields(())

_EVENTS = {event.value: event for event in tuple(Event)[:5]}
_SEQ_NUM, _BATCH = "x-fix-msg-seq-num", "x-fix-batch"
_OWN = (
    "x-fix-event",
    "authorization",
    "x-fix-msg-type",
    _SEQ_NUM,
    "x-fix-poss-dup",
    _BATCH,
    "x-fix-refresh",
    "x-fix-fresh-authorization",
    "if-none-match",
    "x-fix-report",
    "x-fix-reason",
    "x-fix-terms",
    "x-fix-revision",
    "prefer",
)
"""Headers that are about a single request, or secret; all others are its party's."""


def parse(check: Any) -> FixRequest | StockRequest:  # noqa: ANN401 (the stubs of xds-protos carry no types)
    """Read a `CheckRequest`. Raises `ContractError`."""
    attributes = check.attributes
    if _says_too_much(attributes):
        raise ContractError(f"the request has more than {MAX_HEADERS} headers or `context_extensions`")
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
    if _says_too_much(attributes):
        attributes = _named_alone(attributes)
    own, common = _headers(attributes)
    event = _EVENTS.get(own.get("x-fix-event", ""), Event.MESSAGE)
    return _read_leniently(attributes.request.http, own, party(common, attributes), event)


def own_part(kind: FixRequest, check: Any) -> FixRequest | None:  # noqa: ANN401
    """The request that is of `kind` and whose second part is `check`; None where that says more than what is a
    message's own. Raises `ContractError`."""
    attributes = check.attributes
    http = attributes.request.http
    headers = http.headers
    seq, count = headers.get(_SEQ_NUM, ""), headers.get(_BATCH, "")
    if len(headers) != 1 + bool(count) or attributes.HasField("source") or attributes.context_extensions:
        return None
    messages = _messages(count, kind.event, kind.refresh) if count else 1
    # By position, as there is one for each message: by name it would take twice as long.
    message = (kind.event, http.id, kind.msg_type, _seq_num(seq), kind.poss_dup, _fields(http.raw_body))
    fresh, etag, report = None, "", ""
    known = (kind.terms, kind.revision, False)
    return FixRequest._make(
        (*message, kind.party, kind.credential, fresh, etag, report, kind.refresh, messages, *known)
    )


def is_common(check: Any) -> bool:  # noqa: ANN401
    """Whether `check` says nothing that `own_part` does."""
    http = check.attributes.request.http
    headers = http.headers
    return not (http.id or http.raw_body or headers.get(_SEQ_NUM) is not None or headers.get(_BATCH) is not None)


def _says_too_much(attributes: Any) -> bool:  # noqa: ANN401
    """Whether a request has more headers or facts than any proxy has to say."""
    return len(attributes.request.http.headers) > MAX_HEADERS or len(attributes.context_extensions) > MAX_HEADERS


def _named_alone(attributes: Any) -> Any:  # noqa: ANN401
    """A request's id, and nothing else of it."""
    check: Any = CheckRequest()
    check.attributes.request.http.id = attributes.request.http.id[:MAX_ID]
    return check.attributes


def _headers(attributes: Any) -> tuple[dict[str, str], dict[str, str]]:  # noqa: ANN401
    """Those that are about this request alone, and those that are its party's."""
    headers = plain(attributes.request.http.headers)
    return {name: headers.pop(name) for name in _OWN if name in headers}, headers


def _stock(attributes: Any) -> StockRequest:  # noqa: ANN401
    event = Event.HTTP if attributes.request.HasField("http") else Event.CONNECTION
    source = attributes.source
    context = plain(attributes.context_extensions)
    pem = unquote_to_bytes(source.certificate)
    certificate = from_pem(pem) if pem else None
    return StockRequest(event, attributes.request.http.id, address(source), source.principal, context, certificate)


def _message(http: Any, own: Mapping[str, str], whose: Party) -> FixRequest:  # noqa: ANN401
    """A `logon`, `message`, `renewal` or `watch`: everything must be there and in order."""
    event = _EVENTS.get(own["x-fix-event"])
    if event is None:
        raise ContractError("`x-fix-event` is none that is answered; send `logon`, `message`, `renewal` or `watch`")
    if whose.fault:
        raise ContractError(whose.fault)
    credential = read(own.get("authorization", ""))
    if event is Event.WATCH:
        return FixRequest(
            event,
            http.id,
            "",
            0,
            False,
            _NO_FIELDS,
            whose,
            credential,
            etag=_watched(own, whose),
            revision=_revision(own),
            at_once=own.get("prefer", "").replace(" ", "") == "wait=0",
        )
    msg_type = _msg_type(own)
    refresh = event is Event.MESSAGE and _flag(own, "x-fix-refresh")
    if event is Event.LOGON and (msg_type != "A" or whose.direction is not Direction.INBOUND):
        raise ContractError("a `logon` event is about an inbound Logon (35=A) and nothing else")
    return FixRequest(
        event,
        http.id,
        msg_type,
        _seq_num(own.get(_SEQ_NUM, "")),
        _flag(own, "x-fix-poss-dup"),
        _fields(http.raw_body),
        whose,
        credential,
        fresh=_fresh(own, whose) if event is Event.RENEWAL else None,
        refresh=refresh,
        messages=_messages(own[_BATCH], event, refresh) if _BATCH in own else 1,
        terms=_terms(own),
        revision=_revision(own),
    )


def _read_leniently(http: Any, own: Mapping[str, str], whose: Party, event: Event) -> FixRequest:  # noqa: ANN401
    """A `report`, or a request that will be refused: whatever is there."""
    kind, words = own.get("x-fix-report", ""), own.get("x-fix-reason", "")
    seq = own.get(_SEQ_NUM, "")
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


def _messages(text: str, event: Event, refresh: bool) -> int:
    """How many messages a Check is about that says so."""
    if event is not Event.MESSAGE or refresh:
        raise ContractError("`x-fix-batch` is for messages that wait for their answers")
    if not (is_number(text) and 1 < int(text) <= MAX_MESSAGES):
        raise ContractError(f"`x-fix-batch` is not a number from 2 to {MAX_MESSAGES}")
    return int(text)


def _terms(own: Mapping[str, str]) -> str:
    terms = own.get("x-fix-terms", "")
    if len(terms) > MAX_TERMS or not terms.isascii() or not terms.isprintable():
        raise ContractError(f"`x-fix-terms` is not up to {MAX_TERMS} printable characters")
    return terms


def _revision(own: Mapping[str, str]) -> tuple[int, int] | None:
    """The newest mapping and restrictions that the proxy has heard of, `3.17`."""
    text = own.get("x-fix-revision")
    if text is None:
        return None
    mapping, point, restrictions = text.partition(".")
    numbers = (mapping, restrictions)
    if not point or not all(0 < len(number) <= 20 and number.isascii() and number.isdigit() for number in numbers):
        raise ContractError("`x-fix-revision` is not two numbers with a point between them")
    return int(mapping), int(restrictions)


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


def _seq_num(text: str) -> int:
    if not is_number(text):
        raise ContractError(f"`x-fix-msg-seq-num` is not a number from 0 to {MAX_SEQ_NUM}")
    return int(text)


def is_msg_type(text: str) -> bool:
    """Whether it can be a MsgType (35)."""
    return 0 < len(text) <= MAX_MSG_TYPE and text.isascii() and text.isalnum()


def is_number(text: str) -> bool:
    """Whether it can be a MsgSeqNum (34)."""
    return 0 < len(text) <= 19 and text.isascii() and text.isdigit() and int(text) <= MAX_SEQ_NUM


def _flag(headers: Mapping[str, str], name: str) -> bool:
    value = headers.get(name, "N")
    if value not in ("Y", "N"):
        raise ContractError(f"`{name}` is neither `Y` nor `N`")
    return value == "Y"


def _fields(raw_body: bytes) -> Fields:
    if not raw_body:
        return _NO_FIELDS
    if len(raw_body) > MAX_FIELDS and raw_body.count(SOH) > MAX_FIELDS:
        raise ContractError(f"`raw_body` has more than {MAX_FIELDS} fields")
    try:
        return Fields.parse(raw_body, may_be_empty=True)
    except FieldsError as error:
        raise ContractError(f"`raw_body` cannot be read: {error}") from None


def _readable_fields(raw_body: bytes) -> Fields:
    try:
        return _fields(raw_body)
    except ContractError:
        return _NO_FIELDS
