"""From a mapping's files to a `Policy`, or to every fault that they have.

Passes: the files (`includes`), their shape (`shape`), then the names, against the dictionary of the FIX version that
the mapping names. What comes out speaks numbers and bytes only, in an order that does not depend on how the mapping is
written, so that its digest is that of its meaning.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from authzsvc.errors import Fault, UnknownName
from authzsvc.fix.dictionary import Dictionary, load
from authzsvc.fix.direction import Direction
from authzsvc.fix.serving import serving
from authzsvc.policy import clock, custom, definitions, language, lists, message_sets, roles, shape, source, terms
from authzsvc.policy.attributes import Attributes
from authzsvc.policy.by_version import VersionedCondition
from authzsvc.policy.clauses import Clauses
from authzsvc.policy.conditions import Condition
from authzsvc.policy.engine import Policy
from authzsvc.policy.faults import EnoughError, Gathered
from authzsvc.policy.granted import Granter, RuleSet
from authzsvc.policy.includes import Files
from authzsvc.policy.lookup import HEADER_IDS, Lookup, text_and_hint
from authzsvc.policy.names import Names
from authzsvc.policy.question import Verdict
from authzsvc.policy.rules import Forbid, Grant, Rule
from authzsvc.policy.scopes import Defined
from authzsvc.policy.source import Source, Spot
from authzsvc.policy.terms import Places, Rollout, Said, Scope, SessionTerms
from authzsvc.policy.windows import InTime

BUSINESS_IDS = frozenset(
    (2, 11, 17, 23, 37, 41, 66, 70, 117, 131, 262, 320, 324, 335, 390, 391, 513, 548, 568, 571, 584, 649, 664, 693, 710,
     721, 833, 894, 923, 933)
)  # fmt: skip
"""The ids by which people find a message again, wanted for the audit: ClOrdID, OrderID, QuoteID, MDReqID and so on."""


def compile_mapping(path: Path) -> Policy:
    """Compile a mapping from its top file. Raises `MappingFaults` with every fault: file, line, key, hint."""
    return compile_source(source.read(path))


def compile_source(top: Source, reader: Callable[[Path], Source] = source.read) -> Policy:
    """Compile a mapping whose top file was read; `reader` reads those that it includes. Raises `MappingFaults`."""
    faults = Gathered()
    files = Files(Path(top.file), faults, reader)
    try:
        files.include(top)
        whole = _read(files, faults)
    except EnoughError:
        whole = None
    if whole is None or faults:
        raise faults.refusal([found.file for found in files.sources])
    return _policy(top, files, whole)


@dataclass(frozen=True, slots=True)
class _Whole:
    """All that a mapping says, in numbers."""

    version: int
    dictionary: Dictionary
    session: SessionTerms
    scopes: dict[str, Scope]
    granter: Granter
    rollout: Rollout
    grants: list[Grant]
    forbids: list[Forbid]
    places: Places

    @property
    def meaning(self) -> dict[str, Any]:
        """Returns plain data for the digest: equal for two mappings only if no behaviour tells them apart.

        Left out are the mapping's name, descriptions, and the words for which a condition is shown in a reason (the
        name of a list, `occurrences` where it says the default): they change no decision.
        """
        return {
            "fix": _versions(self.dictionary),
            "custom": self.dictionary.added,
            "identity": dict(self.session.identity),
            "exempt": self.session.exempt,
            "risk_reducing": self.session.risk_reducing,
            **({"outbound": ["closed", *self.session.passes]} if self.session.closed else {}),
            "scopes": {name: scope.meaning for name, scope in self.scopes.items()},
            "prefixes": self.granter.defined.prefixes,
            "roles": {name: sorted(role.scopes) for name, role in self.granter.roles.items()},
            # Without roles too: a kill by role reads this claim, whether the mapping defines the role or not.
            "role_claim": self.granter.role_claim,
            "rollout": [self.rollout.mode, dict(self.rollout.messages), dict(self.rollout.senders)],
            "grants": _once(grant.meaning for grant in self.grants),
            "forbids": _once(forbid.meaning for forbid in self.forbids),
        }


def _read(files: Files, faults: Gathered) -> _Whole | None:
    """Read all that the files say; None where not even the dictionary is known. Adds every fault."""
    top = files.sources[0]
    for found in files.sources:
        faults.extend(shape.faults(found, language.Mapping if found is top else language.Fragment))
    said = Said(files, faults)
    said.require("session", "identity", hint="an explicit `{}` binds nothing")
    said.require("scopes", empty=False)
    standard = _dictionary(Spot(top, ("fix",)), faults)
    if standard is None:
        return None
    lookup = Lookup(custom.extend(said, standard), faults, lists.read(said))
    scopes = terms.scopes(said)
    defined = Defined(frozenset(scopes), terms.scope_prefixes(said))
    granter = Granter(defined, roles.read(said, defined), terms.role_claim(said))
    session = terms.session(said, lookup)
    known = Attributes(definitions.read(said), lookup, Clauses)
    version, sets = terms.version(said), message_sets.read(said, lookup)
    names = Names(said, lookup, version, session, known, sets)
    grants, forbids = sorted(names.grants(), key=_order), sorted(names.forbids(scopes), key=_order)
    rollout = terms.rollout(said, lookup)
    return _Whole(version, lookup.dictionary, session, scopes, granter, rollout, grants, forbids, said.places)


def _dictionary(spot: Spot, faults: list[Fault]) -> Dictionary | None:
    part = shape.part(language.Served, spot.data)
    if part is None:
        return None
    names = spot if isinstance(spot.data, str) else spot.at("names")
    try:
        found = load(part.names)
    except UnknownName as error:
        faults.append(names.fault(*text_and_hint(error)))
        return None
    if part.serves is None:
        return found
    versions = definitions.versions(faults, spot.at("serves"), part.serves)
    return serving(part.names, tuple(sorted(versions)))


def _versions(dictionary: Dictionary) -> str | list[str]:
    """Give the versions that a mapping names: the one of its names, and those that it serves besides."""
    return dictionary.version if len(dictionary.serves) == 1 else [dictionary.version, *dictionary.serves]


def _policy(top: Source, files: Files, whole: _Whole) -> Policy:
    rules = _rule_sets(whole)
    return Policy(
        version=whole.version,
        name=str(Spot(top, ("name",)).data),
        description=str(Spot(top, ("description",)).data or ""),
        digest=hashlib.sha256(json.dumps(whole.meaning, sort_keys=True, separators=(",", ":")).encode()).hexdigest(),
        dictionary=whole.dictionary,
        files=tuple(str(path) for path in files.read.values()),
        identity=whole.session.identity,
        exempt=whole.session.exempt,
        risk_reducing=whole.session.risk_reducing,
        closed=whole.session.closed,
        passes=whole.session.passes,
        guard_outbound=tuple(sorted(kind for direction, kind in rules if direction is Direction.OUTBOUND)),
        want_tags=tuple(sorted(BUSINESS_IDS.union(*(found.vary for found in rules.values())) - HEADER_IDS)),
        granter=whole.granter,
        scope_terms=whole.scopes,
        rollout=whole.rollout,
        rules=rules,
        places=whole.places,
    )


def _rule_sets(whole: _Whole) -> dict[tuple[Direction, str], RuleSet]:
    """File the rules under direction and MsgType; they stay in the order of their scopes, or names."""
    grants: dict[tuple[Direction, str], list[Grant]] = defaultdict(list)
    forbids: dict[tuple[Direction, str], list[Forbid]] = defaultdict(list)
    for grant in whole.grants:
        grants[grant.direction, grant.msg_type].append(grant)
    for forbid in whole.forbids:
        forbids[forbid.direction, forbid.msg_type].append(forbid)
    keys = sorted({*grants, *forbids})
    return {key: _rule_set(whole, key, grants[key], forbids[key]) for key in keys}


def _rule_set(whole: _Whole, key: tuple[Direction, str], grants: list[Grant], forbids: list[Forbid]) -> RuleSet:
    direction, msg_type = key
    rules: list[Rule] = [*grants, *forbids]
    conditions = [condition for rule in rules for condition in rule.conditions]
    vary = tuple(sorted({tag for condition in conditions for tag in condition.consulted} - {clock.TAG}))
    on_clock = [one for one in conditions if isinstance(one, Condition) and one.tag == clock.TAG]
    windows = (test for condition in on_clock for test in condition.tests)
    scopes = {grant.scope for grant in grants}
    unguarded = Verdict(True, None, (), "no grant of the mapping names this outbound message", vary)
    return RuleSet(
        label=whole.dictionary.message_name(msg_type),
        grants=tuple(grants),
        forbids=tuple(forbids),
        vary=vary,
        granted={scope: Verdict(True, scope, (), f"granted by `{scope}`", vary) for scope in scopes},
        unguarded=unguarded if direction is Direction.OUTBOUND and not grants and not whole.session.closed else None,
        by_version=any(isinstance(one, VersionedCondition) for one in conditions),
        clocks=tuple(dict.fromkeys(window for window in windows if isinstance(window, InTime))),
    )


def _order(rule: Rule) -> tuple[Any, ...]:
    """Order rules by what they mean; those that mean the same, by where they stand."""
    return (*rule.meaning, rule.id)


def _once(meanings: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Leave out of sorted meanings those that repeat the one before."""
    return [meaning for meaning, _ in groupby(meanings)]
