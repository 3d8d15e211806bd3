"""Makes the suite of a draft: messages that each grant must allow, and others that one condition alone must deny.

What is expected of a message follows from the draft. The compiled mapping is asked only which of several messages that
break a condition no other grant of the scope allows, and whether a forbid denies what a grant allows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from authzsvc.fix import flow
from authzsvc.fix.direction import Direction
from authzsvc.fix.fields import Fields
from authzsvc.policy.engine import Policy
from authzsvc.policy.question import Question, Verdict
from authzsvc.workflow.imports.draft import Draft, DraftForbid, DraftGrant, DraftRole, Pairs
from authzsvc.workflow.imports.limits import Claimed, Limit, sample
from authzsvc.workflow.imports.scalars import flow_list, scalar
from authzsvc.workflow.imports.text import value


@dataclass(frozen=True, slots=True)
class Example:
    """One test of a suite."""

    name: str
    msg_type: str
    direction: Direction
    pairs: Pairs
    allow: bool
    scopes: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    claims: Mapping[str, object] = field(default_factory=dict)
    cause: str = ""
    """The scope that must grant it, or the forbid that must deny it."""

    @property
    def message(self) -> str:
        """`35=D|55=ACME`; with SOH between the fields if a value has a `|`."""
        parts = [f"35={self.msg_type}", *(f"{tag}={text}" for tag, text in self.pairs)]
        return ("\x01" if any("|" in part for part in parts) else "|").join(parts)


def suite(mapping: str, examples: list[Example]) -> str:
    """Returns a suite as YAML. `mapping` is the name of the mapping's file."""
    lines = ["# Made with the mapping beside it: each grant, condition and forbid is seen to allow and to deny."]
    lines += [f"mapping: {scalar(mapping)}", "tests:"]
    for number, example in enumerate(examples, 1):
        lines.append(f"  - name: {scalar(f'{number} {example.name}')}")
        for key, names in (("scopes", example.scopes), ("roles", example.roles)):
            if names:
                lines.append(f"    {key}: {flow_list(map(scalar, names))}")
        if example.claims:
            lines.append(f"    claims: {value(example.claims)}")
        if example.direction is Direction.OUTBOUND:
            lines.append("    direction: outbound")
        lines.append(f"    message: {scalar(example.message)}")
        lines.append(f"    expect: {'allow' if example.allow else 'deny'}")
        if example.cause:
            lines.append(f"    {'scope' if example.allow else 'rule'}: {scalar(example.cause)}")
    return "\n".join((*lines, ""))


def of(draft: Draft, policy: Policy) -> list[Example]:
    """Returns the tests of a draft, which compiled to this policy."""
    found = [
        example for scope in draft.scopes for one in scope.grants for example in _of_grant(scope.name, one, policy)
    ]
    found += [example for forbid in draft.forbids for example in _of_forbid(forbid, draft, policy)]
    for role in draft.roles:
        found += _of_role(role, draft, policy)
    return found


def _of_grant(scope: str, grant: DraftGrant, policy: Policy) -> Iterator[Example]:
    label = policy.dictionary.message_name(grant.msg_type)
    pairs, claims = example_of(grant.limits, grant.example, policy), claims_of(grant, policy)
    good = Example(f"{scope} allows {label}", grant.msg_type, grant.direction, pairs, True, (scope,), (), claims, scope)
    if _decided(policy, good).forbid is None:
        yield good
    unheld = Example(f"{label} needs a scope", grant.msg_type, grant.direction, pairs, False, (), (), claims)
    if not _allows(policy, unheld):
        yield unheld
    for limit in grant.limits:
        for bad in limit.bad(policy.dictionary):
            name = f"{scope} allows no {label} with another {policy.dictionary.tag_name(limit.tag)}"
            other = Example(
                name, grant.msg_type, grant.direction, _with(pairs, limit.tag, bad), False, (scope,), (), claims
            )
            if not _allows(policy, other):
                yield other
                break


def _of_forbid(forbid: DraftForbid, draft: Draft, policy: Policy) -> Iterator[Example]:
    """Gives messages that a scope grants but for the forbid, and the same with one condition of the forbid broken."""
    grants = [
        (scope.name, grant)
        for scope in draft.scopes
        for grant in scope.grants
        if (grant.msg_type, grant.direction) == (forbid.msg_type, forbid.direction)
    ]
    label = policy.dictionary.message_name(forbid.msg_type)
    for scope, grant in grants:
        claims = claims_of(grant, policy)
        pairs = example_of(grant.limits, grant.example, policy)
        for limit in forbid.limits:
            pairs = _with(pairs, limit.tag, limit.good(policy.dictionary))
        bad = Example(
            f"{forbid.name} forbids {label} of {scope}", forbid.msg_type, forbid.direction, pairs, False, (scope,), (),
            claims, forbid.name,
        )  # fmt: skip
        verdict = _decided(policy, bad)
        if verdict.forbid == forbid.name:
            yield bad


def _of_role(role: DraftRole, draft: Draft, policy: Policy) -> Iterator[Example]:
    held = policy.roles[role.name]
    grants = [(scope.name, grant) for scope in draft.scopes if scope.name in held for grant in scope.grants]
    seen: set[tuple[str, Direction]] = set()
    for _, grant in grants:
        if (grant.msg_type, grant.direction) in seen:
            continue
        seen.add((grant.msg_type, grant.direction))
        label = policy.dictionary.message_name(grant.msg_type)
        pairs = example_of(grant.limits, grant.example, policy)
        good = Example(
            f"role {role.name} allows {label} {grant.direction}", grant.msg_type, grant.direction, pairs, True, (),
            (role.name,), claims_of(grant, policy),
        )  # fmt: skip
        if _allows(policy, good):
            yield good
    for msg_type in (*(one.msg_type for scope in draft.scopes for one in scope.grants), *flow.SENT_BY_CLIENTS):
        known = msg_type in policy.dictionary.msg_types
        name = f"role {role.name} allows no {policy.dictionary.message_name(msg_type)}"
        bad = Example(name, msg_type, Direction.INBOUND, (), False, (), (role.name,))
        if known and (msg_type, Direction.INBOUND) not in seen and not _allows(policy, bad):
            yield bad
            return


def example_of(limits: tuple[Limit, ...], given: Pairs | None, policy: Policy) -> Pairs:
    """Returns the body fields of a message that meets all of these limits."""
    if given is not None:
        return given
    made = ((limit.tag, limit.good(policy.dictionary)) for limit in limits)
    return tuple((tag, text) for tag, text in made if text is not None)


def claims_of(grant: DraftGrant, policy: Policy) -> Mapping[str, object]:
    """Returns the claims by which a grant's example passes, those that are not given made up."""
    found: dict[str, object] = dict(grant.claims)
    for limit in grant.limits:
        if isinstance(limit.test, Claimed) and limit.test.claim not in found:
            _put(found, limit.test.claim.split("."), [sample(policy.dictionary, limit.tag)])
    return found


def _put(claims: dict[str, object], path: list[str], told: object) -> None:
    for part in path[:-1]:
        inner = claims.setdefault(part, {})
        if not isinstance(inner, dict):
            return
        claims = inner
    claims.setdefault(path[-1], told)


def _with(pairs: Pairs, tag: int, text: str | None) -> Pairs:
    """Returns fields with another value for the first occurrence of a tag, or without the tag."""
    if text is None:
        return tuple(pair for pair in pairs if pair[0] != tag)
    place = next((index for index, pair in enumerate(pairs) if pair[0] == tag), None)
    if place is None:
        return (*pairs, (tag, text))
    return (*pairs[:place], (tag, text), *pairs[place + 1 :])


def _decided(policy: Policy, example: Example) -> Verdict:
    fields = Fields(tuple((tag, text.encode()) for tag, text in example.pairs))
    held = frozenset(example.scopes) | {f"role:{role}" for role in example.roles}
    return policy.decide(Question(example.direction, example.msg_type, fields, held, example.claims))


def _allows(policy: Policy, example: Example) -> bool:
    return _decided(policy, example).allowed
