from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from authzsvc.errors import KeysError
from authzsvc.tokens.development import DevelopmentIssuer
from authzsvc.tokens.keys import MAX_JWKS_BYTES, KeySet, Refresh, from_file, from_url, parse_jwks


@dataclass
class Jwks:
    """A real HTTP server whose answer tests set."""

    url: str = ""
    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    asked: int = 0


@pytest.fixture
def server() -> Iterator[Jwks]:
    jwks = Jwks()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            jwks.asked += 1
            self.send_response(jwks.status)
            for name, value in jwks.headers.items():
                self.send_header(name, value)
            self.end_headers()
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                self.wfile.write(jwks.body)

        def log_message(self, *_: object) -> None:
            return

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    jwks.url = f"http://127.0.0.1:{http.server_address[1]}/jwks"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield jwks
    http.shutdown()
    http.server_close()
    thread.join()


@pytest.fixture
def issuer(tmp_path: Path) -> DevelopmentIssuer:
    return DevelopmentIssuer.create(tmp_path / "keys")


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(500):
        if condition():
            return
        await asyncio.sleep(0.01)
    pytest.fail("what was waited for did not happen")


def test_symmetric_encryption_and_unknown_keys_are_left_out(issuer: DevelopmentIssuer) -> None:
    good = json.loads(issuer.jwks_path.read_bytes())["keys"][0]
    others = [
        {"kty": "oct", "kid": "h", "k": "c2VjcmV0"},
        {**good, "kid": "e", "use": "enc"},
        {**good, "kid": "c", "crv": "P-000"},
        {"kty": "?", "kid": "q"},
    ]
    found = parse_jwks(json.dumps({"keys": [*others, good]}).encode())
    assert list(found) == [issuer.key_id]


@pytest.mark.parametrize("document", [b"", b"[]", b"{}", b'{"keys": 3}', b"\xff", b"[" * 9000])
def test_what_is_no_key_set(document: bytes) -> None:
    with pytest.raises(KeysError, match="not a JSON Web Key Set"):
        parse_jwks(document)


@pytest.mark.parametrize("entry", [{"kty": "oct", "k": "c2VjcmV0", "kid": "h"}, {"kty": "EC", "x": 1}, {}, "x", None])
def test_a_set_without_a_usable_key(entry: object) -> None:
    with pytest.raises(KeysError, match="no public key"):
        parse_jwks(json.dumps({"keys": [entry]}).encode())


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(KeysError, match=r"none\.json"):
        from_file(tmp_path / "none.json")()


async def test_keys_over_http(server: Jwks, issuer: DevelopmentIssuer) -> None:
    server.body = issuer.jwks_path.read_bytes()
    keys = KeySet("i", from_url(server.url, 5.0), Refresh())
    assert keys.generation == 0
    await keys.load()
    assert keys.generation == 1
    assert keys.find(issuer.key_id) is not None


@pytest.mark.parametrize(
    ("status", "body", "headers", "complaint"),
    [
        (503, b"", {}, "answered 503"),
        (302, b"", {"Location": "http://127.0.0.1:1/"}, "answered 302"),
        (200, b" " * (MAX_JWKS_BYTES + 1), {}, "larger than"),
        (200, b"<html>", {}, "not a JSON Web Key Set"),
    ],
)
async def test_bad_answers_leave_the_old_keys(
    server: Jwks, issuer: DevelopmentIssuer, status: int, body: bytes, headers: dict[str, str], complaint: str
) -> None:
    server.body = issuer.jwks_path.read_bytes()
    keys = KeySet("i", from_url(server.url, 5.0), Refresh())
    await keys.load()
    server.status, server.body, server.headers = status, body, headers
    with pytest.raises(KeysError, match=complaint):
        await keys.load()
    assert keys.generation == 1
    assert keys.find(issuer.key_id) is not None


async def test_a_server_that_is_not_there() -> None:
    keys = KeySet("i", from_url("http://127.0.0.1:1/jwks", 1.0), Refresh())
    with pytest.raises(KeysError, match="cannot fetch"):
        await keys.load()


async def test_unknown_key_ids_ask_for_one_refresh_only(server: Jwks, issuer: DevelopmentIssuer) -> None:
    server.body = issuer.jwks_path.read_bytes()
    keys = KeySet("i", from_url(server.url, 5.0), Refresh(every_s=3600.0, at_least_s=0.02))
    task = asyncio.create_task(keys.keep_fresh())
    try:
        await keys.wait_until_loaded()
        assert server.asked == 1
        for number in range(1000):
            assert keys.find(f"forged-{number}") is None
        await until(lambda: server.asked == 2)
        await asyncio.sleep(0.1)
        assert server.asked == 2
    finally:
        task.cancel()


async def test_a_new_key_is_learnt_and_a_removed_one_forgotten(
    server: Jwks, issuer: DevelopmentIssuer, tmp_path: Path
) -> None:
    server.body = issuer.jwks_path.read_bytes()
    keys = KeySet("i", from_url(server.url, 5.0), Refresh(every_s=3600.0, at_least_s=0.01))
    task = asyncio.create_task(keys.keep_fresh())
    try:
        await keys.wait_until_loaded()
        successor = DevelopmentIssuer.create(tmp_path / "next")
        server.body = successor.jwks_path.read_bytes()
        await until(lambda: keys.find(successor.key_id) is not None)
        assert keys.find(issuer.key_id) is None
        assert keys.generation == 2
    finally:
        task.cancel()


async def test_keys_are_had_as_soon_as_the_server_is_back(server: Jwks, issuer: DevelopmentIssuer) -> None:
    server.status = 500
    keys = KeySet("i", from_url(server.url, 5.0), Refresh(every_s=3600.0, at_least_s=0.01))
    task = asyncio.create_task(keys.keep_fresh())
    try:
        await until(lambda: server.asked >= 2)
        assert not keys.loaded
        server.body, server.status = issuer.jwks_path.read_bytes(), 200
        await until(lambda: keys.loaded)
    finally:
        task.cancel()


async def test_a_token_without_key_id_is_served_by_an_only_key(issuer: DevelopmentIssuer, tmp_path: Path) -> None:
    keys = KeySet("i", from_file(issuer.jwks_path), Refresh())
    await keys.load()
    assert keys.find(None) is not None
    other = DevelopmentIssuer.create(tmp_path / "other")
    both = [json.loads(path.read_bytes())["keys"][0] for path in (issuer.jwks_path, other.jwks_path)]
    issuer.jwks_path.write_text(json.dumps({"keys": both}))
    await keys.load()
    assert keys.find(None) is None
