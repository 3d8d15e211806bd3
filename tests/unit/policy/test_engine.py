"""The engine: what is allowed, what is denied, why, and what the answer rests on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authzsvc.fix.direction import Direction
from authzsvc.fix.fields import Fields
from authzsvc.policy.compiler import compile_mapping, compile_source
from authzsvc.policy.engine import CompIds, Policy, Question, Verdict
from authzsvc.policy.source import parse
from tests.unit.policy.building import HEAD, build, told
from tests.unit.policy.building import ask as short

INSTITUTIONAL = compile_mapping(Path(__file__).parents[3] / "mappings" / "institutional.yaml")

SMALL = compile_source(
    parse(
        b"""
version: 1
name: small
fix: FIX.4.4
session:
  identity: {SenderCompID: comp, SenderSubID: subs, OnBehalfOfCompID: firms, TargetCompID: venues}
  exempt: [News]
scopes:
  order:create:equity: {grants: [{message: D, when: {167: CS}}]}
  order:create:limit: {grants: [{message: D, when: {40: 2, 59: {in: [0, 1]}}}]}
  order:cancel: {grants: [{message: F}]}
  order:cancel:all: {sensitive: true, grants: [{message: F}, {message: q}]}
  trade:view:own: {grants: [{message: "8", direction: outbound, when: {Account: {claim: accounts}}}]}
""",
        "small.yaml",
    )
)


def ask(
    message: str,
    scopes: str,
    direction: Direction = Direction.INBOUND,
    claims: Mapping[str, object] | None = None,
    policy: Policy = SMALL,
) -> Verdict:
    msg_type, _, body = message.partition("|")
    fields = Fields.parse(body.replace("|", "\x01").encode())
    return policy.decide(Question(direction, msg_type, fields, frozenset(scopes.split()), claims or {}))


def test_a_grant() -> None:
    assert ask("D|167=CS|", "order:create:equity") == Verdict(
        True, "order:create:equity", (), "granted by `order:create:equity`", (40, 59, 167)
    )


def test_any_of_the_scopes_will_do() -> None:
    assert ask("D|40=2|59=0|167=OPT|", "order:create:equity order:create:limit").scope == "order:create:limit"


def test_all_conditions_of_a_rule_must_hold() -> None:
    assert not ask("D|40=2|", "order:create:limit").allowed
    assert not ask("D|40=1|59=0|", "order:create:limit").allowed


def test_conditions_of_two_rules_do_not_add_up() -> None:
    assert not ask("D|167=OPT|40=2|59=6|", "order:create:equity order:create:limit").allowed


def test_no_scope_for_the_type() -> None:
    verdict = ask("D|167=CS|", "order:cancel")
    assert verdict == Verdict(
        False,
        None,
        ("order:create:equity",),
        "no scope of the token grants `NewOrderSingle` inbound; any of these would: `order:create:equity`",
        (40, 59, 167),
    )


def test_no_scope_would_grant_this_message() -> None:
    verdict = ask("D|167=FUT|", "")
    assert verdict.missing_scopes == ()
    assert verdict.reason.endswith("these grant some: `order:create:equity`, `order:create:limit`")


def test_a_condition_that_fails_is_named_with_what_the_message_has() -> None:
    assert ask("D|167=FUT|", "order:create:equity").reason == (
        "`order:create:equity` needs SecurityType=CS, the message has FUT"
    )
    assert ask("D|55=A|", "order:create:equity").reason.endswith("the message has no SecurityType")
    assert ask("D|167=FUT|40=2|59=0|", "order:create:equity").reason.endswith(
        "the message has FUT; any of these would grant it: `order:create:limit`"
    )


def test_no_scopes_at_all() -> None:
    assert not ask("F|", "").allowed
    assert ask("F|", "").missing_scopes == ("order:cancel", "order:cancel:all")


def test_a_scope_that_the_mapping_does_not_know_grants_nothing() -> None:
    assert not ask("F|", "order:cancel:some admin * *:* order:can*").allowed


def test_wildcards_of_a_token() -> None:
    assert ask("D|167=CS|", "order:*:equity").scope == "order:create:equity"
    assert ask("F|", "order:*").scope == "order:cancel"
    assert ask("q|", "order:*:*").scope == "order:cancel:all"
    assert not ask("q|", "order:*").allowed


def test_an_inbound_type_that_no_rule_names_is_denied() -> None:
    verdict = ask("AE|571=1|", "order:cancel")
    assert verdict == Verdict(False, None, (), "no scope of the mapping grants `AE` inbound", ())


def test_an_outbound_type_that_no_rule_names_is_allowed() -> None:
    assert ask("9|", "", Direction.OUTBOUND).allowed
    assert ask("9|", "", Direction.OUTBOUND).scope is None


def test_a_rule_is_for_its_direction_alone() -> None:
    assert not ask("8|1=A|", "trade:view:own", Direction.INBOUND, {"accounts": "A"}).allowed
    assert ask("8|1=A|", "trade:view:own", Direction.OUTBOUND, {"accounts": "A"}).allowed
    assert not ask("8|1=B|", "trade:view:own", Direction.OUTBOUND, {"accounts": "A"}).allowed
    assert not ask("8|1=A|", "trade:view:own", Direction.OUTBOUND).allowed
    assert ask("D|", "", Direction.OUTBOUND).allowed


@pytest.mark.parametrize("msg_type", list("012345"))
@pytest.mark.parametrize("direction", list(Direction))
def test_the_session_level_needs_no_scope(msg_type: str, direction: Direction) -> None:
    verdict = ask(f"{msg_type}|", "", direction)
    assert (verdict.allowed, verdict.scope, verdict.vary) == (True, None, ())


@pytest.mark.parametrize("msg_type", ["A", "6", "n", "00", "", "BE"])
def test_everything_else_needs_one(msg_type: str) -> None:
    assert not ask(f"{msg_type}|", "").allowed


def test_exempt_types_are_exempt_inbound() -> None:
    assert ask("B|148=x|", "").allowed
    assert ask("B|148=x|", "").scope is None


def test_a_rule_that_cannot_be_evaluated_does_not_hold() -> None:
    class Broken(dict[str, object]):
        def get(self, key: str, default: object = None) -> object:
            raise RuntimeError(key)

    assert not ask("8|1=A|", "trade:view:own", Direction.OUTBOUND, Broken()).allowed


def test_what_is_told_with_a_logon() -> None:
    assert SMALL.guard_outbound == ("8",)
    assert SMALL.exempt == ("B",)
    assert SMALL.sensitive == {"order:cancel:all"}
    assert {1, 11, 40, 59, 117, 131, 167, 262} <= set(SMALL.want_tags)
    assert list(SMALL.want_tags) == sorted(SMALL.want_tags)


@pytest.mark.parametrize(
    ("ids", "claims", "refusal"),
    [
        (CompIds("ALGO"), {"comp": "ALGO"}, None),
        (CompIds("ALGO"), {"comp": ["X", "ALGO"]}, None),
        (CompIds("ALGO", "T1"), {"comp": "ALGO", "subs": ["T1", "T2"]}, None),
        (CompIds("ALGO", on_behalf_of="FUND"), {"comp": "ALGO", "firms": "FUND"}, None),
        (CompIds("ALGO", location_id="anywhere"), {"comp": "ALGO"}, None),
        (CompIds("ALGO"), {}, "no usable claim `comp`"),
        (CompIds("ALGO"), {"comp": None}, "no usable claim `comp`"),
        (CompIds("ALGO"), {"comp": []}, "no usable claim `comp`"),
        (CompIds("ALGO"), {"comp": "algo"}, "CompID `ALGO` is not in claim `comp`"),
        (CompIds("ALGO"), {"comp": "ALGO2"}, "CompID `ALGO` is not in claim `comp`"),
        (CompIds(""), {"comp": "ALGO"}, "CompID `` is not in claim"),
        (CompIds("ALGO", "T3"), {"comp": "ALGO", "subs": ["T1"]}, "SubID `T3` is not in claim `subs`"),
        (CompIds("ALGO", "T3"), {"comp": "ALGO"}, "no usable claim `subs`"),
        (CompIds("ALGO", on_behalf_of="X"), {"comp": "ALGO", "firms": "F"}, "OnBehalfOfCompID `X`"),
        (CompIds("ALGO", target_comp_id="NYSE"), {"comp": "ALGO", "venues": ["NYSE", "CME"]}, None),
        (CompIds("ALGO", target_comp_id="LSE"), {"comp": "ALGO", "venues": ["NYSE"]}, "TargetCompID `LSE` is not in"),
    ],
)
def test_identity(ids: CompIds, claims: dict[str, object], refusal: str | None) -> None:
    answer = SMALL.identify(ids, claims)
    if refusal is None:
        assert answer is None
    else:
        assert answer is not None
        assert refusal in answer.reason


def test_reasons_are_one_bounded_line_whatever_the_message_holds() -> None:
    verdict = ask("D|167=" + "`\n\x1b[31mé" * 200 + "|", "order:create:equity")
    assert len(verdict.reason) <= 400
    assert verdict.reason.isprintable()
    assert not verdict.allowed


TYPES = st.sampled_from(["D", "F", "q", "V", "8", "AB", "0", "B", "zz"])
TAGS = st.sampled_from([1, 11, 40, 55, 59, 146, 167, 263, 264])
VALUES = st.sampled_from([b"0", b"1", b"2", b"CS", b"OPT", b"FUT", b"A"])
PAIRS = st.lists(st.tuples(TAGS, VALUES), max_size=8)
SCOPES = st.frozensets(st.sampled_from([*sorted(INSTITUTIONAL.scopes), "order:*:equity", "marketdata:*"]), max_size=6)
CLAIMS = st.sampled_from([{}, {"accounts": ["A", "1"]}, {"accounts": "0"}])
QUESTIONS = st.builds(
    Question, st.sampled_from(Direction), TYPES, PAIRS.map(lambda pairs: Fields(tuple(pairs))), SCOPES, CLAIMS
)


def with_pairs(question: Question, pairs: tuple[tuple[int, bytes], ...]) -> Question:
    return Question(question.direction, question.msg_type, Fields(pairs), question.scopes, question.claims)


@given(QUESTIONS, PAIRS)
def test_messages_alike_in_the_vary_tags_get_the_same_decision(
    question: Question, noise: list[tuple[int, bytes]]
) -> None:
    verdict = INSTITUTIONAL.decide(question)
    consulted = [pair for pair in question.fields.pairs if pair[0] in verdict.vary]
    others = [pair for pair in noise if pair[0] not in verdict.vary]
    mixed = tuple(pair for index in range(9) for pair in (*consulted[index : index + 1], *others[index : index + 1]))
    again = INSTITUTIONAL.decide(with_pairs(question, mixed))
    assert (again.allowed, again.scope, again.vary) == (verdict.allowed, verdict.scope, verdict.vary)


FLAT = st.lists(st.tuples(TAGS.filter(lambda tag: tag != 146), VALUES), min_size=1, max_size=8)
"""Without the count of a group: a field that stands once for each entry is no repetition."""


@given(st.sampled_from(["D", "V", "8"]), FLAT, st.integers(0, 7), VALUES, st.integers(0, 8), CLAIMS)
def test_a_repeated_field_never_opens_what_was_closed(
    msg_type: str, pairs: list[tuple[int, bytes]], which: int, value: bytes, at: int, claims: dict[str, object]
) -> None:
    direction = Direction.OUTBOUND if msg_type == "8" else Direction.INBOUND
    scopes = frozenset({"order:*:equity", "marketdata:subscribe:level1", "marketdata:snapshot", "trade:view:own"})
    question = Question(direction, msg_type, Fields(tuple(pairs)), scopes, claims)
    tag, _ = pairs[which % len(pairs)]
    repeated = with_pairs(question, (*pairs[:at], (tag, value), *pairs[at:]))
    if INSTITUTIONAL.decide(repeated).allowed:
        assert INSTITUTIONAL.decide(question).allowed


@given(QUESTIONS, SCOPES)
def test_more_scopes_never_close_what_was_open(question: Question, more: frozenset[str]) -> None:
    if INSTITUTIONAL.decide(question).allowed:
        wider = Question(
            question.direction, question.msg_type, question.fields, question.scopes | more, question.claims
        )
        assert INSTITUTIONAL.decide(wider).allowed


FORBIDDING = (
    "lists: {l: {values: [BAD]}}\n"
    "scopes: {a:b: {grants: [{message: D}, {message: q}]}, c:d: {grants: [{message: G}]}}\n"
    "forbid:\n"
    "  - {name: restricted, message: [D, G], when: {Symbol: {in_list: l}}, unless: [c:d]}\n"
    "  - {name: pair, message: q, unless: [c:d]}\n"
    "  - {name: venue, message: ExecutionReport, direction: outbound, when: {Symbol: BAD}}\n"
)


def test_a_forbid_wins_over_every_grant() -> None:
    policy = build(FORBIDDING)
    verdict = short(policy, "D|55=BAD", "a:b")
    assert (verdict.allowed, verdict.scope, verdict.forbid, verdict.missing_scopes) == (
        False,
        None,
        "restricted",
        ("c:d",),
    )
    assert verdict.reason == (
        "`restricted` forbids `NewOrderSingle` inbound where Symbol in list `l`; any of these lifts it: `c:d`"
    )
    assert (verdict.vary, short(policy, "D|55=OK", "a:b").vary) == ((55,), (55,))
    assert short(policy, "D|55=OK", "a:b").allowed


def test_one_of_the_scopes_under_unless_lifts_a_forbid() -> None:
    assert short(build(FORBIDDING), "D|55=BAD", "a:b c:d").scope == "a:b"


def test_two_scopes_can_both_be_required() -> None:
    policy = build(FORBIDDING)
    assert [short(policy, "q", scopes).allowed for scopes in ("a:b", "c:d", "a:b c:d")] == [False, False, True]


def test_an_outbound_forbid_needs_no_grant_to_let_the_rest_pass() -> None:
    policy = build(FORBIDDING)
    assert policy.guard_outbound == ("8",)
    assert short(policy, "<8|55=OK", "").allowed
    assert short(policy, "<8|55=BAD", "a:b").forbid == "venue"


def test_a_forbid_on_an_exempt_message_is_a_fault() -> None:
    head = HEAD.replace("{identity: {}}", "{identity: {}, exempt: [News]}")
    (fault,) = told("scopes: {a:b: {grants: [{message: D}]}}\nforbid: [{name: f, message: News}]\n", head)
    assert (
        fault == "m.yaml:6: `forbid[0].message` is exempt, so no scope decides on it (take it out of `session.exempt`)"
    )


ROLLOUT = (
    "scopes:\n"
    "  a:b: {grants: [{message: D, when: {Symbol: A}}]}\n"
    "  s:s: {mode: shadow, grants: [{message: D, when: {Symbol: {in: [A, S]}}}, {message: H}]}\n"
    "  e:e: {mode: enforce, grants: [{message: D, when: {Symbol: E}}]}\n"
    "forbid: [{name: f, message: D, when: {Symbol: BAD}}]\n"
)


@pytest.mark.parametrize(
    ("rollout", "message", "shadow"),
    [
        ("{}", "D|55=X", False),
        ("{}", "D|55=A", False),
        ("{}", "D|55=S", True),
        ("{}", "H", True),
        ("{}", "D|55=BAD", False),
        ("{}", "F", False),
        ("{mode: shadow}", "D|55=X", True),
        ("{mode: shadow}", "D|55=E", False),
        ("{mode: shadow}", "D|55=BAD", True),
        ("{mode: shadow}", "F", True),
        ("{mode: shadow, messages: {NewOrderSingle: enforce}}", "D|55=X", False),
        ("{mode: shadow, messages: {NewOrderSingle: enforce}}", "D|55=S", False),
        ("{mode: shadow, messages: {NewOrderSingle: enforce}}", "F", True),
        ("{mode: shadow, senders: {ALGO: enforce}}", "F", False),
        ("{mode: shadow, senders: {OTHER: enforce}}", "F", True),
        ("{messages: {D: shadow}}", "D|55=A", True),
        ("{messages: {D: shadow}}", "D|55=E", False),
        ("{messages: {D: shadow}}", "F", False),
        ("{messages: {D: shadow}, senders: {ALGO: enforce}}", "D|55=A", False),
        ("{messages: {D: enforce}, senders: {ALGO: shadow}}", "D|55=A", False),
        ("{senders: {ALGO: shadow}}", "D|55=A", True),
        ("{senders: {ALGO: shadow}}", "F", True),
        ("{senders: {OTHER: shadow}}", "F", False),
    ],
)
def test_rollout(rollout: str, message: str, shadow: bool) -> None:
    verdict = short(build(f"{ROLLOUT}rollout: {rollout}\n"), message, "", "ALGO")
    enforced = short(build(ROLLOUT.replace("mode: shadow, ", "")), message, "", "ALGO")
    assert (verdict.allowed, verdict.shadow, verdict.scope) == (shadow, shadow, None)
    assert (verdict.missing_scopes, verdict.forbid, verdict.vary) == (
        *(enforced.missing_scopes, enforced.forbid, enforced.vary),
    )
    assert verdict.reason == (f"in shadow mode, else denied: {enforced.reason}" if shadow else enforced.reason)


def test_what_is_granted_is_no_matter_of_rollout() -> None:
    verdict = short(build(f"{ROLLOUT}rollout: {{mode: shadow}}\n"), "D|55=A", "a:b")
    assert (verdict.scope, verdict.shadow) == ("a:b", False)


@pytest.mark.parametrize(
    "rollout", ["{mode: shadow}", "{messages: {D: shadow}}", "{senders: {A: shadow}}", "{senders: {B: shadow}}"]
)
def test_the_rollout_is_part_of_the_meaning(rollout: str) -> None:
    others = {build(f"{ROLLOUT}rollout: {other}\n").digest for other in ("{}", "{messages: {F: shadow}}")}
    assert build(f"{ROLLOUT}rollout: {rollout}\n").digest not in others


CLOCKED = (
    "scopes: {a:b: {grants: [{message: D, when: {now: {after: '08:00', before: '16:00', days: [Mon]}}}]}}\n"
    "forbid: [{name: late, message: F, when: {now: {after: '16:00'}}}]\n"
)
MONDAY_NOON = 1767614400.0


def at(policy: Policy, msg_type: str, now: float | None) -> Verdict:
    return policy.decide(Question(Direction.INBOUND, msg_type, Fields(()), frozenset({"a:b"}), {}, now=now))


def test_the_clock() -> None:
    policy = build(CLOCKED + "rollout: {}\n")
    allowed = [at(policy, "D", MONDAY_NOON + hours * 3600).allowed for hours in (-4.1, -4, 0, 3.9, 4, 24)]
    assert allowed == [False, True, True, True, False, False]
    denial = at(policy, "D", MONDAY_NOON + 5 * 3600)
    needs = "`a:b` needs now not before 08:00:00 and before 16:00:00 on Mon, the message has 20260105-17:00:00"
    assert (denial.reason, denial.vary) == (needs, ())


def test_a_time_that_nobody_told_leaves_a_doubt() -> None:
    policy = build(CLOCKED)
    assert not at(policy, "D", None).allowed
    assert at(policy, "F", None).forbid == "late"
    trace = policy.trace(Question(Direction.INBOUND, "D", Fields(()), frozenset({"a:b"}), {}))
    assert [step.found for tried in trace.grants for step in tried.steps] == ["nobody told the time"]


def test_how_long_the_clock_leaves_verdicts_as_they_are() -> None:
    policy = build(CLOCKED)
    assert policy.holds_until(Direction.INBOUND, "D", MONDAY_NOON) == MONDAY_NOON + 4 * 3600
    assert policy.holds_until(Direction.INBOUND, "G", MONDAY_NOON) is None


HUB = (
    "scopes:\n"
    "  a:b: {grants: [{message: D, when: {OnBehalfOfCompID: {claim: firms}, 55: A}}]}\n"
    "forbid:\n"
    "  - {name: desk, message: D, when: {SenderSubID: TEST}}\n"
    "  - {name: resent, message: D, when: {PossResend: {equals: Y, default: N}}}\n"
)


def test_conditions_on_ids_of_the_header() -> None:
    policy = build(HUB)
    claims = {"firms": ["ONE", "TWO"]}
    verdict = short(policy, "D|50=X|115=TWO|55=A", claims=claims)
    assert (verdict.allowed, verdict.vary) == (True, (50, 55, 97, 115))
    assert not short(policy, "D|115=THREE|55=A", claims=claims).allowed
    assert not short(policy, "D|55=A", claims=claims).allowed
    assert short(policy, "D|50=TEST|115=ONE|55=A", claims=claims).forbid == "desk"
    assert short(policy, "D|97=Y|115=ONE|55=A", claims=claims).forbid == "resent"
    assert (policy.asks_header_ids, build(CLOCKED).asks_header_ids) == (True, False)
    assert {50, 55, 97, 115} & set(policy.want_tags) == {55, 97}


def test_ids_of_the_header_stand_in_no_group() -> None:
    (fault,) = told("scopes: {a:b: {grants: [{message: D, when: {453: {any_entry: {115: A}}}}]}}\n")
    assert "the group of `NoPartyIDs` in `NewOrderSingle` has no `OnBehalfOfCompID`" in fault


LIFTED = (
    "scope_prefixes: true\n"
    "roles: {wide: {scopes: ['order:create:*']}, narrow: {scopes: ['order:create:any']}}\n"
    "scopes:\n"
    "  order:create:any: {grants: [{message: D}]}\n"
    "  order:create:evil: {modifier: true}\n"
    "forbid: [{name: evil, message: D, when: {55: EVIL}, unless: ['order:create:evil']%s}]\n"
)
TWO = HEAD.replace("version: 1", "version: 2").replace("{identity: {}}", "{identity: {}, outbound: open}")


@pytest.mark.parametrize("scopes", ["order:create:*", "order:create", "*:*:evil order:create:any", "role:wide"])
def test_a_wildcard_or_a_shorter_scope_lifts_a_forbid_only_where_it_says_so(scopes: str) -> None:
    assert short(build(LIFTED % "", TWO), "D|55=A", scopes).allowed
    verdict = short(build(LIFTED % "", TWO), "D|55=EVIL", scopes)
    assert (verdict.allowed, verdict.forbid, verdict.missing_scopes) == (False, "evil", ("order:create:evil",))
    assert short(build(LIFTED % ", wildcards_lift: true", TWO), "D|55=EVIL", scopes).allowed
    assert short(build(LIFTED % ""), "D|55=EVIL", scopes).allowed
    assert not short(build(LIFTED % ", wildcards_lift: false"), "D|55=EVIL", scopes).allowed


def test_a_modifier_lifts_and_grants_nothing() -> None:
    policy = build(LIFTED % "", TWO)
    assert short(policy, "D|55=EVIL", "role:narrow order:create:evil").allowed
    assert not short(policy, "D|55=EVIL", "order:create:evil").allowed
    assert not short(policy, "D|55=A", "order:create:evil").allowed
    assert policy.expand(frozenset({"order:create:evil"}), {}).unknown == ()


CLOSED = HEAD.replace("version: 1", "version: 2").replace("{identity: {}}", "{identity: {}, outbound: %s}")
REPORTS = "scopes: {a:b: {grants: [{message: 8, direction: outbound, when: {1: A}}]}}\n"
SOLD = REPORTS + "forbid: [{name: f, message: AE, direction: outbound, when: {55: X}}]\n"


@pytest.mark.parametrize("msg_type", ["9", "AE", "j", "XVEN", "U1"])
def test_a_closed_mapping_withholds_what_no_scope_grants(msg_type: str) -> None:
    policy = build(SOLD, CLOSED % "closed, passes: [j]")
    assert short(policy, f"<{msg_type}|55=A").allowed is (msg_type == "j")
    assert short(build(SOLD, CLOSED % "open"), f"<{msg_type}|55=A").allowed
    assert (policy.closed, policy.passes, policy.guard_outbound) == (True, ("j",), ("8", "AE"))


def test_a_closed_mapping_lets_pass_what_a_scope_grants_and_the_session_level() -> None:
    policy = build(SOLD, CLOSED % "closed")
    assert short(policy, "<8|1=A").scope == "a:b"
    assert not short(policy, "<8|1=B").allowed
    assert [msg_type for msg_type in "012345A" if not short(policy, f"<{msg_type}").allowed] == []
    denial = short(policy, "<XVEN")
    assert denial.reason == "no scope of the mapping grants `XVEN` outbound"


@pytest.mark.parametrize(
    ("session", "fault"),
    [
        ("open}", ""),
        ("shut}", "m.yaml:4: `session.outbound` must be `open` or `closed`"),
        ("open, passes: [j]}", "m.yaml:4: `session.passes[0]` passes anyway, unless `session.outbound` is `closed`"),
        ("closed, passes: [8]}", "m.yaml:5: `scopes.a:b.grants[0].message` passes, so no scope decides on it"),
        ("closed, passes: [3]}", "m.yaml:4: `session.passes[0]` `3` is of the session level, which needs no scope"),
    ],
)
def test_what_can_be_said_of_outbound(session: str, fault: str) -> None:
    head = CLOSED.replace("%s}", session)
    if not fault:
        build(REPORTS, head)
    else:
        assert any(line.startswith(fault) for line in told(REPORTS, head)), told(REPORTS, head)


def test_version_2_must_say_what_becomes_of_outbound() -> None:
    (fault,) = told(REPORTS, HEAD.replace("version: 1", "version: 2"))
    assert fault.startswith("m.yaml:4: `session.outbound` is missing (`open` lets")
    assert not build(REPORTS).closed
