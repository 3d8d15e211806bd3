"""Access-log entries, well-formed and hostile."""

from __future__ import annotations

import math
from typing import Any

import pytest
from envoy.data.accesslog.v3 import accesslog_pb2
from hypothesis import given
from hypothesis import strategies as st

from authzsvc.contract.session_name import public_name
from authzsvc.contract.traffic import MAX_COUNT, Kind, TrafficReport, read
from authzsvc.fix.direction import Direction

D = "inbound:D:order:create:equity"


def entry(session: Any = "0123456789abcdef", /, *, ended: Any = False, began: Any = 1000, **fields: Any) -> Any:  # noqa: ANN401 (hostile)
    """A `TCPAccessLogEntry` as Envoy sends it."""
    made = accesslog_pb2.TCPAccessLogEntry()
    common = made.common_properties
    common.start_time.seconds = began
    common.start_time.nanos = 500_000_000
    common.access_log_type = accesslog_pb2.TcpConnectionEnd if ended else accesslog_pb2.TcpPeriodic
    common.downstream_remote_address.socket_address.address = "192.0.2.7"
    common.downstream_remote_address.socket_address.port_value = 40001
    named = {"sender": "ALGO", "target": "VENUE", "begin_string": "FIX.4.4", **fields}
    struct = common.metadata.filter_metadata["fix_authz"]
    struct.update(named)
    if session is not None:
        common.metadata.filter_metadata["fix_authz.proof"].update({"session": session})
    return made


def test_a_report() -> None:
    assert read(entry(**{D: 17, "outbound:8:-": 3})) == TrafficReport(
        session=public_name("0123456789abcdef"),
        began_at=1000.5,
        ended=False,
        totals={D: 17, "outbound:8:-": 3},
        begin_string="FIX.4.4",
        sender="ALGO",
        target="VENUE",
        address="192.0.2.7:40001",
    )


def test_the_last_report() -> None:
    found = read(entry(ended=True))
    assert found is not None
    assert (found.ended, found.totals) == (True, {})


def test_kinds() -> None:
    assert Kind.of(D) == Kind(Direction.INBOUND, "D", "order:create:equity")
    assert Kind.of("outbound:8:-") == Kind(Direction.OUTBOUND, "8", "-")


@pytest.mark.parametrize("session", [None, "", "x" * 65, "a b", "a\n", "ü", 17])
def test_without_a_session_it_is_no_report(session: object) -> None:
    assert read(entry(session, **{D: 1})) is None


def test_what_an_access_log_prints_proves_no_session() -> None:
    made = entry(None, session=public_name("0123456789abcdef"), **{D: 1})
    assert read(made) is None
    made.common_properties.metadata.filter_metadata["fix_authz.proof"].update({"session": "another"})
    found = read(made)
    assert found is not None
    assert found.session == public_name("another")


def test_other_entries_are_none() -> None:
    assert read(accesslog_pb2.TCPAccessLogEntry()) is None
    made = accesslog_pb2.TCPAccessLogEntry()
    made.common_properties.metadata.filter_metadata["other"].update({"session": "s", D: 1})
    assert read(made) is None


@pytest.mark.parametrize(
    "value", [-1, 0.5, math.nan, math.inf, -math.inf, MAX_COUNT * 2, "17", True, None, [1], {"a": 1}]
)
def test_a_number_that_is_none_is_left_out(value: object) -> None:
    found = read(entry(**{D: value, "inbound:F:order:cancel": 2}))
    assert found is not None
    assert (found.totals, found.odd) == ({"inbound:F:order:cancel": 2}, 1)


@pytest.mark.parametrize(
    "key",
    [
        "sideways:D:s",
        "inbound::s",
        "inbound:D:",
        "inbound:D",
        ":",
        "inbound:D\n:s",
        "inbound:D:s\x01",
        "inbound:D:ü",
        f"inbound:{'D' * 17}:s",
        f"inbound:D:{'s' * 257}",
        "INBOUND:D:s",
        "inbound:D:a b",
    ],
)
def test_a_key_that_is_none_is_left_out(key: str) -> None:
    found = read(entry(**{key: 1, D: 2}))
    assert found is not None
    assert (found.totals, found.odd) == ({D: 2}, 1)


def test_texts_are_bounded() -> None:
    found = read(entry(sender="x" * 10_000, target=17, begin_string=None))
    assert found is not None
    assert (len(found.sender), found.target, found.begin_string) == (256, "", "")


@given(st.dictionaries(st.text(), st.floats() | st.text() | st.none() | st.booleans() | st.lists(st.floats())))
def test_whatever_is_in_it(fields: dict[str, Any]) -> None:
    found = read(
        entry("s", **{name: value for name, value in fields.items() if name not in ("began", "ended", "session")})
    )
    assert found is not None
    assert all(isinstance(number, int) and 0 <= number <= MAX_COUNT for number in found.totals.values())
    for key in found.totals:
        Kind.of(key)
