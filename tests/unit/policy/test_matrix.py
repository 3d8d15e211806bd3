"""Every row of the scope matrix, as data, against the shipped mapping: what each scope grants and what it does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from authzsvc.fix.direction import Direction
from authzsvc.fix.fields import Fields
from authzsvc.policy.compiler import compile_mapping
from authzsvc.policy.engine import Question, Verdict

MAPPINGS = Path(__file__).parents[3] / "mappings"
POLICY = compile_mapping(MAPPINGS / "institutional.yaml")

SPREAD = "555=2|600=A|608=OC|600=B|608=OC|"
ENTRY = "55=A|54=1|"
OPTIONS = "146=2|55=A|167=OPT|55=B|167=OPT|"
MIXED = "146=2|55=A|167=OPT|55=B|167=CS|"

GRANTED = [
    ("order:create:equity", "D", "11=1|167=CS|40=2|"),
    ("order:create:future", "D", "167=FUT|"),
    ("order:create:option_multileg", "AB", SPREAD),
    ("order:create:limit", "D", "40=2|167=CS|"),
    ("order:create:market", "D", "40=1|"),
    ("order:cancel", "F", "41=1|11=2|"),
    ("order:cancel:all", "F", "41=1|11=2|"),
    ("order:cancel:all", "q", "530=7|"),
    ("order:replace", "G", "41=1|11=2|"),
    ("order:status", "H", "11=1|"),
    ("marketdata:subscribe:level1", "V", "262=r|263=1|264=1|146=1|55=A|"),
    ("marketdata:subscribe:option", "V", "262=r|263=1|264=0|" + OPTIONS),
    ("marketdata:snapshot", "V", "263=0|264=0|" + MIXED),
    ("marketdata:unsubscribe", "V", "263=2|"),
    # The wider set.
    ("order:create:option", "D", "167=OPT|"),
    ("order:create:fx", "D", "167=FXSPOT|"),
    ("order:replace:option_multileg", "AC", SPREAD),
    ("order:status:all", "AF", "585=7|"),
    ("order:create:list", "E", "66=1|73=1|11=1|" + ENTRY),
    ("quote:create:mass", "i", "117=1|296=1|302=s|295=1|299=e|55=A|132=1|133=2|"),
    ("quote:request:create", "R", "131=1|"),
    ("position:view", "AN", "710=1|"),
    ("trade:capture:view", "AD", "568=1|"),
    ("trade:capture:create", "AE", "571=1|55=A|552=1|54=1|"),
]

REFUSED = [
    ("order:create:equity", "D", "167=FUT|"),
    ("order:create:equity", "D", "11=1|200=202703|"),
    ("order:create:equity", "D", "167=CS|167=FUT|"),
    ("order:create:equity", "AB", SPREAD),
    ("order:create:equity", "F", "41=1|"),
    ("order:create:future", "D", "167=CS|"),
    ("order:create:option_multileg", "D", "167=OPT|"),
    ("order:create:option_multileg", "D", "167=MLEG|"),
    ("order:create:option_multileg", "AC", SPREAD),
    ("order:create:limit", "D", "40=1|"),
    ("order:create:market", "D", "40=2|"),
    ("order:cancel", "q", "530=7|"),
    ("order:cancel", "G", "41=1|"),
    ("order:replace", "F", "41=1|"),
    ("order:replace", "AC", "41=1|"),
    ("order:status", "AF", "585=7|"),
    ("marketdata:subscribe:level1", "V", "263=1|264=0|"),
    ("marketdata:subscribe:level1", "V", "263=0|264=1|"),
    ("marketdata:subscribe:level1", "V", "263=1|"),
    ("marketdata:subscribe:option", "V", "263=1|264=0|" + MIXED),
    ("marketdata:subscribe:option", "V", "263=1|264=0|146=1|55=A|"),
    ("marketdata:subscribe:option", "V", "263=1|264=0|167=OPT|"),
    ("marketdata:subscribe:option", "V", "263=1|264=0|146=3|55=A|167=OPT|55=B|167=OPT|"),
    ("marketdata:snapshot", "V", "263=1|"),
    ("marketdata:unsubscribe", "V", "263=0|"),
    ("trade:view:own", "D", "167=CS|"),
]

SINGLE = frozenset({"D", "G", "AB", "AC"})
"""Messages that `decide` gives a symbol and a side: without them, forbids fire."""

ALGO_PROVIDER = "order:create:option_multileg order:cancel order:replace marketdata:subscribe:option"


def decide(
    scopes: str, msg_type: str, body: str, direction: Direction = Direction.INBOUND, **claims: object
) -> Verdict:
    whole = ENTRY + body if msg_type in SINGLE else body
    fields = Fields.parse(whole.replace("|", "\x01").encode())
    return POLICY.decide(Question(direction, msg_type, fields, frozenset(scopes.split()), claims))


@pytest.mark.parametrize(("scope", "msg_type", "body"), GRANTED)
def test_granted(scope: str, msg_type: str, body: str) -> None:
    assert decide(scope, msg_type, body).scope == scope


@pytest.mark.parametrize(("scope", "msg_type", "body"), GRANTED)
def test_not_granted_without_the_scope(scope: str, msg_type: str, body: str) -> None:
    verdict = decide("", msg_type, body)
    assert not verdict.allowed
    assert scope in verdict.missing_scopes


@pytest.mark.parametrize(("scope", "msg_type", "body"), REFUSED)
def test_refused(scope: str, msg_type: str, body: str) -> None:
    assert not decide(scope, msg_type, body).allowed


@pytest.mark.parametrize("account", ["A1", "A2"])
def test_own_trades_are_seen(account: str) -> None:
    verdict = decide("trade:view:own", "8", f"37=1|1={account}|", Direction.OUTBOUND, accounts=["A1", "A2"])
    assert verdict.scope == "trade:view:own"


def test_trades_that_name_nobody_are_the_sessions_own() -> None:
    assert decide("trade:view:own", "8", "37=1|", Direction.OUTBOUND, accounts=["A1"]).scope == "trade:view:own"


@pytest.mark.parametrize(
    ("scopes", "body", "claims"),
    [
        ("trade:view:own", "37=1|1=B1|", {"accounts": ["A1"]}),
        ("trade:view:own", "37=1|109=FUND-9|", {"accounts": ["A1"]}),
        ("trade:view:own:account", "37=1|", {"accounts": ["A1"]}),
        ("trade:view:own", "37=1|1=A1|", {}),
        ("order:cancel", "37=1|1=A1|", {"accounts": ["A1"]}),
    ],
)
def test_other_trades_are_not(scopes: str, body: str, claims: dict[str, object]) -> None:
    assert not decide(scopes, "8", body, Direction.OUTBOUND, **claims).allowed


@pytest.mark.parametrize(
    ("msg_type", "body", "scope"),
    [
        ("AB", SPREAD, "order:create:option_multileg"),
        ("G", "41=1|11=2|", "order:replace"),
        ("F", "41=1|11=2|", "order:cancel"),
        ("V", "263=1|264=0|" + OPTIONS, "marketdata:subscribe:option"),
    ],
)
def test_algo_provider_at_its_work(msg_type: str, body: str, scope: str) -> None:
    assert decide(ALGO_PROVIDER, msg_type, body).scope == scope


def test_algo_provider_s_bad_release() -> None:
    verdict = decide(ALGO_PROVIDER, "D", "11=1|167=CS|40=2|44=10|")
    assert not verdict.allowed
    assert "order:create:equity" in verdict.missing_scopes


def test_every_scope_has_a_description() -> None:
    assert [name for name, scope in POLICY.scope_terms.items() if not scope.description] == []


def test_the_quickstart_compiles() -> None:
    policy = compile_mapping(MAPPINGS / "quickstart.yaml")
    assert policy.scopes == {"order:create:equity", "order:cancel"}
    assert policy.risk_reducing == ("F",)
