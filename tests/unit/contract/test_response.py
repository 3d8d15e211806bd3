from __future__ import annotations

from dataclasses import replace

import pytest
from envoy.service.auth.v3.external_auth_pb2 import CheckResponse
from google.protobuf import json_format

from authzsvc._gen.fixauthz.v1.event_pb2 import DecisionMetadata
from authzsvc.contract.response import encode, render
from authzsvc.decision import Action, Decision, LogonTerms
from authzsvc.tokens.claims import Identity
from tests.unit.checks import Answer

ALLOWED = Decision(
    allowed=True,
    action=Action.FORWARD,
    id="0123456789abcdef01234567",
    text="",
    reason="granted",
    unauthenticated=False,
    reject_reason=0,
    session_status=None,
    scope="order:cancel",
    missing_scopes=(),
    vary=(167, 40),
    policy="abc",
    max_age=30,
    terms=None,
)
DENIED = ALLOWED._replace(
    allowed=False,
    action=Action.REJECT,
    text="Insufficient permissions",
    reject_reason=6,
    scope=None,
    max_age=0,
)
LOGON = ALLOWED._replace(scope=None, vary=(), terms=LogonTerms(("8", "AE"), (), ("F", "q"), (11, 167)))
EXPIRED = DENIED._replace(action=Action.LOGOUT, unauthenticated=True, session_status=8, text="access token expired")
WHO = Identity("https://as", "svc", "algo", "", frozenset(), 1.0, {})


def test_allowed() -> None:
    answer = Answer(render(ALLOWED, WHO))
    assert answer.allowed
    assert answer.response.status.code == 0
    assert answer.headers == {
        "x-fix-action": "forward",
        "x-fix-decision-id": ALLOWED.id,
        "x-fix-scope": "order:cancel",
        "x-fix-policy": "abc",
        "cache-control": "max-age=30",
        "x-fix-vary": "167,40",
    }


@pytest.mark.parametrize(
    ("max_age", "stale", "words"),
    [(30, 0, "max-age=30"), (30, 7, "max-age=30, stale-if-error=7"), (0, 7, "no-store"), (0, 0, "no-store")],
)
def test_how_long_it_holds(max_age: int, stale: int, words: str) -> None:
    decision = ALLOWED._replace(max_age=max_age, stale_if_error=stale)
    assert Answer(render(decision, WHO)).headers["cache-control"] == words


def test_allowed_without_need_of_a_scope() -> None:
    assert Answer(render(ALLOWED._replace(scope=None), WHO)).headers["x-fix-scope"] == "-"


def test_an_allowed_logon_names_whose_session_it_is_and_gives_nothing_away() -> None:
    def named(identity: Identity | None) -> str | None:
        return Answer(render(LOGON, identity)).headers.get("x-fix-client")

    name = named(WHO)
    assert name is not None
    assert name == named(replace(WHO, token_id="another", scopes=frozenset({"x"}), expires_at=2.0))
    others = [replace(WHO, issuer="https://as/svc", subject=""), replace(WHO, subject="s"), replace(WHO, client_id="a")]
    assert len({name, *map(named, others)}) == 4
    assert len(name) == 32
    assert named(None) is None
    assert "x-fix-client" not in Answer(render(ALLOWED, WHO)).headers
    assert "x-fix-client" not in Answer(render(EXPIRED, WHO)).headers


def test_an_allowed_logon_has_its_terms() -> None:
    headers = Answer(render(LOGON, WHO)).headers
    assert headers["x-fix-guard-outbound"] == "8,AE"
    assert headers["x-fix-exempt"] == ""
    assert headers["x-fix-risk-reducing"] == "F,q"
    assert headers["x-fix-want-tags"] == "11,167"


@pytest.mark.parametrize("passes", [(), ("9", "j")])
def test_a_closed_direction_is_told_by_what_passes(passes: tuple[str, ...]) -> None:
    assert LOGON.terms is not None
    terms = replace(LOGON.terms, pass_outbound=passes)
    headers = Answer(render(LOGON._replace(terms=terms), WHO)).headers
    assert (headers["x-fix-guard-outbound"], headers["x-fix-pass-outbound"]) == ("*", ",".join(passes))
    assert headers["x-fix-terms"] == terms.name != LOGON.terms.name
    assert "x-fix-pass-outbound" not in Answer(render(LOGON, WHO)).headers


def test_denied() -> None:
    answer = Answer(render(DENIED, WHO))
    assert not answer.allowed
    assert (answer.response.status.code, answer.response.denied_response.status.code) == (7, 403)
    assert answer.text == "Insufficient permissions"
    assert answer.headers == {
        "x-fix-action": "reject",
        "x-fix-decision-id": DENIED.id,
        "x-fix-policy": "abc",
        "cache-control": "no-store",
        "x-fix-reject-reason": "6",
        "x-fix-vary": "167,40",
    }


def test_unauthenticated() -> None:
    answer = Answer(render(EXPIRED, None))
    assert (answer.response.status.code, answer.response.denied_response.status.code) == (16, 401)
    assert (answer.headers["x-fix-action"], answer.headers["x-fix-session-status"]) == ("logout", "8")


def test_metadata_is_the_documented_message() -> None:
    found = json_format.ParseDict(dict(Answer(render(ALLOWED, WHO)).metadata), DecisionMetadata())
    assert (found.decision_id, found.scope, found.subject) == (ALLOWED.id, "order:cancel", "svc")
    assert set(Answer(render(EXPIRED, None)).metadata) == {"decision_id", "verdict", "reason", "policy"}


@pytest.mark.parametrize(
    "decision", [ALLOWED, ALLOWED._replace(stale_if_error=9), DENIED, LOGON, EXPIRED, ALLOWED._replace(id="short")]
)
@pytest.mark.parametrize("who", [WHO, None])
@pytest.mark.parametrize("allowed", [None, 0, 63])
def test_the_fast_way_gives_the_same_answer(decision: Decision, who: Identity | None, allowed: int | None) -> None:
    for number in range(3):
        mine = decision._replace(id=decision.id.replace("0", str(number)))
        assert CheckResponse.FromString(encode(mine, who, allowed)) == render(mine, who, allowed)


@pytest.mark.parametrize("decision", [ALLOWED, DENIED])
def test_how_many_of_several_are_allowed(decision: Decision) -> None:
    assert "x-fix-allowed" not in Answer(render(decision, WHO)).headers
    assert Answer(render(decision, WHO, 0)).headers["x-fix-allowed"] == "0"
    assert Answer(render(decision, WHO, 64)).headers["x-fix-allowed"] == "64"


def test_several_at_once_are_offered_where_there_may_be_several() -> None:
    assert "x-fix-batch" not in Answer(render(LOGON, WHO)).headers
    assert LOGON.terms is not None
    offering = LOGON._replace(terms=replace(LOGON.terms, batch=64))
    assert Answer(render(offering, WHO)).headers["x-fix-batch"] == "64"
