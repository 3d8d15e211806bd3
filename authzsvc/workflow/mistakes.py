"""What looks like a mistake in a mapping that compiles: each as a warning at its place.

Rules that can never matter, scopes, roles and lists that nobody uses, sensitive scopes that no test holds to account,
tests that name what the mapping does not have.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from authzsvc.errors import Fault
from authzsvc.fix.dictionary import did_you_mean
from authzsvc.fix.direction import Direction
from authzsvc.policy import source
from authzsvc.policy.engine import Policy
from authzsvc.policy.includes import Files
from authzsvc.policy.scopes import ROLE_PREFIX
from authzsvc.policy.source import Source, Spot
from authzsvc.workflow.lines import Kind, Line, all_lines, lists_of
from authzsvc.workflow.logic import Shelf, implied, impossible
from authzsvc.workflow.suites import Case, Suite


@dataclass(frozen=True, slots=True)
class _Mapping:
    """A mapping as its engine and as its author see it."""

    policy: Policy
    sources: Sequence[Source]
    lines: tuple[Line, ...]
    cases: tuple[Case, ...]

    def spots(self, key: str) -> Iterator[tuple[str, Spot]]:
        """Give every name under a key of the language, in any file, with its place."""
        for file in self.sources:
            data = Spot(file, (key,)).data
            for name in data if isinstance(data, dict) else ():
                yield name, Spot(file, (key, name))

    def held(self, case: Case) -> frozenset[str]:
        """Give the mapping's scopes that the token of a test comes to."""
        return self.policy.expand(case.scopes, case.claims).scopes

    def roles_of(self, case: Case) -> set[str]:
        """Give the roles that the token of a test names."""
        by_scope = {scope.removeprefix(ROLE_PREFIX) for scope in case.scopes if scope.startswith(ROLE_PREFIX)}
        return by_scope.union(self.policy.granter.named_roles(case.claims))


def find(policy: Policy, path: Path, suites: Iterable[Suite]) -> list[Fault]:
    """Give every warning about a mapping that compiled from this path, tested by these suites."""
    cases = tuple(case for suite in suites for case in suite.cases)
    files = Files(path, [])
    files.include(source.read(path))
    mapping = _Mapping(policy, files.sources, all_lines(policy), cases)
    looks = (
        _impossible, _shadowed, _idle_forbids, _hopeless_grants, _scopes, _modifiers, _roles, _lists, _sensitive, _tests
    )  # fmt: skip
    return [warning for look in looks for warning in look(mapping)]


def _at(line: Line, text: str, hint: str = "") -> Fault:
    return Fault(line.rule.file, line.rule.line, line.id, source.one_line(text), hint)


def _impossible(mapping: _Mapping) -> Iterator[Fault]:
    """Warn of rules whose conditions no message meets."""
    for line in mapping.lines:
        why = impossible(line.conditions)
        if why is not None:
            yield _at(line, f"can never match: {why}", "mend the condition, or take the rule out")


def _shadowed(mapping: _Mapping) -> Iterator[Fault]:
    """Warn of a rule that another of the same scope, or another forbid, makes pointless."""
    ordered = sorted(mapping.lines, key=_subject)
    for _, group in groupby(ordered, key=_subject):
        lines = list(group)
        shelf = Shelf((line, line.conditions) for line in lines)
        for index, line in enumerate(lines):
            others = (other for other in shelf.candidates(line.conditions) if other is not line)
            other = next((other for other in others if _swallows(other, line)), None)
            if other is None:
                continue
            same = _swallows(line, other)
            if same and any(other is later for later in lines[index:]):
                continue  # told of the later one
            what = "says the same as" if same else "is shadowed by"
            yield _at(line, f"{what} `{other.id}` on line {other.rule.line}", "keep one of them")


def _subject(line: Line) -> tuple[str, ...]:
    """What two rules must have in common for one to make the other pointless."""
    return line.kind, *line.key, line.name if line.kind is Kind.GRANT else ""


def _swallows(loose: Line, strict: Line) -> bool:
    """Whether one rule applies wherever another does."""
    forbids = strict.kind is Kind.FORBID
    if forbids and not (set(loose.unless) <= set(strict.unless) and loose.wildcards_lift <= strict.wildcards_lift):
        return False
    return implied(strict.conditions, loose.conditions, exactly=forbids)


def _idle_forbids(mapping: _Mapping) -> Iterator[Fault]:
    """Warn of a forbid on what nothing grants, or what only scopes that lift it grant."""
    granting: dict[tuple[str, ...], set[str]] = {}
    for line in mapping.lines:
        if line.kind is Kind.GRANT:
            granting.setdefault(line.key, set()).add(line.name)
    for line in mapping.lines:
        if line.kind is not Kind.FORBID:
            continue
        if line.key not in granting:
            if line.rule.direction is Direction.OUTBOUND and not mapping.policy.closed:
                continue  # passes where no scope grants it
            yield _at(line, f"can never matter: no scope grants `{line.what}`", "take it out, or name another message")
        elif granting[line.key] <= set(line.unless):
            when = "can never fire" if line.wildcards_lift else "only fires for wildcards"
            yield _at(line, f"{when}: every scope that grants `{line.what}` lifts it", "shorten `unless`")


def _hopeless_grants(mapping: _Mapping) -> Iterator[Fault]:
    """Warn of a grant all of whose messages some forbid denies."""
    forbids: dict[tuple[str, ...], list[Line]] = {}
    for line in mapping.lines:
        if line.kind is Kind.FORBID and not line.unless:
            forbids.setdefault(line.key, []).append(line)
    shelves = {key: Shelf((line, line.conditions) for line in lines) for key, lines in forbids.items()}
    for line in mapping.lines:
        if line.kind is Kind.FORBID or line.key not in shelves:
            continue
        candidates = shelves[line.key].candidates(line.conditions)
        forbid = next((forbid for forbid in candidates if implied(line.conditions, forbid.conditions)), None)
        if forbid is not None:
            yield _at(line, f"can never grant: the forbid `{forbid.name}` denies all of it", "take one of them out")


def _scopes(mapping: _Mapping) -> Iterator[Fault]:
    """Warn of scopes that can grant nothing, or that no role and no test uses; of none where there are neither."""
    live = {line.name for line in mapping.lines if line.kind is Kind.GRANT and impossible(line.conditions) is None}
    live |= _modifiers_of(mapping.policy)
    roles = mapping.policy.roles
    used = frozenset[str]().union(*roles.values(), *map(mapping.held, mapping.cases))
    if not mapping.cases:
        top = mapping.sources[0]
        yield Fault(top.file, 1, "", "has no tests", "write a suite beside it, as NAME.test.yaml")
    for scope, spot in mapping.spots("scopes"):
        if scope not in live:
            yield spot.fault("grants nothing", "mend its grants, or take it out")
        elif (roles or mapping.cases) and scope not in used:
            yield spot.fault("is used by no role and no test", "put it into a role, or test it")


def _modifiers(mapping: _Mapping) -> Iterator[Fault]:
    """Warn of modifiers that lift no forbid."""
    lifting = {scope for line in mapping.lines for scope in line.unless}
    for scope, spot in mapping.spots("scopes"):
        if scope in _modifiers_of(mapping.policy) - lifting:
            yield spot.fault("is a modifier, and lifts no forbid", "name it under the `unless` of a forbid")


def _modifiers_of(policy: Policy) -> set[str]:
    return {scope.name for scope in policy.scope_terms.values() if scope.modifier}


def _roles(mapping: _Mapping) -> Iterator[Fault]:
    """Warn of roles that no test uses and no role includes, and of those that say the same."""
    included = {inner for _, spot in mapping.spots("roles") for inner in _words(spot.at("roles"))}
    tested = {role for case in mapping.cases for role in mapping.roles_of(case)}
    roles, seen = mapping.policy.roles, dict[frozenset[str], str]()
    for role, spot in mapping.spots("roles"):
        twin = seen.setdefault(roles[role], role)
        if twin != role:
            yield spot.fault(f"comes to the same scopes as `{twin}`", "keep one of them")
        if mapping.cases and role not in included | tested:
            yield spot.fault("is used by no test, and no role includes it", "test it, or take it out")


def _words(spot: Spot) -> list[str]:
    data = spot.data
    return [str(word) for word in data] if isinstance(data, list) else []


def _lists(mapping: _Mapping) -> Iterator[Fault]:
    """Warn of lists that no condition asks."""
    used = {test.list_name for line in mapping.lines for test in lists_of(line.conditions)}
    for name, spot in mapping.spots("lists"):
        if name not in used:
            yield spot.fault("is used by no condition", "write `in_list` or `not_in_list`, or take it out")


def _sensitive(mapping: _Mapping) -> Iterator[Fault]:
    """Warn of sensitive scopes that no test expects to grant; of a modifier, that no test holds what is allowed."""
    allowed = [case for case in mapping.cases if case.spec.expect == "allow"]
    held = frozenset[str]().union(*map(mapping.held, allowed)) & _modifiers_of(mapping.policy)
    granted = {case.spec.scope for case in allowed} | held
    for scope, spot in mapping.spots("scopes") if mapping.cases else ():
        if mapping.policy.scope_terms[scope].sensitive and scope not in granted:
            yield spot.fault("is sensitive, and no test expects it to grant", f"write a test with `scope: {scope}`")


def _tests(mapping: _Mapping) -> Iterator[Fault]:
    """Warn of tests that wait for what the mapping does not have."""
    forbids = {line.name for line in mapping.lines if line.kind is Kind.FORBID}
    scopes, roles = mapping.policy.scopes, mapping.policy.roles
    for case in mapping.cases:
        known = {"scope": (case.spec.scope, scopes), "rule": (case.spec.rule, forbids)}
        for key, (name, names) in known.items():
            if name is not None and name not in names:
                near = did_you_mean(name, names).removeprefix("; ")
                yield Fault(case.file, case.line, key, f"the mapping has no `{name}`", near)
        for role in case.spec.roles:
            if role not in roles:
                near = did_you_mean(role, roles).removeprefix("; ")
                yield Fault(case.file, case.line, "roles", f"the mapping has no role `{role}`", near)
