"""The bounds of a stream until its first message is there."""

from __future__ import annotations

import gzip
import zlib

import pytest
from envoy.service.accesslog.v3.als_pb2 import StreamAccessLogsMessage
from hypothesis import given
from hypothesis import strategies as st

from authzsvc._gen.fixauthz.v1 import admin_pb2
from authzsvc.server.gate import is_compressed, resident_mib
from tests.unit.checks import check, in_two_parts


@given(st.binary(max_size=300), st.integers(0, 9))
def test_whatever_was_compressed_is_recognized(raw: bytes, level: int) -> None:
    assert is_compressed(gzip.compress(raw, level))
    assert is_compressed(zlib.compress(raw, level))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"x",
        in_two_parts(check("token")),
        StreamAccessLogsMessage().SerializeToString(),
        admin_pb2.KillRequest(reason="x" * 120).SerializeToString(),
        admin_pb2.ListSessionsRequest(page_token="x" * 31, page_size=120).SerializeToString(),
    ],
)
def test_our_own_messages_are_not(raw: bytes) -> None:
    assert not is_compressed(raw)


def test_memory_is_that_of_this_process() -> None:
    assert 10 < resident_mib() < 100_000
