"""A request that says too much is told by its bytes alone."""

from __future__ import annotations

import pytest
from envoy.service.auth.v3.external_auth_pb2 import CheckRequest
from hypothesis import given
from hypothesis import strategies as st

from authzsvc.contract.size import MAX_HEAD_BYTES, says_too_much
from tests.unit.checks import check, in_two_parts


def wire(**more: bytes) -> bytes:
    return bytes(check("t", **more).SerializeToString())  # type: ignore[arg-type]


def sized(number: int, value: bytes) -> bytes:
    """A field of protobuf with its length."""
    size, length = len(value), b""
    while size > 0x7F:
        length, size = length + bytes([size & 0x7F | 0x80]), size >> 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + value


def test_a_long_body_is_none_of_it() -> None:
    body = b"58=" + b"x" * 3_000_000 + b"\x01"
    assert not says_too_much(wire(body=body))
    assert not says_too_much(in_two_parts(check("t", body=body)))
    plain = CheckRequest()
    plain.attributes.request.http.body = "x" * 3_000_000
    assert not says_too_much(plain.SerializeToString())


@pytest.mark.parametrize("entries", [1, 300, 60_000])
def test_all_else_counts_wherever_it_stands(entries: int) -> None:
    long = MAX_HEAD_BYTES // entries + 1
    texts = {f"{number:06}": "x" * long for number in range(entries)}
    headers, facts, principal = check("t", headers=texts), check("t"), check("t")
    facts.attributes.context_extensions.update(texts)
    principal.attributes.source.principal = "x" * (MAX_HEAD_BYTES + 1)
    for request in (headers, facts, principal):
        assert says_too_much(request.SerializeToString())
        assert says_too_much(wire() + request.SerializeToString())


def test_many_short_fields_count_for_the_time_that_they_take() -> None:
    http = b"\x62\x00" * MAX_HEAD_BYTES  # empty bodies
    assert says_too_much(sized(1, sized(4, sized(2, http))))


@pytest.mark.parametrize("raw", [b"\xff", b"\x0a\x05x", b"\x0b", b"\x0a\xff\xff\xff\xff\x0f", b"\x0d", b"\x80" * 11])
def test_what_is_long_and_no_protobuf_says_too_much(raw: bytes) -> None:
    assert says_too_much(raw * (MAX_HEAD_BYTES + 1))
    assert not says_too_much(raw)


@given(st.binary(max_size=60), st.integers(0, 60))
def test_any_bytes_are_measured(junk: bytes, place: int) -> None:
    raw = wire(body=b"x" * MAX_HEAD_BYTES)
    assert says_too_much(raw[:place] + junk + raw[place:]) in (True, False)
