from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from authzsvc.errors import KeysError, KeysWithdrawn
from authzsvc.tokens.development import DevelopmentIssuer
from authzsvc.tokens.http import Http
from authzsvc.tokens.jwks import MAX_ID_LENGTH, MAX_KEYS
from authzsvc.tokens.keys import MAX_JWKS_BYTES, KeySet, Refresh, from_file, from_url

from .web import Reply, Web

JWKS = "/keys"
OFTEN = Refresh(every_s=3600.0, at_least_s=0.02)


@pytest.fixture
def issuer(tmp_path: Path) -> DevelopmentIssuer:
    return DevelopmentIssuer.create(tmp_path / "keys")


@pytest.fixture
def successor(tmp_path: Path) -> DevelopmentIssuer:
    return DevelopmentIssuer.create(tmp_path / "next")


@pytest.fixture
def keys(web: Web, http: Http, issuer: DevelopmentIssuer) -> KeySet:
    web.replies[JWKS] = Reply(issuer.jwks_path.read_bytes())
    return KeySet("i", from_url(http, f"{web.url}{JWKS}"), OFTEN)


@asynccontextmanager
async def kept_fresh(keys: KeySet) -> AsyncIterator[None]:
    task = asyncio.create_task(keys.keep_fresh())
    try:
        yield
        assert not task.done()
    finally:
        task.cancel()


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(500):
        if condition():
            return
        await asyncio.sleep(0.01)
    pytest.fail("what was waited for did not happen")


async def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(KeysError, match=r"none\.json"):
        await from_file(tmp_path / "none.json")(None)


async def test_a_file_that_is_too_large(tmp_path: Path) -> None:
    (tmp_path / "large.json").write_bytes(b" " * (MAX_JWKS_BYTES + 1))
    with pytest.raises(KeysError, match="larger than"):
        await from_file(tmp_path / "large.json")(None)


async def test_keys_over_http(keys: KeySet, issuer: DevelopmentIssuer) -> None:
    assert (keys.generation, keys.loaded) == (0, False)
    await keys.load()
    assert (keys.generation, keys.loaded) == (1, True)
    assert keys.find(issuer.key_id) is not None


@pytest.mark.parametrize(
    ("reply", "complaint"),
    [
        (Reply(status=503), "answered 503"),
        (Reply(status=302, headers={"Location": "http://127.0.0.1:1/"}), "answered 302"),
        (Reply(status=304), "answered 304"),
        (Reply(b" " * (MAX_JWKS_BYTES + 1)), "more than"),
        (Reply(b"<html>"), "not a JSON Web Key Set"),
        (Reply(json.dumps({"keys": [{}] * (MAX_KEYS + 1)}).encode()), "more than 1000 keys"),
        (Reply(wait_s=30.0), "did not answer"),
    ],
)
async def test_bad_answers_leave_the_old_keys(
    web: Web, issuer: DevelopmentIssuer, reply: Reply, complaint: str
) -> None:
    http = Http(timeout_s=0.5)
    keys = KeySet("i", from_url(http, f"{web.url}{JWKS}"), OFTEN)
    web.replies[JWKS] = Reply(issuer.jwks_path.read_bytes())
    await keys.load()
    web.replies[JWKS] = reply
    with pytest.raises(KeysError, match=complaint):
        await keys.load()
    assert keys.generation == 1
    assert keys.find(issuer.key_id) is not None
    web.replies[JWKS] = Reply(issuer.jwks_path.read_bytes())
    await keys.load()
    assert keys.generation == 1
    await http.close()


@pytest.mark.parametrize(
    ("reply", "complaint"),
    [
        (Reply(b'{"keys": []}'), "no public key"),
        (Reply(b'{"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}'), "no public key"),
        (Reply(status=404), "answered 404"),
        (Reply(status=410), "answered 410"),
    ],
)
async def test_keys_are_withdrawn(
    web: Web, keys: KeySet, issuer: DevelopmentIssuer, reply: Reply, complaint: str
) -> None:
    good = web.replies[JWKS] = Reply(issuer.jwks_path.read_bytes(), headers={"ETag": '"1"'})
    await keys.load()
    web.replies[JWKS] = reply
    for _ in range(2):
        with pytest.raises(KeysWithdrawn, match=complaint):
            await keys.load()
    assert keys.find(issuer.key_id) is None
    assert keys.find(None) is None
    assert (keys.generation, keys.loaded, keys.stale) == (2, True, True)
    web.replies[JWKS] = good
    await keys.load()
    assert "if-none-match" not in web.asked[-1].headers
    assert keys.find(issuer.key_id) is not None
    assert (keys.generation, keys.stale) == (3, False)


async def test_an_issuer_that_has_no_keys_yet(web: Web, keys: KeySet) -> None:
    web.replies[JWKS] = Reply(status=404)
    with pytest.raises(KeysWithdrawn):
        await keys.load()
    assert (keys.generation, keys.loaded, keys.age_s) == (0, False, None)


@pytest.mark.parametrize("reply", [Reply(status=503), Reply(b"<html>"), Reply(status=302)])
async def test_keys_are_kept_for_so_long_and_no_longer(
    web: Web, http: Http, issuer: DevelopmentIssuer, reply: Reply
) -> None:
    now = 0.0
    good = web.replies[JWKS] = Reply(issuer.jwks_path.read_bytes())
    source = from_url(http, f"{web.url}{JWKS}")
    keys = KeySet("i", source, Refresh(every_s=300.0, at_least_s=10.0, keep_s=1000.0), clock=lambda: now)

    async def read_at(moment: float) -> bool:
        nonlocal now
        now = moment
        with contextlib.suppress(KeysError):
            await keys.load()
        return keys.find(issuer.key_id) is not None

    assert await read_at(0.0)
    web.replies[JWKS] = reply
    assert await read_at(999.0)
    assert (keys.stale, keys.age_s, keys.generation) == (True, 999.0, 1)
    web.replies[JWKS] = good
    assert await read_at(999.5)
    assert (keys.stale, keys.age_s, keys.generation) == (False, 0.0, 1)
    web.replies[JWKS] = reply
    assert await read_at(1999.0)
    assert not await read_at(1999.5)
    assert (keys.loaded, keys.age_s, keys.generation) == (False, None, 2)
    assert not await read_at(5000.0)
    web.replies[JWKS] = good
    assert await read_at(5001.0)
    assert (keys.loaded, keys.generation) == (True, 3)


async def test_keys_go_in_the_background_when_their_time_is_up(web: Web, http: Http, issuer: DevelopmentIssuer) -> None:
    """Not a whole pause later."""
    web.replies[JWKS] = Reply(issuer.jwks_path.read_bytes(), headers={"Cache-Control": "no-cache"})
    keys = KeySet("i", from_url(http, f"{web.url}{JWKS}"), Refresh(every_s=60.0, at_least_s=0.2, keep_s=0.3))
    async with kept_fresh(keys):
        await keys.wait_until_loaded()
        web.replies[JWKS] = Reply(status=503)
        await until(lambda: keys.find(issuer.key_id) is None)
        assert not keys.loaded
        assert len(web.asked) <= 4


async def test_no_error_holds_the_query(http: Http, caplog: pytest.LogCaptureFixture) -> None:
    keys = KeySet("i", from_url(http, "http://127.0.0.1:1/jwks?api-key=s3cr3t"), OFTEN)
    with pytest.raises(KeysError, match=r"cannot fetch the key set: `127\.0\.0\.1:1` cannot be reached") as refused:
        await keys.load()
    assert "s3cr3t" not in str(refused.value)
    with caplog.at_level(logging.DEBUG):
        async with kept_fresh(keys):
            await until(lambda: "keys not refreshed" in caplog.text)
    assert not any("s3cr3t" in str(vars(record)) for record in caplog.records)


async def test_unknown_key_ids_ask_for_one_refresh_only(web: Web, keys: KeySet) -> None:
    async with kept_fresh(keys):
        await keys.wait_until_loaded()
        assert len(web.asked) == 1
        for number in range(1000):
            assert keys.find(f"forged-{number}") is None
        await until(lambda: len(web.asked) == 2)
        await asyncio.sleep(0.1)
        assert len(web.asked) == 2


async def test_unknown_key_ids_cannot_hurry_the_refresh(web: Web, issuer: DevelopmentIssuer, http: Http) -> None:
    web.replies[JWKS] = Reply(issuer.jwks_path.read_bytes(), headers={"Cache-Control": "no-cache"})
    keys = KeySet("i", from_url(http, f"{web.url}{JWKS}"), Refresh(every_s=3600.0, at_least_s=60.0))
    async with kept_fresh(keys):
        await keys.wait_until_loaded()
        for number in range(20):
            assert keys.find(f"forged-{number}") is None
            await asyncio.sleep(0.01)
        assert len(web.asked) == 1


@pytest.mark.parametrize("kid", ["../../etc/passwd", "' OR 1=1 --", "https://127.0.0.1:1/", "\x00", ""])
async def test_a_key_id_is_only_a_name(web: Web, keys: KeySet, kid: str) -> None:
    await keys.load()
    assert keys.find(kid) is None
    assert web.paths() == [JWKS]


async def test_an_endless_key_id_asks_for_nothing(web: Web, keys: KeySet) -> None:
    async with kept_fresh(keys):
        await keys.wait_until_loaded()
        assert keys.find("k" * (MAX_ID_LENGTH + 1)) is None
        await asyncio.sleep(0.1)
        assert len(web.asked) == 1


async def test_a_new_key_is_learnt_and_a_removed_one_forgotten(
    web: Web, keys: KeySet, issuer: DevelopmentIssuer, successor: DevelopmentIssuer
) -> None:
    async with kept_fresh(keys):
        await keys.wait_until_loaded()
        web.replies[JWKS] = Reply(successor.jwks_path.read_bytes())
        await until(lambda: keys.find(successor.key_id) is not None)
        assert keys.find(issuer.key_id) is None
        assert keys.generation == 2


async def test_keys_are_had_as_soon_as_the_server_is_back(web: Web, keys: KeySet) -> None:
    good = web.replies.pop(JWKS)
    async with kept_fresh(keys):
        await until(lambda: len(web.asked) >= 2)
        assert not keys.loaded
        web.replies[JWKS] = good
        await until(lambda: keys.loaded)


async def test_keys_are_read_again_ahead_of_their_age(web: Web, issuer: DevelopmentIssuer, http: Http) -> None:
    web.replies[JWKS] = Reply(issuer.jwks_path.read_bytes(), headers={"Cache-Control": "public, max-age=0"})
    keys = KeySet("i", from_url(http, f"{web.url}{JWKS}"), OFTEN)
    async with kept_fresh(keys):
        await until(lambda: len(web.asked) >= 3)
    assert keys.generation == 1


async def test_an_unchanged_set_is_not_sent_again(web: Web, keys: KeySet, successor: DevelopmentIssuer) -> None:
    web.replies[JWKS].headers["ETag"] = 'W/"1"'
    await keys.load()
    assert "if-none-match" not in web.asked[0].headers
    web.replies[JWKS] = Reply(status=304, headers={"Cache-Control": "max-age=60"})
    await keys.load()
    await keys.load()
    assert [asked.headers.get("if-none-match") for asked in web.asked[1:]] == ['W/"1"', 'W/"1"']
    assert keys.generation == 1
    web.replies[JWKS] = Reply(successor.jwks_path.read_bytes())
    await keys.load()
    assert keys.find(successor.key_id) is not None
    await keys.load()
    assert "if-none-match" not in web.asked[-1].headers


async def test_a_set_that_was_not_taken_is_asked_for_whole(web: Web, keys: KeySet) -> None:
    web.replies[JWKS] = Reply(b"<html>", headers={"ETag": '"bad"'})
    for _ in range(2):
        with pytest.raises(KeysError):
            await keys.load()
    assert "if-none-match" not in web.asked[1].headers


async def test_keys_that_share_an_id_are_logged(
    web: Web,
    keys: KeySet,
    issuer: DevelopmentIssuer,
    successor: DevelopmentIssuer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    first, second = (json.loads(found.jwks_path.read_bytes())["keys"][0] for found in (issuer, successor))
    web.replies[JWKS] = Reply(json.dumps({"keys": [first, second, {**first, "kid": successor.key_id}]}).encode())
    await keys.load()
    assert keys.find(issuer.key_id) is not None
    assert keys.find(successor.key_id) is None
    assert "share an id" in caplog.text


async def test_a_token_without_key_id_is_served_by_an_only_key(
    issuer: DevelopmentIssuer, successor: DevelopmentIssuer
) -> None:
    keys = KeySet("i", from_file(issuer.jwks_path), Refresh())
    await keys.load()
    assert keys.find(None) is not None
    both = [json.loads(found.jwks_path.read_bytes())["keys"][0] for found in (issuer, successor)]
    issuer.jwks_path.write_text(json.dumps({"keys": both}))
    await keys.load()
    assert keys.find(None) is None


@pytest.mark.parametrize(("fresh_for", "pause"), [(None, 300.0), (0.0, 10.0), (5.0, 10.0), (100.0, 90.0), (1e9, 300.0)])
def test_reads_lie_between_the_bounds(fresh_for: float | None, pause: float) -> None:
    assert Refresh(every_s=300.0, at_least_s=10.0).pause_s(fresh_for) == pause


async def test_one_may_wait_for_the_read_that_an_unknown_key_id_asks_for(
    web: Web, keys: KeySet, successor: DevelopmentIssuer
) -> None:
    async with kept_fresh(keys):
        await keys.wait_until_loaded()
        web.replies[JWKS] = Reply(successor.jwks_path.read_bytes())
        assert keys.find(successor.key_id) is None
        assert await keys.read_again(timeout_s=10.0)
        assert keys.find(successor.key_id) is not None


async def test_nobody_waits_for_ever_for_a_read(keys: KeySet) -> None:
    assert not await keys.read_again(timeout_s=0.01)
