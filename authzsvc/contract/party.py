"""`Party`: what all messages of one direction of a connection have in common.

It is said anew with each of them, in the same words; so it is read once and remembered by these words. The credential
is not among them: what is remembered holds no secret.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from authzsvc.contract.session_name import public_name
from authzsvc.fix.direction import Direction
from authzsvc.policy.question import CompIds
from authzsvc.tokens.certificate import NO_CERTIFICATE, Certificate

MAX_COMP_ID = 256

_REMEMBERED = 4096
_MAX_REMEMBERED = 2048
"""The most characters of a remembered party's texts. A longer party is read anew each time, because a client chooses
some of the texts, and anybody who reaches a listener can choose all."""
_MAX_ENTRIES = 64
"""The most headers of a remembered party, and the most `context_extensions`."""
_SESSION = "x-fix-session"
_DIGEST = re.compile(r"[0-9a-f]{64}")
_IDS = {
    50: "x-fix-sender-sub-id",
    57: "x-fix-target-sub-id",
    115: "x-fix-on-behalf-of-comp-id",
    116: "x-fix-on-behalf-of-sub-id",
    128: "x-fix-deliver-to-comp-id",
    129: "x-fix-deliver-to-sub-id",
    142: "x-fix-sender-location-id",
    143: "x-fix-target-location-id",
    144: "x-fix-on-behalf-of-location-id",
    145: "x-fix-deliver-to-location-id",
}
_DIRECTIONS = {direction.value: direction for direction in Direction}

Items = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Party:
    """Whose messages are, and where they come from."""

    direction: Direction
    begin_string: str
    """8."""
    sender: str
    """49, as it stands in the message."""
    target: str
    """56, as it stands in the message."""
    client: CompIds
    """The client's own ids: the sender's on an inbound message, the target's on an outbound one."""
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
    ids: tuple[tuple[int, bytes], ...] = ()
    """The ids of the message's header as fields, its CompIDs aside."""
    session: str = ""
    """The public name of the connection's session; empty from a proxy that does not name it."""
    certificate: Certificate = NO_CERTIFICATE
    """What the client's certificate says."""
    fault: str = ""
    """What no FIX proxy would say."""


def party(headers: Mapping[str, str], attributes: Any) -> Party:  # noqa: ANN401 (the stubs of xds-protos carry no types)
    """Who is meant; `headers` are those that are not about a single message."""
    source, said = attributes.source, tuple(_printable(headers).items())
    context = plain(attributes.context_extensions)
    words = said, address(source), source.principal, tuple(context.items())
    return _remembered(*words) if _is_short(words, headers, context) else _read(*words)


def _is_short(words: tuple[Items, str, str, Items], headers: Mapping[str, str], context: Mapping[str, str]) -> bool:
    """Whether a party's words take so little that it may be remembered by them."""
    if len(headers) > _MAX_ENTRIES or len(context) > _MAX_ENTRIES:
        return False
    texts = (*headers, *headers.values(), *context, *context.values(), words[1], words[2])
    return len("".join(texts)) <= _MAX_REMEMBERED


def plain(entries: Any) -> dict[str, str]:  # noqa: ANN401
    """The entries of a protobuf map; `dict` would take them one by one through Python."""
    return {name: entries[name] for name in entries}


def address(source: Any) -> str:  # noqa: ANN401
    """The address and port of a peer, or the path of its socket."""
    socket = source.address.socket_address
    if socket.address:
        return f"{socket.address}:{socket.port_value}"
    return str(source.address.pipe.path)


def _printable(headers: Mapping[str, str]) -> Mapping[str, str]:
    """Returns the party with the session's public name, so that the secret one is not remembered."""
    return {**headers, _SESSION: public_name(headers[_SESSION])} if _SESSION in headers else headers


def _read(said: Items, address: str, principal: str, context: Items) -> Party:
    headers = dict(said)
    get = headers.get
    sender, target = get("x-fix-sender-comp-id", ""), get("x-fix-target-comp-id", "")
    direction = _DIRECTIONS.get(get("x-fix-direction", ""))
    return Party(
        direction=direction or Direction.INBOUND,
        begin_string=get("x-fix-begin-string", ""),
        sender=sender,
        target=target,
        client=_client(direction or Direction.INBOUND, sender, target, headers),
        address=address,
        principal=principal,
        context=dict(context),
        target_sub=get("x-fix-target-sub-id", ""),
        target_location=get("x-fix-target-location-id", ""),
        ids=tuple((tag, headers[name].encode()) for tag, name in _IDS.items() if name in headers),
        session=get(_SESSION, ""),
        certificate=_certificate(headers),
        fault=_fault(direction, sender, target),
    )


_remembered = lru_cache(_REMEMBERED)(_read)


def _fault(direction: Direction | None, sender: str, target: str) -> str:
    if direction is None:
        return "`x-fix-direction` is neither `inbound` nor `outbound`"
    for name, value in (("x-fix-sender-comp-id", sender), ("x-fix-target-comp-id", target)):
        if not 0 < len(value) <= MAX_COMP_ID:
            return f"`{name}` is not 1 to {MAX_COMP_ID} characters"
    return ""


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


def _client(direction: Direction, sender: str, target: str, headers: Mapping[str, str]) -> CompIds:
    get = headers.get
    if direction is Direction.INBOUND:
        return CompIds(
            sender,
            get("x-fix-sender-sub-id"),
            get("x-fix-sender-location-id"),
            get("x-fix-on-behalf-of-comp-id"),
            target,
            get("x-fix-on-behalf-of-sub-id"),
            get("x-fix-on-behalf-of-location-id"),
        )
    return CompIds(
        target,
        get("x-fix-target-sub-id"),
        get("x-fix-target-location-id"),
        get("x-fix-deliver-to-comp-id"),
        sender,
        get("x-fix-deliver-to-sub-id"),
        get("x-fix-deliver-to-location-id"),
    )
