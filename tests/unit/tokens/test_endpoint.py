"""What is, and what is no, JSON object in an answer; errors without a past."""

from __future__ import annotations

import pytest

from authzsvc.errors import TokenError
from authzsvc.tokens.endpoint import BadCredentials, ServerUnavailable, anew, json_object, media_type
from authzsvc.tokens.http import Answer


def answer(body: bytes, content_type: str | None = "application/json") -> Answer:
    return Answer(200, {} if content_type is None else {"content-type": content_type}, body)


@pytest.mark.parametrize("kind", ["application/json", "Application/JSON; charset=UTF-8", "application/json;x"])
def test_a_json_object(kind: str) -> None:
    assert json_object(answer(b'{"active": true, "n": {"m": [1]}}', kind)) == {"active": True, "n": {"m": [1]}}
    assert media_type(answer(b"", kind)) == "application/json"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"true",
        b"null",
        b'"active"',
        b'{"active": true, "active": false}',
        b'{"a": {"b": 1, "b": 2}}',
        b'{"exp": NaN}',
        b'{"exp": -Infinity}',
        b"\xff\xfe",
        b"<html>",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"exp": ' + b"9" * 5_000 + b"}",
        b'{"active": true} x',
    ],
)
def test_what_is_none(body: bytes) -> None:
    assert json_object(answer(body)) is None


@pytest.mark.parametrize("kind", [None, "", "text/html", "text/plain", "application/jwt", "application/jsonx"])
def test_another_media_type(kind: str | None) -> None:
    assert json_object(answer(b"{}", kind)) is None


@pytest.mark.parametrize(
    "error", [TokenError("text", "reason", 8), ServerUnavailable("down"), BadCredentials("refused")]
)
def test_an_error_anew_is_the_same_without_its_past(error: TokenError) -> None:
    with pytest.raises(TokenError) as raised:
        raise error
    assert raised.value.__traceback__ is not None
    again = anew(raised.value)
    assert type(again) is type(error)
    assert (again.text, again.reason, again.session_status) == (error.text, error.reason, error.session_status)
    assert (again.__traceback__, again.__context__, again.__cause__) == (None, None, None)
