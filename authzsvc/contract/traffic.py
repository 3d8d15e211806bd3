"""An entry of Envoy's TCP access log → `TrafficReport`: how many messages passed by decisions that a proxy had at hand.

The proxy puts numbers into the connection's dynamic metadata, under `fix_authz`, and Envoy sends them along
(proto/README.md, "Accounting"). They run from the connection's beginning, so an entry that is lost or comes twice does
no harm.

An entry names its session by the secret name, in a metadata namespace that access logs must not print. The public name,
which logs print, does not suffice to report about a session.

Invariants: a report's numbers are whole, not negative and exact; any other number is left out and counted, never
repaired.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from envoy.data.accesslog.v3 import accesslog_pb2

from authzsvc.contract.session_name import public_name
from authzsvc.fix.direction import Direction

NAMESPACE = "fix_authz"
PROOF = "fix_authz.proof"
"""The namespace of the session's secret name, apart from what an access log may print."""
MAX_COUNT = 2**53
"""The numbers travel as floating-point ones, which are exact up to here."""
MAX_TEXT = 256

_KEY = re.compile(r"(?:inbound|outbound):[A-Za-z0-9]{1,16}:[!-~]{1,256}")
_ENDED: int = accesslog_pb2.TcpConnectionEnd


@dataclass(frozen=True, slots=True)
class Kind:
    """What messages are counted by."""

    direction: Direction
    msg_type: str
    scope: str
    """What granted them, `-` where no scope is needed."""

    @classmethod
    def of(cls, key: str) -> Kind:
        """The kind that a key of `TrafficReport.totals` stands for."""
        direction, msg_type, scope = key.split(":", 2)
        return cls(Direction(direction), msg_type, scope)


@dataclass(frozen=True, slots=True)
class TrafficReport:
    """What a connection's numbers were at one moment."""

    session: str
    """The session's public name, computed from the secret one that came with the report."""
    began_at: float
    """When the connection began: Unix time, by Envoy's clock; 0 where it is not told."""
    ended: bool
    """The connection is no more."""
    totals: Mapping[str, int]
    """`direction:MsgType:scope` → messages since the connection began."""
    odd: int = 0
    """Numbers that were left out."""
    begin_string: str = ""
    sender: str = ""
    target: str = ""
    address: str = ""


def read(entry: Any) -> TrafficReport | None:  # noqa: ANN401 (the stubs of xds-protos carry no types)
    """Read a `TCPAccessLogEntry`; None where it is no report of a FIX proxy's."""
    common = entry.common_properties
    if NAMESPACE not in common.metadata.filter_metadata:
        return None
    fields = common.metadata.filter_metadata[NAMESPACE].fields
    texts: dict[str, str] = {}
    totals: dict[str, int] = {}
    odd = 0
    for name, value in fields.items():
        if ":" not in name:
            texts[name] = value.string_value[:MAX_TEXT]
        elif (number := _count(name, value)) is not None:
            totals[name] = number
        else:
            odd += 1
    session = public_name(common.metadata.filter_metadata[PROOF].fields["session"].string_value)
    if not session:
        return None
    return TrafficReport(
        session=session,
        began_at=common.start_time.seconds + common.start_time.nanos / 1e9,
        ended=common.access_log_type == _ENDED,
        totals=totals,
        odd=odd,
        begin_string=texts.get("begin_string", ""),
        sender=texts.get("sender", ""),
        target=texts.get("target", ""),
        address=_address(common.downstream_remote_address.socket_address),
    )


def _count(name: str, value: Any) -> int | None:  # noqa: ANN401
    """A whole number, or None where the key or the value is none of ours."""
    if value.WhichOneof("kind") != "number_value" or not _KEY.fullmatch(name):
        return None
    number: float = value.number_value
    return int(number) if 0 <= number <= MAX_COUNT and number.is_integer() else None


def _address(socket: Any) -> str:  # noqa: ANN401
    return f"{socket.address[:MAX_TEXT]}:{socket.port_value}" if socket.address else ""
