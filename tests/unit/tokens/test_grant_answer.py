"""What a token endpoint's answer says: a token, a refused client, or trouble."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from authzsvc.errors import TokenError
from authzsvc.tokens.endpoint import BadCredentials, ServerUnavailable
from authzsvc.tokens.grant_answer import token_in
from authzsvc.tokens.http import Answer

GOOD = {"access_token": "t0ken", "token_type": "Bearer", "expires_in": 300}


def answer(members: object, status: int = 200) -> Answer:
    return Answer(status, {"content-type": "application/json"}, json.dumps(members).encode())


def each(name: str, *values: object) -> list[dict[str, object]]:
    return [{name: value} for value in values]


@pytest.mark.parametrize("kind", ["Bearer", "bearer", "BEARER"])
def test_a_token(kind: str) -> None:
    found = token_in(answer({**GOOD, "token_type": kind, "scope": "x", "refresh_token": "y"}))
    assert (found.access_token, found.expires_in) == ("t0ken", 300)
    assert "t0ken" not in repr(found)


def test_no_span_of_time_is_endless() -> None:
    assert token_in(answer({**GOOD, "expires_in": None})).expires_in == 1e9
    assert token_in(answer({**GOOD, "expires_in": 10**400})).expires_in == 1e9
    assert token_in(answer({**GOOD, "expires_in": 0.5})).expires_in == 0.5


@pytest.mark.parametrize(
    "change",
    [
        *each("access_token", None, "", 7, ["t0ken"], "a b", "é", "x" * 16_385, "a\r\nb"),
        *each("token_type", None, "", "DPoP", "mac", "N_A", 7, ["Bearer"]),
        *each("expires_in", 0, -1, "300", True, [], {}),
    ],
)
def test_members_of_the_wrong_kind(change: dict[str, object]) -> None:
    with pytest.raises(ServerUnavailable) as refused:
        token_in(answer({**GOOD, **change}))
    assert "t0ken" not in str(refused.value)


@pytest.mark.parametrize(
    ("status", "members"),
    [
        (401, {"error": "invalid_client"}),
        (400, {"error": "invalid_client"}),
        (400, {"error": "unauthorized_client", "error_description": "x"}),
        (401, {"error": "unauthorized_client"}),
        (401, {"error": "access_denied"}),
    ],
)
def test_a_refused_client(status: int, members: object) -> None:
    with pytest.raises(BadCredentials) as refused:
        token_in(answer(members, status))
    assert (refused.value.text, refused.value.session_status) == ("client credentials not accepted", 5)


@pytest.mark.parametrize(
    ("status", "members"),
    [
        (400, {"error": "invalid_scope"}),
        (400, {"error": "invalid_request"}),
        (400, {"error": ["invalid_client"]}),
        (400, {}),
        (400, "invalid_client"),
        (401, {}),
        (401, None),
        (403, {"error": "invalid_client"}),
        (429, {"error": "slow_down"}),
        (500, {"error": "invalid_client"}),
        (503, None),
        (302, None),
        (201, GOOD),
    ],
)
def test_trouble(status: int, members: object) -> None:
    with pytest.raises(ServerUnavailable) as refused:
        token_in(answer(members, status))
    assert (refused.value.text, refused.value.session_status) == ("authorization server not available", 7)


def test_a_page_is_no_refusal() -> None:
    for status in (200, 401):
        with pytest.raises(ServerUnavailable):
            token_in(Answer(status, {"content-type": "text/html"}, b'{"error": "invalid_client"}'))


def test_words_of_the_server_are_not_repeated() -> None:
    with pytest.raises(ServerUnavailable) as refused:
        token_in(answer({"error": "s3cr3t\ninjected", "error_description": "s3cr3t"}, 400))
    assert "s3cr3t" not in str(refused.value)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200), st.sampled_from([200, 400, 401, 500]))
def test_rubbish(body: bytes, status: int) -> None:
    with pytest.raises(TokenError):
        token_in(Answer(status, {"content-type": "application/json"}, body))
