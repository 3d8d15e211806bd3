"""Who fails too often is not heard."""

from __future__ import annotations

from typing import Any

import pytest

from authzsvc.contract.reading import parse
from authzsvc.contract.request import FixRequest
from authzsvc.errors import TokenError
from authzsvc.server.attempts import Attempts
from authzsvc.tokens.endpoint import ServerUnavailable
from authzsvc.tokens.guessing import Guessing, Limits
from tests.unit.checks import logon

BASIC = "Basic YWxnbzpodW50ZXIy"  # algo:hunter2


def attempt(comp_id: str = "ALGO", authorization: str | None = None) -> FixRequest:
    headers = {"authorization": authorization} if authorization else {}
    request: Any = parse(logon(None if authorization else "t", sender=comp_id, headers=headers))
    assert isinstance(request, FixRequest)
    return request


@pytest.fixture
def attempts() -> Attempts:
    return Attempts(Guessing(Limits(attempts=3)), clock=lambda: 100.0)


def test_bad_credentials_lock_and_other_troubles_do_not(attempts: Attempts) -> None:
    for _ in range(5):
        attempts.failed(attempt(), TokenError("access token expired", "expired", 8))
        attempts.failed(attempt(), TokenError("not yet", "not yet", 7))
        attempts.failed(attempt(), ServerUnavailable("the authorization server is away"))
    assert attempts.locked(attempt()) is None
    for _ in range(3):
        assert attempts.locked(attempt()) is None
        attempts.failed(attempt(), TokenError("not accepted", "bad"))
    locked = attempts.locked(attempt())
    assert locked is not None
    assert (locked.text, locked.session_status) == ("too many failed logons", 6)
    assert attempts.locked(attempt("OTHER")) is None


def test_a_secret_is_guarded_by_its_client_id_too(attempts: Attempts) -> None:
    """A guesser takes any CompID he likes."""
    for number in range(3):
        attempts.failed(attempt(f"C-{number}", BASIC), TokenError("not accepted", "bad"))
    assert attempts.locked(attempt("C-9", BASIC)) is not None
    assert attempts.locked(attempt("C-9")) is None


def test_who_is_known_there_is_judged_by_himself(attempts: Attempts) -> None:
    attempts = Attempts(Guessing(Limits(attempts=3, address_attempts=3)), clock=lambda: 100.0)
    attempts.succeeded(attempt("KNOWN"))
    for number in range(3):
        attempts.failed(attempt(f"C-{number}"), TokenError("not accepted", "bad"))
    assert attempts.locked(attempt("NEW")) is not None
    assert attempts.locked(attempt("KNOWN")) is None
