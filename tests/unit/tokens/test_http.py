from __future__ import annotations

import asyncio
import contextlib
import gzip
import logging
import ssl
from collections.abc import AsyncIterator, Awaitable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from authzsvc.errors import HttpError
from authzsvc.tokens.http import MAX_BODY_BYTES, Answer, Http

from .web import Authority, Reply, Web, serving

SECRET = "s3cr3t"


async def test_get(web: Web, http: Http) -> None:
    web.replies["/x"] = Reply(b"hello", headers={"ETag": '"1"', "X-A": "b"})
    answer = await http.get(f"{web.url}/x?y=z", {"if-none-match": '"0"'})
    assert (answer.status, answer.body, answer.headers["etag"]) == (200, b"hello", '"1"')
    asked = web.asked[0]
    assert (asked.method, asked.path, asked.headers["if-none-match"]) == ("GET", "/x?y=z", '"0"')
    assert "hello" not in repr(answer)


async def test_post_form(web: Web, http: Http) -> None:
    web.replies["/token"] = Reply(b"{}", status=400)
    answer = await http.post_form(f"{web.url}/token", {"a": "b c", "d": "é&="}, {"authorization": "Basic x"})
    assert answer.status == 400
    asked = web.asked[0]
    assert (asked.method, asked.body) == ("POST", b"a=b+c&d=%C3%A9%26%3D")
    assert asked.headers["content-type"] == "application/x-www-form-urlencoded"
    assert asked.headers["authorization"] == "Basic x"


async def test_a_redirect_is_not_followed(web: Web, http: Http) -> None:
    web.replies["/x"] = Reply(status=302, headers={"Location": f"{web.url}/y"})
    assert (await http.get(f"{web.url}/x")).status == 302
    assert web.paths() == ["/x"]


async def test_cookies_are_not_kept(web: Web, http: Http) -> None:
    web.replies["/x"] = Reply(headers={"Set-Cookie": "a=b; Path=/"})
    for _ in range(2):
        await http.get(f"{web.url}/x")
    assert "cookie" not in web.asked[1].headers


async def test_proxies_and_credentials_of_the_environment_are_not_taken(
    web: Web, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text(f"machine 127.0.0.1 login a password {SECRET}\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    web.replies["/x"] = Reply(b"hello")
    http = Http(timeout_s=5.0)
    assert (await http.get(f"{web.url}/x")).body == b"hello"
    assert "authorization" not in web.asked[0].headers
    await http.close()


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_is_bounded(web: Web, http: Http, chunked: bool) -> None:
    web.replies["/x"] = Reply(b" " * MAX_BODY_BYTES, chunked=chunked)
    assert len((await http.get(f"{web.url}/x")).body) == MAX_BODY_BYTES
    web.replies["/x"] = Reply(b" " * (MAX_BODY_BYTES + 1), chunked=chunked)
    with pytest.raises(HttpError, match="more than 1000000 bytes"):
        await http.get(f"{web.url}/x")


async def test_no_small_answer_swells(web: Web, http: Http) -> None:
    web.replies["/x"] = Reply(gzip.compress(b" " * 10_000_000), headers={"Content-Encoding": "gzip"})
    with pytest.raises(HttpError, match="compressed"):
        await http.get(f"{web.url}/x", {"accept-encoding": "gzip"})
    assert web.asked[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("reply", [Reply(wait_s=30.0), Reply(b"x" * 1000, pieces=1000, pause_s=0.02)])
async def test_a_slow_answer_is_given_up(web: Web, reply: Reply) -> None:
    web.replies["/x"] = reply
    http = Http(timeout_s=0.2)
    with pytest.raises(HttpError, match=r"did not answer within 0\.2 s"):
        await http.get(f"{web.url}/x")
    await http.close()


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        (f"http://127.0.0.1:1/{SECRET}?a={SECRET}", "`127.0.0.1:1` cannot be reached"),
        (f"http://u:{SECRET}@127.0.0.1/", "user or password"),
        (f"ftp://127.0.0.1/{SECRET}", "not an http or https URL"),
        (f"/{SECRET}", "not an http or https URL"),
        (f"http:///{SECRET}", "not an http or https URL"),
        (f"http://h:99999/{SECRET}", r"cannot be reached|failed|not a URL"),
        ("http://\x00/", "not a URL"),
        ("http://bücher.example/", "not a URL"),
        (f"http://{'a' * 64}.example/{SECRET}", "cannot be reached"),
        (f"http://a..example/{SECRET}", "cannot be reached"),
        (f"http://127.0.0.1:x/{SECRET}", "not a URL"),
    ],
)
async def test_what_cannot_be_asked(http: Http, url: str, complaint: str) -> None:
    with pytest.raises(HttpError, match=complaint) as refused:
        await http.get(url)
    assert SECRET not in str(refused.value)


async def test_what_is_no_http(http: Http, web: Web) -> None:
    web.replies["/x"] = Reply(headers={"Content-Length": "nonsense"})
    with pytest.raises(HttpError, match="Content-Length that is no number"):
        await http.get(f"{web.url}/x")


async def test_no_log_has_addresses_or_headers(web: Web, http: Http, caplog: pytest.LogCaptureFixture) -> None:
    web.replies["/x"] = Reply(b"{}")
    with caplog.at_level(logging.DEBUG):
        await http.get(f"{web.url}/x?token={SECRET}", {"authorization": SECRET})
    assert SECRET not in caplog.text
    assert not [record for record in caplog.records if record.name.startswith("http")]


async def test_tls_is_verified(tmp_path: Path) -> None:
    ours, other = Authority(tmp_path / "ours"), Authority(tmp_path / "other")
    async with serving(ours.server()) as web:
        web.replies["/x"] = Reply(b"hello")
        for ca in (None, other.ca):
            http = Http(timeout_s=5.0, ca=ca)
            with pytest.raises(HttpError, match="certificate that is not accepted"):
                await http.get(f"{web.url}/x")
            await http.close()
        http = Http(timeout_s=5.0, ca=ours.ca)
        assert (await http.get(f"{web.url}/x")).body == b"hello"
        await http.close()


async def test_a_certificate_for_another_host_is_refused(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    async with serving(authority.server("server", "127.0.0.2")) as web:
        http = Http(timeout_s=5.0, ca=authority.ca)
        with pytest.raises(HttpError, match="certificate that is not accepted"):
            await http.get(f"{web.url}/x")
        await http.close()


async def test_a_client_certificate_is_shown(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    cert, key = authority.issue("client")
    async with serving(authority.server(ask=True)) as web:
        web.replies["/x"] = Reply(b"hello")
        http = Http(timeout_s=5.0, ca=authority.ca, cert=cert, key=key)
        assert (await http.get(f"{web.url}/x")).body == b"hello"
        assert web.certificates[0] is not None
        await http.close()
        bare = Http(timeout_s=5.0, ca=authority.ca)
        with pytest.raises(HttpError, match=r"TLS|failed|closed the connection"):
            await bare.get(f"{web.url}/x")
        await bare.close()


def test_tls_files_that_cannot_be_used(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "a")
    cert, key = authority.issue("client")
    other_key = authority.issue("other")[1]
    (tmp_path / "rubbish").write_text("x")
    for ca, certificate, private in (
        (tmp_path / "none", None, None),
        (tmp_path / "rubbish", None, None),
        (None, cert, other_key),
        (None, tmp_path / "rubbish", key),
        (None, cert, tmp_path / "none"),
    ):
        with pytest.raises(HttpError, match="cannot use the TLS files"):
            Http(timeout_s=1.0, ca=ca, cert=certificate, key=private)


OK = b'HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n{"active":false}'
FORGED = b'HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{"active":true}'
NOTHING = b"HTTP/1.1 204 No Content\r\n\r\n"
SAME = b'HTTP/1.1 304 Not Modified\r\nETag: "1"\r\n\r\n'

Piece = tuple[bytes, float]
"""Bytes, and how long to wait behind them."""


@dataclass
class Raw:
    """A server that answers each question with the next of these, piece by piece, and leaves connections open."""

    scripts: list[Sequence[Piece]]
    url: str = ""
    connections: int = 0
    ended: list[asyncio.Event] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        ended = asyncio.Event()
        self.ended.append(ended)
        try:
            while True:
                await reader.readuntil(b"\r\n\r\n")
                for data, pause_s in self.scripts.pop(0):
                    writer.write(data)
                    await asyncio.sleep(pause_s)
        except (ConnectionError, asyncio.IncompleteReadError):
            ended.set()
        finally:
            writer.close()


@contextlib.asynccontextmanager
async def raw(*scripts: Sequence[Piece], tls: ssl.SSLContext | None = None) -> AsyncIterator[Raw]:
    found = Raw(list(scripts))
    server = await asyncio.start_server(found.serve, "127.0.0.1", 0, ssl=tls)
    found.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield found


async def outcome(asked: Awaitable[Answer]) -> bytes | str:
    """The body of an answer, or what was wrong."""
    try:
        return (await asked).body
    except HttpError as error:
        return str(error).partition("` ")[2]


@pytest.mark.parametrize(
    ("answer", "more"),
    [(OK, FORGED), (OK, b"x"), (NOTHING, FORGED), (NOTHING, b'{"active":true}'), (SAME, FORGED), (SAME, b"{}")],
)
@pytest.mark.parametrize("late_s", [None, 0.0, 0.02])
@pytest.mark.parametrize("encrypted", [False, True])
async def test_bytes_behind_an_answer_are_never_the_next_one(
    answer: bytes, more: bytes, late_s: float | None, encrypted: bool, tmp_path: Path
) -> None:
    """In the same segment, in the next one, and while nobody asks."""
    authority = Authority(tmp_path) if encrypted else None
    tls = authority.server() if authority is not None else None
    first = [(answer + more, 0.0)] if late_s is None else [(answer, late_s), (more, 0.0)]
    async with raw(first, [(OK, 0.0)], tls=tls) as server:
        http = Http(timeout_s=5.0, ca=authority.ca if authority is not None else None)
        one = await outcome(http.get(f"{server.url}/1"))
        if late_s is None:
            assert one == "sent more than its answer"
        else:
            assert one in ("sent more than its answer", answer.partition(b"\r\n\r\n")[2])
        await asyncio.sleep(2 * (late_s or 0.0))
        assert await outcome(http.get(f"{server.url}/2")) == b'{"active":false}'
        assert server.connections == 2
        await asyncio.wait_for(server.ended[0].wait(), 5)  # the connection is closed, not kept
        await http.close()


@given(
    st.sampled_from([OK, NOTHING, SAME, OK.replace(b"1.1", b"1.0")]),
    st.one_of(st.just(FORGED), st.binary(min_size=1, max_size=30)),
    st.lists(st.tuples(st.integers(0, 200), st.sampled_from([0.0, 0.0, 0.001, 0.004])), max_size=5),
    st.sampled_from([0.0, 0.002]),
)
@settings(max_examples=80, deadline=None)
def test_no_cut_of_answer_and_surplus_reaches_the_next_answer(
    answer: bytes, more: bytes, cuts: list[tuple[int, float]], idle_s: float
) -> None:
    whole = answer + more
    places = {place % len(whole): pause_s for place, pause_s in cuts if place % len(whole)}
    ends = [*sorted(places), len(whole)]
    pieces = [(whole[begin:end], places.get(end, 0.0)) for begin, end in zip([0, *ends], ends, strict=False)]

    async def run() -> None:
        async with raw(pieces, [(OK, 0.0)], [(OK, 0.0)]) as server:
            http = Http(timeout_s=5.0)
            one = await outcome(http.get(f"{server.url}/1"))
            assert one in ("sent more than its answer", answer.partition(b"\r\n\r\n")[2])
            await asyncio.sleep(idle_s)
            for path in ("2", "3"):
                assert await outcome(http.get(f"{server.url}/{path}")) == b'{"active":false}'
            await http.close()
            await asyncio.gather(*(ended.wait() for ended in server.ended))

    asyncio.run(run())


async def test_an_answer_before_the_whole_question_is_none() -> None:
    async def early(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(FORGED)
        await asyncio.sleep(5)
        writer.close()

    async with await asyncio.start_server(early, "127.0.0.1", 0, limit=1024) as server:
        http = Http(timeout_s=2.0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        assert await outcome(http.post_form(url, {"token": "x" * 20_000_000})) == (
            "answered before it had the whole question"
        )
        await http.close()


async def test_a_server_that_says_nothing_in_tls_is_left(tmp_path: Path) -> None:
    """A handshake that never ends leaves no connection behind."""
    ended = asyncio.Event()

    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(65_536):
            pass
        ended.set()
        writer.close()

    async with await asyncio.start_server(mute, "127.0.0.1", 0) as server:
        http = Http(timeout_s=0.2, ca=Authority(tmp_path).ca)
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        assert await outcome(http.get(url)) == "did not answer within 0.2 s"
        await asyncio.wait_for(ended.wait(), 5)
        await http.close()


async def test_closing_ends_what_is_under_way() -> None:
    async with raw([(b"HTTP/1.1 200", 30.0)]) as server:
        http = Http(timeout_s=20.0)
        asked = asyncio.ensure_future(outcome(http.get(f"{server.url}/1")))
        await asyncio.sleep(0.05)
        await http.close()
        assert await asked == "is not asked any more"
        assert await outcome(http.get(f"{server.url}/2")) == "is not asked any more"


@pytest.mark.parametrize(
    ("url", "host", "path"),
    [
        ("http://{}:{}", "{}:{}", "/"),
        ("http://{}:{}?a=b", "{}:{}", "/?a=b"),
        ("http://{}:{}/a%20b?c=d%26e#f", "{}:{}", "/a%20b?c=d%26e"),
    ],
)
async def test_what_is_asked_for(web: Web, http: Http, url: str, host: str, path: str) -> None:
    place = web.url.removeprefix("http://").split(":")
    web.replies[path.partition("?")[0]] = Reply(b"hello")
    assert (await http.get(url.format(*place))).body == b"hello"
    assert (web.asked[0].headers["host"], web.asked[0].path) == (host.format(*place), path)
