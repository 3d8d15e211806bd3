from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from authzsvc.contract.reading import parse
from authzsvc.contract.request import Event, FixRequest, StockRequest
from authzsvc.contract.response import render
from authzsvc.decide import NOT_KEPT, Keeping, Stamp, acknowledged, decide, decide_stock, terms_of, unavailable
from authzsvc.decision import Action, Decision, LogonTerms, ServiceState
from authzsvc.errors import TokenError
from authzsvc.policy.compiler import compile_mapping
from authzsvc.policy.engine import Policy
from authzsvc.standing import Ending, Limit
from authzsvc.tokens.certificate import Certificate
from authzsvc.tokens.claims import Identity
from authzsvc.tokens.endpoint import ServerUnavailable
from tests.unit.checks import MAPPING, check, example_policy, logon, soh
from tests.unit.policy.building import build

NOW = 1_000_000.0
CLAIMS = {"fix_comp_id": "ALGO", "accounts": ["ACC-1"]}
WHO = Identity("https://as", "svc", "algo", "", frozenset({"order:create:equity", "trade:view:own"}), NOW + 600, CLAIMS)
EXPIRED = TokenError("access token expired", "the token expired", 8)
STAMP = Stamp("id-1", NOW, "digest")
HOLDS = "the token and the identity hold"


@pytest.fixture
def policy(tmp_path: Path) -> Policy:
    return example_policy(tmp_path)


def fix(request: object) -> FixRequest:
    parsed = parse(request)
    assert isinstance(parsed, FixRequest)
    return parsed


def judged(policy: Policy, request: object, holder: Identity | TokenError = WHO, max_age: int = 60) -> Decision:
    return decide(fix(request), holder, policy, Stamp("id-1", NOW, policy.digest), Keeping(max_age))


def test_a_good_logon_is_told_its_terms(policy: Policy) -> None:
    request = fix(logon("t"))
    named = decide(request._replace(terms="*"), WHO, policy, Stamp("id-1", NOW, policy.digest))
    assert (named.allowed, named.action, named.scope) == (True, Action.FORWARD, None)
    assert named.terms == LogonTerms(("8",), (), ("F", "q"), policy.want_tags)
    assert {11, 167} <= set(policy.want_tags)
    # A proxy whose Checks would not say by which terms their body is cut always sends the whole.
    unnamed = judged(policy, logon("t"))
    assert unnamed.terms == LogonTerms(("8",), (), ("F", "q"), None)


def test_a_message_whose_check_names_other_terms_is_not_evaluated(policy: Policy) -> None:
    state = ServiceState('"e"', "3.7", terms_of(policy))
    request = fix(check("t", body=soh("11=1|167=CS|")))

    def asked(terms: str) -> Decision:
        return decide(request._replace(terms=terms), WHO, policy, Stamp("id-1", NOW, policy.digest), state=state)

    other = asked("0123456789abcdef")
    assert (other.allowed, other.action, other.ends_session) == (False, Action.TERMS, False)
    assert (other.terms, other.etag, other.revision) == (state.terms, '"e"', "3.7")
    for terms in ("", "*", state.terms.name):
        decided = asked(terms)
        assert decided.action in (Action.FORWARD, Action.REJECT)
        assert (decided.etag, decided.revision, decided.terms_name) == ('"e"', "3.7", state.terms.name)


def test_equal_terms_have_equal_names_and_other_terms_others(policy: Policy) -> None:
    terms = terms_of(policy)
    assert terms.name == terms_of(policy).name
    others = [
        replace(terms, guard_outbound=("9",)),
        replace(terms, exempt=("B",)),
        replace(terms, risk_reducing=()),
        replace(terms, want_tags=(1,)),
        replace(terms, batch=7),
        replace(terms, pass_outbound=()),
        replace(terms, pass_outbound=("j",)),
    ]
    assert len({terms.name, *(other.name for other in others)}) == 8


def test_the_terms_of_a_closed_mapping_name_what_passes() -> None:
    scopes = "scopes: {a:b: {grants: [{message: 8, direction: outbound}]}}\n"
    head = "version: 2\nname: m\nfix: FIX.4.4\nsession: {identity: {}, outbound: closed, passes: [j, 9]}\n"
    assert terms_of(build(scopes, head)).pass_outbound == ("9", "j")
    assert terms_of(build(scopes)).pass_outbound is None


def test_a_logon_with_an_expired_token(policy: Policy) -> None:
    decision = judged(policy, logon("t"), EXPIRED)
    assert (decision.allowed, decision.action, decision.unauthenticated) == (False, Action.LOGOUT, True)
    assert (decision.text, decision.session_status, decision.terms) == ("access token expired", 8, None)


def test_a_logon_under_another_comp_id(policy: Policy) -> None:
    decision = judged(policy, logon("t", sender="OTHER"))
    assert (decision.allowed, decision.action, decision.unauthenticated) == (False, Action.LOGOUT, False)
    assert (decision.text, decision.session_status) == ("SenderCompID is not the token's", 5)


def test_a_message_that_a_scope_grants(policy: Policy) -> None:
    decision = judged(policy, check("t", msg_type="D", body=soh("11=O|167=CS|")))
    assert (decision.allowed, decision.action, decision.scope) == (True, Action.FORWARD, "order:create:equity")
    assert (decision.vary, decision.max_age, decision.reject_reason, decision.text) == ((167,), 60, 0, "")
    assert decision.policy == policy.digest


@pytest.mark.parametrize(
    ("left_s", "keeping", "ages"),
    [
        (600, Keeping(60, 30), (60, 30)),
        (600.9, Keeping(600, 30), (600, 0)),
        (100, Keeping(60, 50), (60, 40)),
        (100, Keeping(60, 0), (60, 0)),
        (59.9, Keeping(60, 50), (59, 0)),
        (0.9, Keeping(60, 50), (0, 0)),
        (-5, Keeping(60, 50), (0, 0)),
        (100, Keeping(0, 50), (0, 0)),
        (100, NOT_KEPT, (0, 0)),
        (100, Keeping(60, 50, past_expiry=True), (60, 50)),
        (-5, Keeping(60, 50, past_expiry=True), (60, 50)),
        (-5, Keeping(0, 50, past_expiry=True), (0, 0)),
    ],
)
@pytest.mark.parametrize("request_", [check("t", msg_type="D", body=soh("11=O|167=CS|")), logon("t")])
def test_nothing_holds_longer_than_the_token(
    policy: Policy, request_: object, left_s: float, keeping: Keeping, ages: tuple[int, int]
) -> None:
    who = replace(WHO, expires_at=NOW + left_s)
    decision = decide(fix(request_), who, policy, STAMP, keeping)
    assert (decision.allowed, decision.max_age, decision.stale_if_error) == (True, *ages)


@pytest.mark.parametrize(
    ("window", "keeping", "ages"),
    [
        ("{before: '13:47'}", Keeping(60, 50), (20, 0)),  # it is 13:46:40 in UTC
        ("{before: '13:48'}", Keeping(60, 50), (60, 20)),
        ("{before: '13:47'}", Keeping(5, 50), (5, 15)),
        ("{before: '13:46:41'}", Keeping(60, 50), (1, 0)),
        ("{after: '08:46 America/New_York', before: '08:47 America/New_York'}", Keeping(60, 50), (20, 0)),
        ("{days: [Mon]}", Keeping(60, 50), (60, 50)),
    ],
)
def test_nothing_holds_past_the_end_of_a_window(window: str, keeping: Keeping, ages: tuple[int, int]) -> None:
    granted = build(f"scopes: {{order:create:equity: {{grants: [{{message: D, when: {{now: {window}}}}}]}}}}\n")
    request = fix(check("t", msg_type="D", body=soh("11=O|167=CS|")))
    decision = decide(request, WHO, granted, STAMP, keeping)
    assert (decision.allowed, decision.max_age, decision.stale_if_error) == (True, *ages)
    assert decision.vary == ()


def test_nothing_holds_past_the_beginning_of_a_forbid() -> None:
    scopes = "scopes: {order:create:equity: {grants: [{message: D}]}}\n"
    policy = build(f"{scopes}forbid: [{{name: auction, message: D, when: {{now: {{after: '13:47'}}}}}}]\n")
    request = fix(check("t", msg_type="D", body=soh("11=O|")))
    assert decide(request, WHO, policy, STAMP, Keeping(60, 50)).max_age == 20
    later = decide(request, WHO, policy, STAMP._replace(now=NOW + 20), Keeping(60, 50))
    assert (later.allowed, later.rule) == (False, "auction")


BY_IDS = [
    ("inbound", 50, "x-fix-sender-sub-id"), ("inbound", 57, "x-fix-target-sub-id"),
    ("inbound", 115, "x-fix-on-behalf-of-comp-id"), ("inbound", 116, "x-fix-on-behalf-of-sub-id"),
    ("inbound", 128, "x-fix-deliver-to-comp-id"), ("inbound", 129, "x-fix-deliver-to-sub-id"),
    ("inbound", 142, "x-fix-sender-location-id"), ("inbound", 143, "x-fix-target-location-id"),
    ("inbound", 144, "x-fix-on-behalf-of-location-id"), ("inbound", 145, "x-fix-deliver-to-location-id"),
    ("outbound", 115, "x-fix-on-behalf-of-comp-id"), ("outbound", 128, "x-fix-deliver-to-comp-id"),
]  # fmt: skip


@pytest.mark.parametrize(("direction", "tag", "header"), BY_IDS)
def test_rules_about_ids_of_the_header(direction: str, tag: int, header: str) -> None:
    """The service knows these ids by the Check's headers, and says that the answer rests on them."""
    grant = f"{{message: 8, direction: {direction}, when: {{{tag}: FIRM, 55: X}}}}"
    policy = build(f"scopes: {{order:create:equity: {{grants: [{grant}]}}}}\n")
    parties = ("ALGO", "VENUE") if direction == "inbound" else ("VENUE", "ALGO")

    def asked(body: str, **headers: str) -> Decision:
        said = {name.replace("_", "-"): value for name, value in headers.items()}
        request = check("t", direction=direction, msg_type="8", sender=parties[0], target=parties[1], body=soh(body),
                        headers=said)  # fmt: skip
        return decide(fix(request), WHO, policy, STAMP, Keeping(60))

    allowed = asked("55=X|", **{header: "FIRM"})
    assert (allowed.allowed, allowed.vary, allowed.max_age) == (True, tuple(sorted((55, tag))), 60)
    assert not asked("55=X|", **{header: "OTHER"}).allowed
    assert not asked("55=X|").allowed
    assert not asked(f"55=X|{tag}=FIRM|", **{header: "OTHER"}).allowed


@pytest.mark.parametrize("past_expiry", [False, True])
def test_nothing_is_kept_while_a_session_is_limited(policy: Policy, past_expiry: bool) -> None:
    keeping = Keeping(60, 30, past_expiry)
    for request in (
        check("t", direction="outbound", msg_type="8", sender="VENUE", target="ALGO", body=soh("1=ACC-1|")),
    ):
        decision = decide(fix(request), WHO, policy, STAMP, keeping, Limit("limited", "limited"))
        assert (decision.allowed, decision.max_age, decision.stale_if_error) == (True, 0, 0)
        assert decide(fix(request), WHO, policy, STAMP, keeping).max_age == 60


def test_denials_and_what_passes_in_shadow_only_are_not_kept(tmp_path: Path) -> None:
    policy = with_mapping(tmp_path, "rollout: {senders: {ALGO: shadow}}")
    decision = decide(fix(check("t", msg_type="F", body=soh("41=1|"))), WHO, policy, STAMP, Keeping(60, 30))
    assert (decision.shadow, decision.max_age, decision.stale_if_error) == (True, 0, 0)


@pytest.mark.parametrize(
    ("msg_type", "body"), [("D", "11=O|167=OPT|"), ("D", "11=O|"), ("AB", "11=O|"), ("ZZ", "1=A|")]
)
def test_a_message_that_no_scope_grants(policy: Policy, msg_type: str, body: str) -> None:
    decision = judged(policy, check("t", msg_type=msg_type, body=soh(body)))
    assert (decision.allowed, decision.action, decision.unauthenticated) == (False, Action.REJECT, False)
    assert (decision.text, decision.reject_reason) == ("Insufficient permissions", 6)
    assert (decision.scope, decision.session_status, decision.max_age) == (None, None, 0)


def with_mapping(tmp_path: Path, more: str) -> Policy:
    path = tmp_path / "more.yaml"
    head = "version: 1\nname: m\nfix: FIX.4.4\nsession: {identity: {SenderCompID: fix_comp_id}}\n"
    path.write_text(f"{head}scopes: {{order:create:equity: {{grants: [{{message: D}}]}}}}\n{more}")
    return compile_mapping(path)


def test_a_denial_in_shadow_passes_and_is_not_kept(tmp_path: Path) -> None:
    policy = with_mapping(tmp_path, "rollout: {senders: {ALGO: shadow}}")
    decision = judged(policy, check("t", msg_type="F", body=soh("41=1|")))
    assert (decision.allowed, decision.action, decision.shadow) == (True, Action.FORWARD, True)
    assert (decision.max_age, decision.text, decision.reject_reason) == (0, "", 0)
    assert decision.reason == "in shadow mode, else denied: no scope of the mapping grants `F` inbound"


def test_the_forbid_that_denied_is_named(tmp_path: Path) -> None:
    policy = with_mapping(tmp_path, "forbid: [{name: no-x, message: D, when: {Symbol: X}, unless: []}]")
    decision = judged(policy, check("t", msg_type="D", body=soh("55=X|")))
    assert (decision.allowed, decision.rule, decision.shadow) == (False, "no-x", False)
    assert judged(policy, check("t", msg_type="D", body=soh("55=Y|"))).allowed


def test_a_decision_rests_on_the_version_of_its_session() -> None:
    head = "version: 1\nname: m\nfix: {names: FIX.5.0SP2, serves: [FIX.4.2, FIX.5.0SP2]}\nsession: {identity: {}}\n"
    kind = "attributes: {kind: {values: {share: [{SecurityType: CS}]}, otherwise: {FIX.4.2: share}}}\n"
    policy = build(kind + "scopes: {order:create:equity: {grants: [{message: AB, when: {kind: share}}]}}\n", head=head)
    request = fix(check("t", body=soh("11=1|55=IBM|")))
    for begin_string, allowed in (("FIX.4.2", True), ("FIX.4.4", False), ("FIXT.1.1", False)):
        party = replace(request.party, begin_string=begin_string)
        assert decide(request._replace(party=party), WHO, policy, STAMP).allowed is allowed


def test_a_logon_tells_of_scopes_that_the_mapping_does_not_know(policy: Policy) -> None:
    odd = replace(WHO, scopes=WHO.scopes | {"openid", "order:create:eqity"})
    assert judged(policy, logon("t"), odd).unknown_scopes == ("openid", "order:create:eqity")
    assert judged(policy, logon("t")).unknown_scopes == ()


def test_a_logon_tells_of_forbids_that_a_wildcard_lifts(policy: Policy) -> None:
    forbid = "forbid: [{name: stop, message: NewOrderSingle, unless: [order:create:option_multileg]}]\n"
    strict = build(MAPPING + forbid, head="")
    wide = replace(WHO, scopes=WHO.scopes | {"order:create:*"})
    renewal = check("t", event="renewal", msg_type="BE", headers={"x-fix-fresh-authorization": "Bearer f"})
    told = "; `order:create:*` covers `order:create:option_multileg`, which lifts the forbid `stop`"
    for request in (logon("t"), renewal):
        assert judged(strict, request, wide).reason.endswith(told)
        assert judged(strict, request).reason == judged(policy, request, wide).reason == HOLDS
    assert judged(strict, check("t", event="watch", headers={"x-fix-session": "s"}), wide).reason == HOLDS


def test_a_denial_says_what_would_have_granted_it(policy: Policy) -> None:
    assert judged(policy, check("t", msg_type="AB")).missing_scopes == ("order:create:option_multileg",)


def test_a_second_logon_as_a_message_is_denied(policy: Policy) -> None:
    assert not judged(policy, check("t", msg_type="A")).allowed


@pytest.mark.parametrize("msg_type", list("012345"))
def test_the_session_level_needs_no_scope_but_a_good_token(policy: Policy, msg_type: str) -> None:
    request = check("t", msg_type=msg_type, body=b"")
    nobody = replace(WHO, scopes=frozenset())
    assert judged(policy, request, nobody).allowed
    assert not judged(policy, request, EXPIRED).allowed


def test_a_token_that_goes_bad_in_mid_session_ends_it(policy: Policy) -> None:
    decision = judged(policy, check("t", msg_type="D"), EXPIRED)
    assert (decision.action, decision.unauthenticated, decision.session_status) == (Action.LOGOUT, True, 8)


def test_an_outbound_message_is_held_to_the_token_of_its_target(policy: Policy) -> None:
    def report(account: str, target: str) -> Decision:
        body = soh(f"1={account}|")
        return judged(policy, check("t", direction="outbound", msg_type="8", sender="V", target=target, body=body))

    assert report("ACC-1", "ALGO").scope == "trade:view:own"
    assert report("ACC-2", "ALGO").text == "Insufficient permissions"
    assert report("ACC-1", "OTHER").text == "SenderCompID is not the token's"


@pytest.mark.parametrize(("left", "age"), [(600.0, 60), (30.9, 30), (0.9, 0), (-5.0, 0)])
def test_no_answer_holds_past_the_tokens_expiry(policy: Policy, left: float, age: int) -> None:
    decision = judged(policy, check("t", msg_type="D", body=soh("167=CS|")), replace(WHO, expires_at=NOW + left))
    assert (decision.allowed, decision.max_age) == (True, age)


def test_no_answer_is_kept_where_single_messages_carry_the_identity(policy: Policy) -> None:
    by_desk = replace(policy, identity={"comp_id": "fix_comp_id", "sub_id": "desk"})
    request = check("t", msg_type="D", body=soh("167=CS|"), headers={"x-fix-sender-sub-id": "d1"})
    decision = judged(by_desk, request, replace(WHO, claims={**CLAIMS, "desk": "d1"}))
    assert (decision.allowed, decision.max_age) == (True, 0)


def test_a_report_is_acknowledged() -> None:
    request = fix(check("t", event="report", headers={"x-fix-report": "violation", "x-fix-reason": "wrong 9"}))
    decision = acknowledged(request, STAMP)
    assert (decision.allowed, decision.action, decision.max_age) == (True, Action.FORWARD, 0)
    assert decision.reason == "violation: wrong 9"


@pytest.mark.parametrize(
    ("event", "action"),
    [(Event.LOGON, Action.LOGOUT), (Event.MESSAGE, Action.REJECT), (None, Action.REJECT)],
)
def test_a_failure_denies_with_application_not_available(event: Event | None, action: Action) -> None:
    decision = unavailable(event, "why", STAMP)
    assert (decision.allowed, decision.action, decision.reject_reason) == (False, action, 4)
    assert (decision.id, decision.policy, decision.reason) == ("id-1", "digest", "why")


@pytest.mark.parametrize(
    ("event", "principal", "allowed"),
    [
        (Event.CONNECTION, "spiffe://a", True),
        (Event.CONNECTION, "spiffe://b", False),
        (Event.CONNECTION, "", False),
        (Event.HTTP, "spiffe://a", False),
    ],
)
def test_stock_filters(event: Event, principal: str, allowed: bool) -> None:
    request = StockRequest(event, "", "", principal, {})
    assert decide_stock(request, frozenset({"spiffe://a", ""}), STAMP).allowed is allowed


@pytest.mark.parametrize(
    ("principal", "certificate", "allowed"),
    [
        ("spiffe://a", Certificate(uris=("spiffe://a",), subject="CN=a"), True),
        ("spiffe://a", Certificate(dns=("spiffe://a",), subject="CN=a"), False),
        ("spiffe://a", Certificate(), False),
        ("a.example", Certificate(dns=("a.example",)), True),
        ("a.example", Certificate(uris=("a.example",)), False),
        ("CN=a,O=b", Certificate(subject="O=b,CN=a"), True),
        ("CN=a,O=b", Certificate(dns=("CN=a,O=b",)), False),
    ],
)
def test_a_principal_is_of_its_kind_where_the_certificate_is_told(
    principal: str, certificate: Certificate, allowed: bool
) -> None:
    request = StockRequest(Event.CONNECTION, "", "", principal, {}, certificate)
    assert decide_stock(request, frozenset({principal}), STAMP).allowed is allowed


LIMIT = Limit("only risk-reducing messages are allowed: margin", "cancel-only `r1` by ops: margin")


def standing(policy: Policy, request: object, left: Limit | Ending) -> Decision:
    who = replace(WHO, scopes=WHO.scopes | {"order:cancel"})
    return decide(fix(request), who, policy, STAMP, Keeping(60, 30), left)


def test_a_limited_session_may_do_what_reduces_risk_and_see_what_came_of_it(policy: Policy) -> None:
    order = standing(policy, check("t", msg_type="D", body=soh("11=O|167=CS|")), LIMIT)
    assert (order.action, order.text, order.max_age) == (Action.REJECT, LIMIT.text, 0)
    report = check("t", direction="outbound", msg_type="8", sender="VENUE", target="ALGO", body=soh("1=ACC-1|"))
    assert standing(policy, report, LIMIT).allowed
    assert standing(policy, logon("t"), LIMIT).allowed


def test_a_limit_may_stop_what_reduces_risk_too(policy: Policy) -> None:
    stopped, flat = replace(LIMIT, stops_all=True), replace(policy, risk_reducing=("D",))
    order = check("t", msg_type="D", body=soh("11=O|167=CS|"))
    assert standing(flat, order, LIMIT).allowed
    assert standing(flat, order, stopped).text == LIMIT.text
    assert standing(policy, check("t", msg_type="0"), stopped).allowed
    report = check("t", direction="outbound", msg_type="8", sender="VENUE", target="ALGO", body=soh("1=ACC-1|"))
    assert standing(policy, report, stopped).allowed


def test_a_limit_grants_nothing(policy: Policy) -> None:
    cancel = standing(policy, check("t", msg_type="F", body=soh("11=O|")), LIMIT)
    assert (cancel.allowed, cancel.text) == (False, "Insufficient permissions")


def test_no_scope_is_missing_where_a_limit_would_deny_anyhow(policy: Policy) -> None:
    spread = check("t", msg_type="AB")
    assert judged(policy, spread).missing_scopes == ("order:create:option_multileg",)
    assert standing(policy, spread, LIMIT).missing_scopes == ()
    report = check("t", direction="outbound", msg_type="8", sender="VENUE", target="ALGO", body=soh("1=ACC-1|"))
    without = replace(WHO, scopes=frozenset[str]())
    assert decide(fix(report), without, policy, STAMP, standing=LIMIT).missing_scopes == ("trade:view:own",)


@pytest.mark.parametrize(
    ("event", "at_once", "action"),
    [
        ("logon", False, Action.LOGOUT),
        ("message", False, Action.LOGOUT),
        ("watch", False, Action.LOGOUT),
        ("renewal", False, Action.REJECT),
        ("watch", True, Action.DISCONNECT),
        ("renewal", True, Action.DISCONNECT),
    ],
)
def test_an_ending_by_event(policy: Policy, event: str, at_once: bool, action: Action) -> None:
    headers = {"x-fix-session": "s", "x-fix-fresh-authorization": "Bearer f"}
    request = check("t", event=event, msg_type="A" if event == "logon" else "BE", headers=headers)
    ending = Ending("margin call", "kill `k1` by ops: margin call", 7, at_once=at_once)
    decision = standing(policy, request, ending)
    assert (decision.allowed, decision.action, decision.text) == (False, action, "margin call")
    assert decision.ends_session == (action is not Action.REJECT)


def test_who_cannot_be_asked_about_denies_a_message_and_ends_no_session(policy: Policy) -> None:
    outage = ServerUnavailable("no answer within 3 s")
    message = judged(policy, check("t", msg_type="D"), outage)
    assert (message.action, message.reject_reason, message.text) == (
        Action.REJECT,
        4,
        "authorization server not available",
    )
    refused = judged(policy, logon("t"), outage)
    assert (refused.action, refused.session_status) == (Action.LOGOUT, 7)


SESSION_LEVEL = ("0", "1", "2", "3", "4", "5")
BOUND = (
    "identity: {SenderCompID: fix_comp_id, SenderSubID: desks, OnBehalfOfCompID: firms, OnBehalfOfSubID: traders}\n"
    "  exempt: [News]\n"
)
DESKS = {**CLAIMS, "desks": ["desk-1", "desk-2"], "firms": "FUND", "traders": ["t1"]}


@pytest.fixture
def bound(tmp_path: Path) -> Policy:
    """A mapping that holds more ids than the CompID against claims."""
    file = tmp_path / "bound.yaml"
    file.write_text(MAPPING.replace("identity: {SenderCompID: fix_comp_id}\n  exempt: []\n", BOUND))
    return compile_mapping(file)


def named(
    policy: Policy, msg_type: str, ids: dict[str, str], left: Limit | None = None, direction: str = "inbound"
) -> Decision:
    """About a message with these ids (`sender_sub_id` and so on)."""
    headers = {f"x-fix-{name.replace('_', '-')}": value for name, value in ids.items()}
    names = ("ALGO", "VENUE") if direction == "inbound" else ("VENUE", "ALGO")
    sender, target = names
    request = check("t", direction=direction, msg_type=msg_type, sender=sender, target=target, headers=headers)
    return decide(fix(request), replace(WHO, claims=DESKS), policy, STAMP, Keeping(60), left)


@pytest.mark.parametrize("msg_type", [*SESSION_LEVEL, "B"])
def test_what_needs_no_scope_is_allowed_under_ids_that_hold(bound: Policy, policy: Policy, msg_type: str) -> None:
    held = {"sender_sub_id": "desk-2", "on_behalf_of_comp_id": "FUND", "target_sub_id": "any"}
    assert named(bound, msg_type, held).allowed
    assert named(bound, msg_type, {"on_behalf_of_sub_id": "t1", "on_behalf_of_location_id": "anywhere"}).allowed
    assert named(bound, msg_type, held, LIMIT).allowed
    assert named(policy, msg_type, {"sender_sub_id": "whatever"}).allowed is (msg_type != "B")


@pytest.mark.parametrize("msg_type", [*SESSION_LEVEL, "B"])
@pytest.mark.parametrize(
    ("ids", "text"),
    [
        ({"sender_sub_id": "desk-3"}, "SenderSubID"),
        ({"on_behalf_of_comp_id": "OTHERFIRM"}, "OnBehalfOfCompID"),
        ({"on_behalf_of_comp_id": "FUND", "on_behalf_of_sub_id": "t2"}, "OnBehalfOfSubID"),
    ],
)
def test_an_id_that_does_not_hold_ends_the_session_in_sequence_whatever_the_type(
    bound: Policy, msg_type: str, ids: dict[str, str], text: str
) -> None:
    decision = named(bound, msg_type, ids)
    assert (decision.allowed, decision.action) == (False, Action.LOGOUT)
    assert decision.text == f"{text} is not the token's"


@pytest.mark.parametrize("msg_type", [*SESSION_LEVEL, "A", "W"])
def test_the_venue_names_the_client_or_its_message_is_withheld(bound: Policy, msg_type: str) -> None:
    known = {"target_sub_id": "desk-1", "deliver_to_comp_id": "FUND", "sender_sub_id": "engine-7"}
    assert named(bound, msg_type, known, direction="outbound").allowed
    assert not named(bound, msg_type, {"target_sub_id": "desk-3"}, direction="outbound").allowed
    assert not named(bound, msg_type, {"deliver_to_comp_id": "OTHERFIRM"}, direction="outbound").allowed


@pytest.mark.parametrize(("username", "accepted"), [("algo", True), ("ALGO", True), ("svc", True), ("jane", False)])
def test_a_logon_is_told_whether_its_username_is_the_clients(policy: Policy, username: str, accepted: bool) -> None:
    request = check("t", event="logon", msg_type="A", body=soh(f"98=0|553={username}|108=30|"))
    decision = judged(policy, request)
    assert (decision.allowed, decision.username) == (True, accepted)
    answer = render(decision, WHO)
    told = [each.header.value for each in answer.ok_response.headers if each.header.key == "x-fix-username"]
    assert told == ["accepted"] * accepted


def test_only_an_allowed_logon_is_told_of_its_username(policy: Policy) -> None:
    body = soh("553=algo|")
    assert not judged(policy, check("t", event="logon", msg_type="A", body=body, sender="OTHER")).username
    assert not judged(policy, check("t", msg_type="0", body=body)).username
    renewal = {"x-fix-session": "s", "x-fix-fresh-authorization": "Bearer f"}
    assert not judged(policy, check("t", event="renewal", msg_type="BE", body=body, headers=renewal)).username
