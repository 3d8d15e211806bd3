"""Warnings of a mapping that enforces less than it seems to say: each at its place, and none where all is enforced."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from authzsvc.policy import warnings
from authzsvc.policy.compiler import compile_mapping
from authzsvc.policy.engine import Policy, Question
from authzsvc.policy.warnings import Kind
from tests.unit.policy.building import HEAD, build, write
from tests.unit.policy.reference import Asked, Reference
from tests.unit.policy.test_reference import QUESTIONS, compiled, mappings, slow

fewer = settings(slow, max_examples=40)
MAPPINGS = Path(__file__).parents[3] / "mappings"

CLEAN = """\
lists:
  restricted: {values: [EVIL]}
session: {risk_reducing: [OrderCancelRequest], exempt: [News]}
rollout: {mode: enforce, messages: {D: enforce}, senders: {ALGO: enforce}}
roles:
  trader: {scopes: ["order:create:equity", "order:cancel:*"]}
  both: {scopes: ["order:create:*", "order:create:restricted"], roles: [trader]}
scopes:
  order:create:equity: {grants: [{message: NewOrderSingle}]}
  order:create:restricted: {grants: [{message: NewOrderSingle, when: {Symbol: {in_list: restricted}}}]}
  order:cancel:own: {grants: [{message: OrderCancelRequest}]}
  trade:view:own: {grants: [{message: ExecutionReport, direction: outbound}]}
  quote:make:any: {grants: [{message: Quote}, {message: Quote, direction: outbound}]}
forbid:
  - name: restricted-list
    message: NewOrderSingle
    when: {Symbol: {in_list: restricted}}
    unless: ["order:create:restricted"]
"""
HEAD_ALONE = HEAD.replace("session: {identity: {}}\n", "")


def built(*changes: tuple[str, str]) -> Policy:
    text = CLEAN.replace("session: {", "session: {identity: {}, ")
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return build(text, HEAD_ALONE)


def told(policy: Policy) -> list[tuple[Kind, str, str]]:
    found = warnings.find(policy)
    assert all(one.fault.line > 0 and one.fault.file and one.fault.hint for one in found)
    return [(one.kind, one.fault.key, one.fault.text) for one in found]


def test_nothing_where_all_is_enforced() -> None:
    assert told(built()) == []


@pytest.mark.parametrize("name", ["institutional.yaml", "quickstart.yaml"])
def test_the_shipped_mappings_have_none(name: str) -> None:
    assert told(compile_mapping(MAPPINGS / name)) == []


PASS = "denials are recorded, and their messages pass"


@pytest.mark.parametrize(
    ("old", "new", "key", "text"),
    [
        (
            "{mode: enforce, messages: {D: enforce}, senders: {ALGO: enforce}}",
            "{mode: shadow}",
            "rollout.mode",
            f"puts everything in shadow: {PASS}",
        ),
        (
            "mode: enforce",
            "mode: shadow",
            "rollout.mode",
            f"puts everything in shadow but what `enforce` is written for: {PASS}",
        ),
        ("D: enforce", "G: shadow", "rollout.messages.G", f"puts `OrderCancelReplaceRequest` in shadow: {PASS}"),
        ("ALGO: enforce", "NEW: shadow", "rollout.senders.NEW", f"puts the client `NEW` in shadow: {PASS}"),
        (
            "order:cancel:own: {",
            "order:cancel:own: {mode: shadow, ",
            "scopes.order:cancel:own.mode",
            "is in shadow: a message that only this scope would have granted passes",
        ),
    ],
)
def test_shadow(old: str, new: str, key: str, text: str) -> None:
    assert told(built((old, new))) == [(Kind.SHADOW, key, text)]


def test_a_shadow_that_an_enforce_overrides_is_none() -> None:
    assert told(built(("order:create:equity: {", "order:create:equity: {mode: shadow, "))) == []


@fewer
@given(mappings(), st.lists(QUESTIONS, min_size=1, max_size=8))
def test_without_a_warning_of_shadow_nothing_passes_in_shadow(data: dict[str, Any], questions: list[Question]) -> None:
    policy = compiled(data)
    if any(one.kind is Kind.SHADOW for one in warnings.find(policy)):
        return
    assert not any(policy.decide(question).shadow for question in questions)


@pytest.mark.parametrize(
    ("rule", "what"),
    [
        ("forbid: [{name: f, message: D, when: {Symbol: {in_list: none}}}]", "the forbid `f` never fires"),
        (
            "forbid: [{name: f, message: D, when: {Symbol: {not_in_list: none}}}]",
            "the forbid `f` fires whatever the value",
        ),
        (
            "forbid: [{name: f, message: D, when: {NoPartyIDs: {any_entry: {PartyID: {in_list: none}}}}}]",
            "the forbid `f` never fires",
        ),
        (
            "scopes: {a:c: {grants: [{message: D, when: {Symbol: {in_list: none}}}]}}",
            "a grant of `a:c` grants nothing",
        ),
        (
            "scopes: {a:c: {grants: [{message: D, when: {Symbol: {not_in_list: none}}}]}}",
            "a grant of `a:c` takes every value",
        ),
    ],
)
def test_an_empty_list(tmp_path: Path, rule: str, what: str) -> None:
    """A list that is written out cannot be empty; one in a file can, when nothing but comments is left in it."""
    (tmp_path / "none.txt").write_text("# nobody today\n\n")
    more = "include: [rule.yaml]\nlists: {none: {file: none.txt}}\nscopes: {a:b: {grants: [{message: D}]}}\n"
    policy = compile_mapping(write(tmp_path, m=more, rule=f"{rule}\n"))
    assert told(policy) == [(Kind.EMPTY_LIST, "lists.none", f"is empty, so that {what}")]
    (tmp_path / "none.txt").write_text("EVIL # today\n")
    assert told(compile_mapping(tmp_path / "m.yaml")) == []


@pytest.mark.parametrize(
    "message", ["NewOrderSingle", "G", "NewOrderList", "MassQuote", "NewOrderCross", "AB", "AC", "QuoteResponse"]
)
def test_a_list_of_what_reduces_risk_that_has_what_opens_it(message: str) -> None:
    policy = built(("[OrderCancelRequest]", f"[OrderCancelRequest, {message}]"))
    ((kind, key, text),) = told(policy)
    assert (kind, key) == (Kind.OPENS_RISK, "session.risk_reducing[1]")
    assert "opens risk, and passes when no decision is to be had" in text


@pytest.mark.parametrize("message", ["F", "q", "ListCancelRequest", "QuoteCancel", "OrderStatusRequest", "CA"])
def test_a_list_of_what_reduces_risk_that_does(message: str) -> None:
    head = HEAD_ALONE.replace("FIX.4.4", "FIX.5.0SP2") + "session: {identity: {}, risk_reducing: [" + message + "]}\n"
    assert told(build("scopes: {a:b: {grants: [{message: News}]}}\n", head)) == []


def test_an_order_that_is_exempt() -> None:
    assert told(built(("exempt: [News]", "exempt: [News, ListExecute]"))) == [
        (Kind.OPENS_RISK, "session.exempt[1]", "`ListExecute` opens risk, and needs no scope")
    ]


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (
            "grants: [{message: D}, {message: F, direction: outbound}]",
            "is on `OrderCancelRequest` outbound, which only the client ever sends",
        ),
        (
            "grants: [{message: D}, {message: V, direction: outbound}]",
            "is on `MarketDataRequest` outbound, which only the client ever sends",
        ),
    ],
)
def test_a_grant_on_what_only_ever_goes_the_other_way(rule: str, text: str) -> None:
    policy = build(f"scopes: {{a:b: {{{rule}}}}}\n")
    assert told(policy) == [(Kind.OTHER_WAY, "scopes.a:b.grants[1]", text)]


@pytest.mark.parametrize(
    ("direction", "message", "text"),
    [
        ("outbound", "NewOrderSingle", "is on `NewOrderSingle` outbound, which only the client ever sends"),
        ("inbound", "ExecutionReport", "is on `ExecutionReport` inbound, which only the venue ever sends"),
    ],
)
def test_a_forbid_on_what_only_ever_goes_the_other_way(direction: str, message: str, text: str) -> None:
    forbid = f"forbid: [{{name: f, message: [News, {message}], direction: {direction}}}]\n"
    policy = build(f"scopes: {{a:b: {{grants: [{{message: D}}]}}}}\n{forbid}")
    assert told(policy) == [(Kind.OTHER_WAY, "forbid.f", text)]


@pytest.mark.parametrize("key", ["exempt", "risk_reducing"])
def test_a_list_of_inbound_messages_with_what_only_the_venue_sends(key: str) -> None:
    head = HEAD_ALONE + f"session: {{identity: {{}}, {key}: [ExecutionReport]}}\n"
    assert told(build("scopes: {a:b: {grants: [{message: D}]}}\n", head)) == [
        (Kind.OTHER_WAY, f"session.{key}[0]", "names `ExecutionReport`, which only the venue ever sends")
    ]


@pytest.mark.parametrize("message", ["ExecutionReport", "OrderCancelReject", "MarketDataSnapshotFullRefresh", "N"])
def test_a_grant_on_a_report_without_its_direction(message: str) -> None:
    ((kind, key, text),) = told(build(f"scopes: {{a:b: {{grants: [{{message: {message}}}]}}}}\n"))
    assert (kind, key) == (Kind.INBOUND_REPORT, "scopes.a:b.grants[0]")
    assert text.endswith("inbound, which only the venue ever sends: it guards no report")
    assert told(build(f"scopes: {{a:b: {{grants: [{{message: {message}, direction: outbound}}]}}}}\n")) == []


@pytest.mark.parametrize("message", ["TradeCaptureReport", "Quote", "AllocationReport", "Confirmation", "News"])
def test_what_either_side_may_send_is_warned_of_in_no_direction(message: str) -> None:
    grants = f"{{message: {message}}}, {{message: {message}, direction: outbound}}"
    assert told(build(f"scopes: {{a:b: {{grants: [{grants}]}}}}\n")) == []


@pytest.mark.parametrize("scope", ["order:create:*", "order:*:restricted", "*:create:*"])
def test_a_wildcard_of_a_role_that_lifts_a_forbid(scope: str) -> None:
    policy = built(('"order:create:equity", ', f'"order:create:equity", "{scope}", '), ('["order:create:*", ', "["))
    text = f"`{scope}` covers `order:create:restricted`, which lifts the forbid `restricted-list`"
    assert told(policy)[:1] == [(Kind.WILDCARD, "roles.trader.scopes[1]", text)]


def test_a_lift_that_is_written_out_is_meant() -> None:
    """In the role itself, or in one that it includes; what includes the role only is another matter."""
    wide = ('"order:create:equity", ', '"order:create:*", ')
    assert [key for _, key, _ in told(built(wide))] == ["roles.trader.scopes[0]"]
    lifting = "  lifting: {scopes: ['order:create:restricted']}\nscopes:\n"
    included = ('"order:cancel:*"]}', '"order:cancel:*"], roles: [lifting]}')
    assert told(built(wide, ("scopes:\n", lifting), included)) == []


def test_a_scope_that_by_its_length_alone_lifts_a_forbid() -> None:
    prefixed = ("lists:\n", "scope_prefixes: true\nlists:\n")
    general = ("  order:create:equity: {", "  order:create: {grants: [{message: D}]}\n  order:create:equity: {")
    text = "`order:create` covers `order:create:restricted`, which lifts the forbid `restricted-list`"
    assert told(built(prefixed)) == []
    assert told(built(general)) == []
    assert told(built(prefixed, general)) == [(Kind.WILDCARD, "scopes.order:create", text)]
    named = ('unless: ["order:create:restricted"]', 'unless: ["order:create:restricted", "order:create"]')
    assert told(built(prefixed, general, named)) == []


PATTERNS = st.lists(
    st.sampled_from(["order:*", "order:*:equity", "*:create:equity:*", "*:create", "order:create"]),
    min_size=1,
    max_size=2,
)


@fewer
@given(mappings(), PATTERNS)
def test_without_a_warning_a_role_lifts_only_by_what_is_written_out(data: dict[str, Any], patterns: list[str]) -> None:
    data["version"] = 1
    data["roles"] = {"a": {"scopes": patterns}, "b": {"scopes": sorted(data["scopes"])[:1], "roles": ["a"]}}
    policy, reference = compiled(data), Reference(data)
    keys = {
        one.fault.key.split(".grants")[0].split(".scopes[")[0]
        for one in warnings.find(policy)
        if one.kind is Kind.WILDCARD
    }
    for name, reached in (("a", ["a"]), ("b", ["a", "b"])):
        scopes, _ = reference.held(Asked("inbound", "D", (), frozenset({f"role:{name}"}), {}, ""))
        written = {scope for role in reached for scope in data["roles"][role]["scopes"]}
        lifted = [f for f in data["forbid"] if scopes & set(f["unless"]) and f.get("wildcards_lift", True)]
        unseen = [forbid["name"] for forbid in lifted if not written & set(forbid["unless"])]
        # What is told of a role that is included is not told again of the one that includes it.
        assert not unseen or keys & {f"roles.{role}" for role in reached}


def test_in_the_order_of_files_and_lines_and_each_once() -> None:
    policy = built(
        ("mode: enforce", "mode: shadow"), ("[OrderCancelRequest]", "[D, D]"), ("exempt: [News]", "exempt: [L]")
    )
    found = warnings.find(policy)
    assert [one.fault.line for one in found] == sorted(one.fault.line for one in found)
    assert len(set(found)) == len(found) == 3
    shuffled = random.Random(7).sample(found, len(found))
    assert warnings.count(shuffled) == dict.fromkeys(Kind, 0) | {Kind.SHADOW: 1, Kind.OPENS_RISK: 2}
