"""What a mapping means, as single facts under subjects: what `diff` compares."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from authzsvc.fix.data_types import TEXT
from authzsvc.policy import reasons
from authzsvc.policy.conditions import AnyCondition, Condition
from authzsvc.policy.engine import Policy
from authzsvc.policy.rules import Mode
from authzsvc.workflow.lines import Kind, Line, all_lines, lists_of

KINDS = ("dictionary", "session", "rollout", "list", "forbid", "scope", "role", "mapping")
"""What a subject can be, in the order in which they are told."""

_SUBJECTS = {Kind.GRANT: "scope", Kind.FORBID: "forbid"}


@dataclass(frozen=True, slots=True)
class Subject:
    """A thing that a mapping speaks of: a scope, a role, a forbid, a list, its sessions, its rollout."""

    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that holds of a subject."""

    topic: str
    """What it is about: `NewOrderSingle inbound`."""
    text: str
    """What holds of that: `when SecurityType=CS`."""
    meaning: str = ""
    """What tells it from others that read the same."""
    types: frozenset[tuple[str, str]] = frozenset()
    """The fields that it compares otherwise than as text, each with the name of its data type."""


Facts = Mapping[Subject, frozenset[Fact]]


def of(policy: Policy) -> Facts:
    """Give all that a mapping means."""
    found: dict[Subject, set[Fact]] = {}
    for subject, fact in (*_dictionary(policy), *_session(policy), *_rollout(policy), *_rules(policy)):
        found.setdefault(subject, set())
        if fact is not None:
            found[subject].add(fact)
    return {subject: frozenset(facts) for subject, facts in found.items()}


def _dictionary(policy: Policy) -> Iterator[tuple[Subject, Fact | None]]:
    dictionary, added = Subject("dictionary", ""), policy.dictionary.added
    yield dictionary, Fact("version", policy.fix)
    for tag, (name, type_, values) in added.get("fields", {}).items():
        yield dictionary, Fact(f"field {tag}", f"`{name}` of type {type_}", repr(sorted(values.items())))
    for msg_type, name in added.get("messages", {}).items():
        yield dictionary, Fact(f"message {msg_type}", f"`{name}`")
    for tag, (first, fields, messages) in added.get("groups", {}).items():
        name = policy.dictionary.tag_name
        text = f"begins with `{name(first)}`" + (f", in {', '.join(messages)} only" if messages else "")
        yield dictionary, Fact(f"group `{name(tag)}`", text, repr(fields))


def _session(policy: Policy) -> Iterator[tuple[Subject, Fact | None]]:
    session = Subject("session", "")
    for id_, claim in policy.identity.items():
        yield session, Fact(f"identity {reasons.ID_NAMES[id_]}", f"held against claim `{claim}`")
    for topic, types in (("exempt", policy.exempt), ("risk-reducing", policy.risk_reducing)):
        for msg_type in types:
            yield session, Fact(f"{topic} {policy.dictionary.message_name(msg_type)}", "")
    if policy.closed:
        yield session, Fact("outbound", "closed: what no scope grants is withheld")
        for msg_type in policy.passes:
            yield session, Fact(f"{policy.dictionary.message_name(msg_type)} outbound", "passes: needs no scope")
    for msg_type in policy.guard_outbound:
        name = policy.dictionary.message_name(msg_type)
        yield session, Fact(f"{name} outbound", "asked about: needs a scope")
    yield session, Fact("role claim", f"`{policy.granter.role_claim}`")
    if policy.granter.defined.prefixes:
        yield session, Fact("a shorter scope", "covers longer ones")


def _rollout(policy: Policy) -> Iterator[tuple[Subject, Fact | None]]:
    rollout = Subject("rollout", "")
    yield rollout, Fact("mode", str(policy.rollout.mode))
    for msg_type, mode in policy.rollout.messages.items():
        yield rollout, Fact(policy.dictionary.message_name(msg_type), str(mode))
    for sender, mode in policy.rollout.senders.items():
        yield rollout, Fact(f"sender `{sender}`", str(mode))


def _rules(policy: Policy) -> Iterator[tuple[Subject, Fact | None]]:
    lines = all_lines(policy)
    for scope in policy.scope_terms.values():
        subject = Subject("scope", scope.name)
        yield subject, Fact("sensitive", "") if scope.sensitive else None
        yield subject, Fact("mode", str(Mode(scope.mode))) if scope.mode else None
        yield subject, Fact("modifier", "only lifts forbids") if scope.modifier else None
    for line in lines:
        yield Subject(_SUBJECTS[line.kind], line.name), _fact(line)
        for test in lists_of(line.conditions):
            for value in test.values:
                yield Subject("list", test.list_name), Fact(f"value `{reasons.shown(value)}`", "", value.hex())
    for role, scopes in policy.roles.items():
        yield Subject("role", role), None
        for name in sorted(policy.role_terms[role].named):
            if policy.scope_terms[name].modifier:
                yield Subject("role", role), Fact(f"modifier `{name}`", "")
        for line in lines:
            if line.kind is Kind.GRANT and line.name in scopes:
                yield Subject("role", role), _fact(line)


def _fact(line: Line) -> Fact:
    when = f"when {line.when}" if line.conditions else "always"
    meaning = repr([condition.meaning for condition in line.conditions])
    return Fact(line.what, f"{when} {line.lifting}".strip(), meaning, frozenset(_types(line.conditions)))


def _types(conditions: Iterable[AnyCondition]) -> Iterator[tuple[str, str]]:
    for condition in conditions:
        if not isinstance(condition, Condition):
            names = dict(condition.tags)
            types = condition.types.items()
            yield from ((names[tag], type_.name) for tag, type_ in types if tag in names and type_ is not TEXT)
            continue
        if condition.type_matters:
            yield condition.name, condition.type.name
        for entries in condition.entries:
            yield from _types(entries.conditions)
