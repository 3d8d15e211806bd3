from __future__ import annotations

import gzip
import logging
from pathlib import Path

import pytest

from authzsvc.errors import HttpError
from authzsvc.tokens.http import MAX_BODY_BYTES, Http

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
    ],
)
async def test_what_cannot_be_asked(http: Http, url: str, complaint: str) -> None:
    with pytest.raises(HttpError, match=complaint) as refused:
        await http.get(url)
    assert SECRET not in str(refused.value)


async def test_what_is_no_http(http: Http, web: Web) -> None:
    web.replies["/x"] = Reply(headers={"Content-Length": "nonsense"})
    with pytest.raises(HttpError, match="failed"):
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
        with pytest.raises(HttpError, match=r"TLS|failed"):
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
