"""Warns of places where a compiled mapping enforces less than it seems to say.

The warnings follow from the compiled mapping alone, so `lint` and a service that loads the mapping give the same ones.
A warning is never a guess: each names the messages that pass, or that can never come, because of what is written there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from authzsvc.errors import Fault
from authzsvc.fix import flow
from authzsvc.fix.direction import Direction
from authzsvc.policy import lifts
from authzsvc.policy.engine import Policy
from authzsvc.policy.rules import Forbid, Grant, Mode, Rule, lists_of
from authzsvc.policy.source import one_line
from authzsvc.policy.terms import Written
from authzsvc.policy.value_tests import OneOf

_NAMED = 3
_PASS = "denials are recorded, and their messages pass"
_WRITE_OUT = "write out the scopes that are meant, those that lift a forbid too, or go on to version 2"
_RENAME = "name the scope that lifts the forbid otherwise, so that no shorter one covers it"
_ENFORCE = "write `enforce` once the audit shows no denial that should not be"


class Kind(StrEnum):
    """What a warning is about."""

    SHADOW = "shadow"
    """Denials that are not carried out."""
    EMPTY_LIST = "empty_list"
    """A list without a value: a forbid or a grant that asks it never applies, or always does."""
    OPENS_RISK = "opens_risk"
    """A message that may lead to a trade, under `risk_reducing` or `exempt`."""
    OTHER_WAY = "other_way"
    """A message that only ever goes in the other direction."""
    INBOUND_REPORT = "inbound_report"
    """A grant on a message that only the venue sends, without `direction: outbound`."""
    WILDCARD = "wildcard"
    """A wildcard or a prefix that covers a scope which lifts a forbid, in version 1 of the language."""


@dataclass(frozen=True, slots=True)
class PolicyWarning:
    """One warning."""

    kind: Kind
    fault: Fault
    """The place, the text and the mend."""


def find(policy: Policy) -> tuple[PolicyWarning, ...]:
    """Give every warning about a mapping, in the order of its files and lines."""
    looks = {
        Kind.SHADOW: _shadows,
        Kind.EMPTY_LIST: _empty_lists,
        Kind.OPENS_RISK: _opens_risk,
        Kind.OTHER_WAY: _other_way,
        Kind.INBOUND_REPORT: _inbound_reports,
        Kind.WILDCARD: _wildcards,
    }
    found = {PolicyWarning(kind, fault): None for kind, look in looks.items() for fault in look(policy)}
    return tuple(sorted(found, key=lambda one: (one.fault.file, one.fault.line, one.fault.key, one.fault.text)))


def count(warnings: Iterable[PolicyWarning]) -> dict[Kind, int]:
    """Give the number of warnings of every kind, which may be 0."""
    counts = dict.fromkeys(Kind, 0)
    for warning in warnings:
        counts[warning.kind] += 1
    return counts


def _shadows(policy: Policy) -> Iterator[Fault]:
    """Warn of everything that is in shadow."""
    rollout = policy.rollout
    modes = {
        *rollout.messages.values(),
        *rollout.senders.values(),
        *(scope.mode for scope in policy.scope_terms.values()),
    }
    if rollout.mode is Mode.SHADOW:
        but = " but what `enforce` is written for" if Mode.ENFORCE in modes else ""
        yield _at(policy.places["rollout", "mode"], f"puts everything in shadow{but}: {_PASS}", _ENFORCE)
    for msg_type, mode in rollout.messages.items():
        if mode is Mode.SHADOW:
            text = f"puts `{policy.dictionary.message_name(msg_type)}` in shadow: {_PASS}"
            yield _at(policy.places["rollout.messages", msg_type], text, _ENFORCE)
    for sender, mode in rollout.senders.items():
        if mode is Mode.SHADOW:
            text = f"puts the client `{sender}` in shadow: {_PASS}"
            yield _at(policy.places["rollout.senders", sender], text, _ENFORCE)
    for name in sorted(_shadowed_scopes(policy)):
        scope = policy.scope_terms[name]
        place = Written(scope.file, scope.line, f"scopes.{name}.mode")
        yield _at(place, "is in shadow: a message that only this scope would have granted passes", _ENFORCE)


def _shadowed_scopes(policy: Policy) -> set[str]:
    """Give the scopes in shadow that some message is affected by, because no `enforce` covers that message."""
    messages = policy.rollout.messages
    passing = {grant.scope for grant in policy.grants if messages.get(grant.msg_type) is not Mode.ENFORCE}
    return {name for name in passing if policy.scope_terms[name].mode is Mode.SHADOW}


def _empty_lists(policy: Policy) -> Iterator[Fault]:
    """Warn of each list without a value that a rule uses."""
    idle: dict[str, list[str]] = defaultdict(list)
    for rule in _rules(policy):
        for test in lists_of(rule.conditions):
            if not test.values:
                idle[test.list_name].append(_with_empty_list(rule, test))
    for name, told in idle.items():
        text = f"is empty, so that {_joined(told, '; ')}"
        yield _at(policy.places["list", name], text, "put values into it, or take it and what asks for it out")


def _with_empty_list(rule: Rule, test: OneOf) -> str:
    """Say what a rule does whose list is empty."""
    if isinstance(rule, Forbid):
        return f"the forbid `{rule.name}` {'fires whatever the value' if test.negative else 'never fires'}"
    return f"a grant of `{rule.scope}` {'takes every value' if test.negative else 'grants nothing'}"


def _opens_risk(policy: Policy) -> Iterator[Fault]:
    """Warn of messages that may lead to a trade under `risk_reducing` and `exempt`, where messages pass undecided."""
    told = {
        "risk_reducing": (
            policy.risk_reducing,
            "passes when no decision is to be had, and in a session that may only reduce its risk",
            "name only what reduces risk, as OrderCancelRequest does",
        ),
        "exempt": (policy.exempt, "needs no scope", "have a scope grant it instead"),
    }
    for key, (msg_types, what, hint) in told.items():
        for msg_type in msg_types:
            if flow.opens_risk(policy.dictionary, msg_type):
                label = policy.dictionary.message_name(msg_type)
                yield _at(policy.places[key, msg_type], f"`{label}` opens risk, and {what}", hint)


def _other_way(policy: Policy) -> Iterator[Fault]:
    """Warn of rules and lists on messages that only ever go in the other direction, except `_inbound_reports`."""
    for rule in _rules(policy):
        if _goes_other_way(policy, rule.direction, rule.msg_type) and not _is_inbound_report(rule):
            hint = f"write `direction: {_opposite(rule.direction)}`, or take it out"
            yield _at(_place(rule), _never_goes(policy, rule.direction, rule.msg_type), hint)
    for msg_type in policy.passes:
        if _goes_other_way(policy, Direction.OUTBOUND, msg_type):
            text = f"names `{policy.dictionary.message_name(msg_type)}`, which only the client ever sends"
            yield _at(policy.places["passes", msg_type], text, "take it out: the list is of outbound messages")
    for key, msg_types in (("exempt", policy.exempt), ("risk_reducing", policy.risk_reducing)):
        for msg_type in msg_types:
            if _goes_other_way(policy, Direction.INBOUND, msg_type):
                text = f"names `{policy.dictionary.message_name(msg_type)}`, which only the venue ever sends"
                yield _at(policy.places[key, msg_type], text, "take it out: the list is of inbound messages")


def _inbound_reports(policy: Policy) -> Iterator[Fault]:
    """Warn of grants on messages that only the venue sends, if they lack `direction: outbound`."""
    for grant in policy.grants:
        if _is_inbound_report(grant) and _goes_other_way(policy, grant.direction, grant.msg_type):
            text = f"{_never_goes(policy, grant.direction, grant.msg_type)}: it guards no report"
            yield _at(_place(grant), text, "write `direction: outbound`")


def _is_inbound_report(rule: Rule) -> bool:
    return isinstance(rule, Grant) and rule.direction is Direction.INBOUND


def _goes_other_way(policy: Policy, direction: Direction, msg_type: str) -> bool:
    return flow.only_direction(policy.dictionary, msg_type) is _opposite(direction)


def _never_goes(policy: Policy, direction: Direction, msg_type: str) -> str:
    sender = "client" if direction is Direction.OUTBOUND else "venue"
    return f"is on `{policy.dictionary.message_name(msg_type)}` {direction}, which only the {sender} ever sends"


def _opposite(direction: Direction) -> Direction:
    return Direction.OUTBOUND if direction is Direction.INBOUND else Direction.INBOUND


def _wildcards(policy: Policy) -> Iterator[Fault]:
    """Warn of a role's scope that covers one that lifts a forbid, unless a scope that lifts it is written out too.

    From version 2 on, a forbid that wildcards lift says so itself (`wildcards_lift`), so that the lift is meant.
    """
    if policy.version > 1:
        return
    by_scope = lifts.lifted(policy)
    for name in policy.role_terms:
        for lift in lifts.of_role(policy, name, by_scope):
            yield _at(policy.places[f"roles.{name}", lift.scope], str(lift), _WRITE_OUT)
    for scope, terms in policy.scope_terms.items() if policy.granter.defined.prefixes else ():
        for lift in lifts.unseen(policy, scope, {scope}, by_scope):
            yield _at(Written(terms.file, terms.line, f"scopes.{scope}"), str(lift), _RENAME)


def _rules(policy: Policy) -> Iterator[Rule]:
    yield from policy.forbids
    yield from policy.grants


def _place(rule: Rule) -> Written:
    return Written(rule.file, rule.line, rule.id)


def _at(place: Written, text: str, hint: str) -> Fault:
    return Fault(place.file, place.line, place.key, one_line(text), hint)


def _joined(words: Iterable[str], by: str = ", ") -> str:
    """Join the first few."""
    told = list(dict.fromkeys(words))
    return by.join(told[:_NAMED]) + (f"{by}…" if len(told) > _NAMED else "")
