"""Whoever fails too often is locked out; holders of good credentials are not."""

from __future__ import annotations

import base64
import random
from collections import defaultdict
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from authzsvc.contract.reading import parse
from authzsvc.contract.request import FixRequest
from authzsvc.errors import TokenError
from authzsvc.server.attempts import Attempts, LockedOut
from authzsvc.tokens.credential import Credential
from authzsvc.tokens.endpoint import ServerUnavailable
from authzsvc.tokens.guessing import MAX_SHOWN, Guessing, Kind, Limits
from tests.unit.checks import check, logon

BASIC = "Basic YWxnbzpodW50ZXIy"  # algo:hunter2
BAD = TokenError("not accepted", "bad")
ELSEWHERE = "198.51.100.1"


def attempt(
    comp_id: str = "ALGO", authorization: str | None = None, event: str = "logon", host: str = "192.0.2.7"
) -> FixRequest:
    headers = {"authorization": authorization} if authorization else {}
    token = None if authorization else "t"
    request: Any = (
        logon(token, sender=comp_id, headers=headers)
        if event == "logon"
        else check(token, sender=comp_id, headers=headers)
    )
    request.attributes.source.address.socket_address.address = host
    read = parse(request)
    assert isinstance(read, FixRequest)
    return read


def basic(client: str, secret: str) -> str:
    return "Basic " + base64.b64encode(f"{client}:{secret}".encode()).decode()


def fail(attempts: Attempts, request: FixRequest, error: TokenError = BAD) -> None:
    attempts.failed(request, request.credential, error)


def locked(attempts: Attempts, request: FixRequest, *, spare: bool = False) -> bool:
    return attempts.is_locked(request, request.credential, spare=spare)


def presented(request: FixRequest) -> Credential:
    assert request.credential is not None
    return request.credential


@pytest.fixture
def attempts() -> Attempts:
    return Attempts(Guessing(Limits(attempts=3)), clock=lambda: 100.0)


def test_bad_credentials_lock_and_other_troubles_do_not(attempts: Attempts) -> None:
    for _ in range(5):
        fail(attempts, attempt(), TokenError("access token expired", "expired", 8))
        fail(attempts, attempt(), TokenError("not yet", "not yet", 7))
        fail(attempts, attempt(), ServerUnavailable("the authorization server is away"))
        fail(attempts, attempt(), LockedOut())
    assert not locked(attempts, attempt())
    for _ in range(3):
        assert not locked(attempts, attempt())
        fail(attempts, attempt())
    assert locked(attempts, attempt())
    assert not locked(attempts, attempt("OTHER"))
    error = LockedOut()
    assert (error.text, error.session_status, error.unavailable) == ("too many failed logons", 6, True)


def test_a_secret_is_guarded_by_its_client_id_too(attempts: Attempts) -> None:
    """A guesser takes any CompID he likes."""
    for number in range(3):
        fail(attempts, attempt(f"C-{number}", BASIC))
    assert locked(attempts, attempt("C-9", BASIC))
    assert not locked(attempts, attempt("C-9"))


def test_messages_count_too_and_the_same_guess_once(attempts: Attempts) -> None:
    for _ in range(10):
        fail(attempts, attempt("ALGO", BASIC, "message"))
        assert not locked(attempts, attempt("ALGO", BASIC, "message")), "who repeats a guess learns nothing"
    for number in range(2):
        fail(attempts, attempt("ALGO", basic("algo", f"guess-{number}"), "message"))
    assert locked(attempts, attempt("ALGO", BASIC, "message"))


def test_who_is_known_there_is_judged_by_himself() -> None:
    attempts = Attempts(Guessing(Limits(attempts=3, address_attempts=3)), clock=lambda: 100.0)
    attempts.succeeded(attempt("KNOWN"))
    for number in range(3):
        fail(attempts, attempt(f"C-{number}"))
    assert locked(attempts, attempt("NEW"))
    assert not locked(attempts, attempt("KNOWN"))


def test_no_more_are_under_way_at_once_than_may_fail(attempts: Attempts) -> None:
    guesses = [attempt("ALGO", basic("algo", f"guess-{number}"), "message") for number in range(355)]
    flights = [attempts.asking(guess, presented(guess)) for guess in guesses]
    assert sum(flight.__enter__() for flight in flights) == 3
    with attempts.asking(guesses[0], presented(guesses[0])) as may:
        assert may, "the same credential is asked about once, whoever brings it"
    other = attempt("OTHER", basic("other", "x"), "message")
    with attempts.asking(other, presented(other)) as may:
        assert may
    for flight in flights:
        flight.__exit__(None, None, None)
    with attempts.asking(guesses[9], presented(guesses[9])) as may:
        assert may


def test_a_locked_address_does_not_lock_out_its_neighbours() -> None:
    """Neither one who has logged on somewhere lately, nor one who never has."""
    attempts = Attempts(Guessing(Limits(attempts=3, address_attempts=6)), clock=lambda: 100.0)
    attempts.succeeded(attempt("ROVER", basic("rover", "s"), host=ELSEWHERE))
    for number in range(20):
        fail(attempts, attempt(f"C-{number}", basic(f"c-{number}", "guess")))
    assert locked(attempts, attempt("C-1", basic("c-1", "another")), spare=True), "who has failed there is not spared"
    assert not locked(attempts, attempt("ROVER", basic("rover", "s")))
    assert locked(attempts, attempt("NEW", basic("new", "s")))
    assert not locked(attempts, attempt("NEW", basic("new", "s")), spare=True)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32))
def test_guesses_from_one_address_stay_within_the_limits(seed: int) -> None:
    """Whatever names the guesser takes, in whatever order; and a neighbour who has logged on from elsewhere gets in."""
    chance, now = random.Random(seed), 0.0
    limits = Limits(attempts=3, address_attempts=10, comp_id_attempts=12, window_s=60, lock_s=60)
    attempts = Attempts(Guessing(limits), clock=lambda: now)
    known = [f"known-{number}" for number in range(3)]
    for client in known:
        attempts.succeeded(attempt(client.upper(), basic(client, "s"), host=ELSEWHERE))
    heard: dict[str, list[float]] = defaultdict(list)
    for number in range(300):
        now += chance.choice((0.0, 0.1, 1.0))
        client = chance.choice((f"new-{number}", f"new-{number % 7}", *known[:2]))
        guess = attempt(chance.choice((client.upper(), "ANY")), basic(client, f"guess-{number}"), "message")
        if locked(attempts, guess, spare=True):
            continue
        heard[client].append(now)
        fail(attempts, guess)
        assert not locked(attempts, attempt("KNOWN-2", basic("known-2", "s")), spare=True)
    for client, times in heard.items():
        busiest = max(sum(at <= other < at + limits.lock_s for other in times) for at in times)
        assert busiest <= limits.attempts, client
    strangers = [at for client, times in heard.items() if client not in known for at in times]
    windows = 1 + now // limits.window_s
    assert len(strangers) <= windows * (limits.address_attempts + limits.attempts)


def test_operators_see_locks_and_lift_them(caplog: pytest.LogCaptureFixture) -> None:
    now = 100.0
    caplog.set_level("INFO")
    attempts = Attempts(Guessing(Limits(attempts=3, address_attempts=3)), clock=lambda: now)

    def lock(word: str) -> None:
        for number in range(3):
            fail(attempts, attempt("ALGO", basic("algo", f"{word}-{number}")))

    lock("guess")
    assert [(lockout.kind, lockout.name, lockout.address) for lockout in attempts.lockouts()] == [
        (Kind.NAME_THERE, "CompID ALGO", "192.0.2.7"),
        (Kind.ADDRESS, "", "192.0.2.7"),
        (Kind.NAME_THERE, "client algo", "192.0.2.7"),
    ]
    assert attempts.levels() == {Kind.NAME_THERE: 2, Kind.ADDRESS: 1}
    assert len(attempts.clear(name="algo")) == 1
    assert locked(attempts, attempt("ALGO", BASIC))
    assert len(attempts.clear(name="ALGO")) == 1
    assert locked(attempts, attempt("OTHER", BASIC)), "its address still is"
    assert len(attempts.clear(address="192.0.2.7")) == 1
    assert not locked(attempts, attempt("ALGO", BASIC))
    assert attempts.clear(address="192.0.2.7") == []
    lock("once-more")
    assert len(attempts.clear()) == 3
    assert not locked(attempts, attempt("ALGO", BASIC))
    lock("again")
    now += 10_000
    attempts.sweep()
    assert attempts.lockouts() == []
    assert attempts.begun == {Kind.NAME_THERE: 6, Kind.ADDRESS: 3}
    said = [record.message for record in caplog.records]
    assert said.count("locked out after too many failed logons") == 9
    assert said.count("a lock-out was lifted by an operator") == 6
    assert said.count("a lock-out has ended") == 3


def test_no_address_is_kept_that_is_longer_than_any_is() -> None:
    attempts = Attempts(Guessing(Limits()))
    for length in (200, 100_000):
        fail(attempts, attempt(host="1" * length, event="message"))
    assert {len(host) for _, host, _ in attempts._refused} == {MAX_SHOWN}
