"""Endpoints: what is read, and what is refused."""

from __future__ import annotations

import pytest

from authzsvc.gateway.options import Endpoint, EndpointError


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        ("127.0.0.1:9880", Endpoint(host="127.0.0.1", port=9880)),
        ("venue.example:0", Endpoint(host="venue.example", port=0)),
        ("[::1]:65535", Endpoint(host="::1", port=65535)),
        ("unix:/run/check.sock", Endpoint(path="/run/check.sock")),
    ],
)
def test_an_endpoint_is_read_and_written_alike(text: str, endpoint: Endpoint) -> None:
    assert Endpoint.parse(text) == endpoint
    assert str(endpoint) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "9880",
        ":9880",
        "host:",
        "host:65536",
        "host:+1",
        "host:1\n",
        "::1:9880",
        "a b:1",
        "unix:",
        "unix:run/a.sock",
    ],
)
def test_what_is_no_endpoint_is_refused_by_name(text: str) -> None:
    with pytest.raises(EndpointError) as refusal:
        Endpoint.parse(text)
    assert f"`{text}`" in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "loopback"),
    [
        ("127.0.0.1:1", True),
        ("127.9.9.9:1", True),
        ("[::1]:1", True),
        ("localhost:1", True),
        ("unix:/run/a.sock", True),
        ("0.0.0.0:1", False),
        ("[::]:1", False),
        ("10.0.0.1:1", False),
        ("venue.example:1", False),
    ],
)
def test_loopback_is_known(text: str, loopback: bool) -> None:
    assert Endpoint.parse(text).is_loopback is loopback
