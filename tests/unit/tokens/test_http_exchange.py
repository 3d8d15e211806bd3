"""One request and exactly one answer, however the bytes are cut."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from authzsvc.errors import HttpError
from authzsvc.tokens.http_exchange import MAX_BODY_BYTES, MAX_HEAD_BYTES, Answer, HttpExchange

SECOND = b'HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{"active":true}'


def exchange() -> HttpExchange:
    return HttpExchange("POST", "as.example", "/introspect", {"accept": "application/json"}, b"token=t")


def read(*pieces: bytes, ends: bool = False) -> Answer | None:
    """What comes of an answer in these pieces, and of the connection's end behind them."""
    reading, found = exchange(), None
    for piece in (*pieces, *([b""] if ends else [])):
        assert found is None
        found = reading.feed(piece)
    return found


def cut(whole: bytes, at: list[int]) -> list[bytes]:
    """The bytes in pieces, none of them empty."""
    ends = [*sorted({place % len(whole) for place in at} - {0}), len(whole)]
    return [whole[begin:end] for begin, end in zip([0, *ends], ends, strict=False)]


def chunked(body: bytes, size: int) -> bytes:
    parts = [body[begin : begin + size] for begin in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def test_the_request() -> None:
    sent = exchange().request
    head, _, body = sent.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /introspect HTTP/1.1\r\nhost: as.example\r\nconnection: close\r\n")
    assert b"content-length: 7" in head
    assert body == b"token=t"
    assert b"content-length" not in HttpExchange("GET", "as.example", "/", {}).request


@pytest.mark.parametrize(
    ("target", "headers"), [("/a b", {}), ("/\r\nx: y", {}), ("/", {"a": "b\r\nc: d"}), ("/", {"a b": "c"})]
)
def test_what_cannot_be_sent(target: str, headers: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="cannot be sent"):
        HttpExchange("GET", "as.example", target, headers)


@st.composite
def answers(draw: st.DrawFn) -> tuple[bytes, Answer]:
    """A good answer that frames itself, and what it says."""
    status = draw(st.sampled_from([200, 204, 304, 400, 401, 404, 503]))
    body = b"" if status in (204, 304) else draw(st.binary(max_size=64))
    if status in (204, 304) or draw(st.booleans()):
        framing, framed = b"Content-Length: %d" % len(body), body
        if status == 204:
            framing = b"X: y"
    else:
        framing, framed = b"transfer-Encoding: chunked", chunked(body, draw(st.integers(1, 70)))
    version = b"1.0" if framing.startswith(b"Content") and draw(st.booleans()) else b"1.1"
    whole = b"HTTP/%s %d\r\n%s\r\nETag:  1 \r\n\r\n%s" % (version, status, framing, framed)
    return whole, Answer(status, {}, body)


CUTS = st.lists(st.integers(0, 10_000), max_size=6)


@given(answers(), CUTS)
def test_an_answer_in_any_pieces(given_: tuple[bytes, Answer], at: list[int]) -> None:
    whole, said = given_
    found = read(*cut(whole, at))
    assert found is not None
    assert (found.status, found.body, found.headers["etag"]) == (said.status, said.body, "1")


@given(answers(), st.one_of(st.just(SECOND), st.binary(min_size=1, max_size=40)), CUTS)
@example((b"HTTP/1.1 204 No Content\r\n\r\n", Answer(204, {}, b"")), SECOND, [])
@example((b"HTTP/1.1 304 Not Modified\r\n\r\n", Answer(304, {}, b"")), b'{"keys":[]}', [])
def test_bytes_behind_an_answer_are_no_part_of_it(given_: tuple[bytes, Answer], more: bytes, at: list[int]) -> None:
    whole, said = given_
    reading, found, complaint = exchange(), None, ""
    for piece in cut(whole + more, at):
        try:
            found = reading.feed(piece)
        except HttpError as error:
            complaint = str(error)
        if found is not None or complaint:
            break
    if found is None:
        assert complaint == "sent more than its answer"
    else:
        assert (found.status, found.body) == (said.status, said.body)


@given(answers(), CUTS, st.integers(1, 10_000))
def test_a_part_of_an_answer_is_none(given_: tuple[bytes, Answer], at: list[int], less: int) -> None:
    whole, _ = given_
    part = whole[: len(whole) - 1 - less % (len(whole) - 1)]
    assert read(*cut(part, at)) is None
    with pytest.raises(HttpError, match=r"closed the connection|in HTTP/1\.1"):
        read(*cut(part, at), ends=True)


@given(st.binary(max_size=64), CUTS)
def test_an_answer_that_ends_with_the_connection(body: bytes, at: list[int]) -> None:
    whole = b"HTTP/1.0 200 OK\r\nServer: old\r\n\r\n" + body
    assert read(*cut(whole, at)) is None
    found = read(*cut(whole, at), ends=True)
    assert found is not None
    assert found.body == body


LENGTH = b"Content-Length: 15"
GOOD = b'{"active":true}'


@pytest.mark.parametrize(
    ("head", "complaint"),
    [
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n" + LENGTH, "interim"),
        (b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\n" + LENGTH, "interim"),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\nHTTP/1.1 200 OK\r\n" + LENGTH, "interim"),
        (b"HTTP/1.1 200 OK\r\n" + LENGTH + b"\r\n" + LENGTH, "more than once"),
        (b"HTTP/1.1 200 OK\r\n" + LENGTH + b"\r\nContent-Length: 2", "more than once"),
        (b"HTTP/1.1 200 OK\r\n" + LENGTH + b"\r\nTransfer-Encoding: chunked", "more than once"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n" + LENGTH, "more than once"),
        (b"HTTP/1.1 204 No Content\r\n" + LENGTH + b"\r\nTransfer-Encoding: chunked", "more than once"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity", "more than once"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked", "in HTTP/1.1"),
        (b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked", "HTTP/1.0"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 15, 15", "no number"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: +15", "no number"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0x0f", "no number"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1", "no number"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: ", "no number"),
        (b"HTTP/1.1 200 OK\r\nContent-Length : 15", "in HTTP/1.1"),
        (b"HTTP/1.1 200 OK\r\nX: y\r\n " + LENGTH, "in HTTP/1.1"),
        (b"HTTP/1.1 200 OK\nContent-Length: 2\r\nX: y", "in HTTP/1.1"),
        (b"HTTP/1.1 200 OK\r\nX: y\nContent-Length: 2", "in HTTP/1.1"),
        (b"HTTP/1.1 200 OK\r\nX: y\rContent-Length: 2", "in HTTP/1.1"),
        (b"HTTP/1.1 200 OK\r\nX: \0\r\n" + LENGTH, "in HTTP/1.1"),
        (b"HTTP/2 200\r\n" + LENGTH, "in HTTP/1.1"),
        (b"HTTP/1.1 600 Odd\r\n" + LENGTH, "in HTTP/1.1"),
        (b"HTTP/1.1 20 OK\r\n" + LENGTH, "in HTTP/1.1"),
        (b"\r\nHTTP/1.1 200 OK\r\n" + LENGTH, "in HTTP/1.1"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n" + LENGTH, "compressed"),
    ],
)
def test_an_answer_that_could_be_framed_in_two_ways_is_refused(head: bytes, complaint: str) -> None:
    with pytest.raises(HttpError, match=complaint):
        read(head + b"\r\n\r\n" + GOOD)
    with pytest.raises(HttpError, match=complaint):
        read(*(bytes([byte]) for byte in head + b"\r\n\r\n" + GOOD))


def test_head_and_body_are_bounded() -> None:
    with pytest.raises(HttpError, match="bytes of headers"):
        read(b"HTTP/1.1 200 OK\r\nX: " + b"y" * MAX_HEAD_BYTES)
    with pytest.raises(HttpError, match="bytes of headers"):
        read(b"HTTP/1.1 200 OK\r\nX: " + b"y" * MAX_HEAD_BYTES + b"\r\n\r\n")
    with pytest.raises(HttpError, match=f"more than {MAX_BODY_BYTES} bytes"):
        read(b"HTTP/1.1 200 OK\r\n\r\n", b" " * MAX_BODY_BYTES, b" ")


@given(st.one_of(st.binary(max_size=80), st.binary(max_size=80).map(lambda tail: SECOND[:40] + tail)), CUTS)
def test_no_bytes_are_too_odd(whole: bytes, at: list[int]) -> None:
    reading = exchange()
    for piece in (*(cut(whole, at) if whole else ()), b""):
        try:
            if reading.feed(piece) is not None:
                return
        except HttpError:
            return
