"""The slow introspection endpoint, asked over loopback."""

from __future__ import annotations

import json
import time
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor

from benches.sessions.introspection import opaque, slow_server


def ask(url: str, token: str) -> dict[str, object]:
    form = urllib.parse.urlencode({"token": token}).encode()
    with urllib.request.urlopen(url, form, timeout=10) as answer:
        found: dict[str, object] = json.loads(answer.read())
    return found


def test_each_token_is_its_own_clients_and_others_are_none() -> None:
    tokens, answers = opaque(["S1", "S2"], ["a:b", "c:d"])
    with slow_server(answers, 0.0) as server:
        good = ask(server.url, tokens["S2"])
        assert ask(server.url, "another") == {"active": False}
    assert (good["active"], good["fix_comp_id"], good["scope"]) == (True, "S2", "a:b c:d")
    assert "." not in tokens["S1"]
    assert server.asked == 2


def test_all_that_ask_wait_at_once() -> None:
    tokens, answers = opaque([f"S{number}" for number in range(4)], [])
    with slow_server(answers, 0.5) as server, ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(ask, server.url, token) for token in tokens.values()]
        deadline = time.monotonic() + 10
        while server.waiting < 4 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert server.waiting == 4
        assert all(one.result()["active"] for one in asked)
    assert server.waiting == 0
