"""From a mapping's source to a `Policy`, or to every fault that it has.

Two passes: the shape (`shape`), then the names, against the dictionary of the FIX version that the mapping names. What
comes out speaks numbers and bytes only, in an order that does not depend on how the mapping is written, so that its
digest is that of its meaning.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from authzsvc.errors import Fault, MappingFaults, UnknownName
from authzsvc.fix.dictionary import Dictionary, load
from authzsvc.fix.direction import Direction
from authzsvc.policy import language, shape, source
from authzsvc.policy.engine import Policy, Rule, RuleSet, Verdict
from authzsvc.policy.names import Filed, Names, SessionTerms, text_and_hint
from authzsvc.policy.source import Source

BUSINESS_IDS = frozenset(
    (2, 11, 17, 23, 37, 41, 66, 70, 117, 131, 262, 320, 324, 335, 390, 391, 513, 548, 568, 571, 584, 649, 664, 693, 710,
     721, 833, 894, 923, 933)
)  # fmt: skip
"""The ids by which people find a message again, wanted for the audit: ClOrdID, OrderID, QuoteID, MDReqID and so on."""


def compile_mapping(path: Path) -> Policy:
    """Compile a mapping file. Raises `MappingFaults` with every fault: file, line, key, hint."""
    return compile_source(source.read(path))


def compile_source(mapping: Source) -> Policy:
    """Compile a mapping that was read. Raises `MappingFaults`."""
    faults = shape.faults(mapping)
    dictionary = _dictionary(mapping, faults)
    if dictionary is None:
        raise _refusal(faults)
    names = Names(mapping, dictionary, faults)
    session = names.session()
    grants = {grant.meaning: grant for grant in names.grants(session.exempt)}
    if faults:
        raise _refusal(faults)
    whole = language.Mapping.model_validate(mapping.data)
    sensitive = {name: scope.sensitive for name, scope in whole.scopes.items()}
    return _policy(whole.name, session, sensitive, [grants[meaning] for meaning in sorted(grants)], dictionary)


def _refusal(faults: list[Fault]) -> MappingFaults:
    return MappingFaults(sorted(faults, key=lambda fault: fault.line))


def _dictionary(mapping: Source, faults: list[Fault]) -> Dictionary | None:
    version = shape.child(mapping.data, "fix")
    if not isinstance(version, str):
        return None
    try:
        return load(version)
    except UnknownName as error:
        faults.append(mapping.fault(("fix",), *text_and_hint(error)))
        return None


def _policy(
    name: str, session: SessionTerms, sensitive: dict[str, bool], grants: list[Filed], dictionary: Dictionary
) -> Policy:
    rules = _rule_sets(grants, dictionary)
    return Policy(
        name=name,
        digest=_digest(session, sensitive, grants),
        fix=dictionary.version,
        identity=session.identity,
        exempt=session.exempt,
        risk_reducing=session.risk_reducing,
        guard_outbound=tuple(sorted(kind for direction, kind in rules if direction is Direction.OUTBOUND)),
        want_tags=tuple(sorted(BUSINESS_IDS.union(*(found.vary for found in rules.values())))),
        scopes=frozenset(sensitive),
        sensitive=frozenset(scope for scope, marked in sensitive.items() if marked),
        rules=rules,
    )


def _digest(session: SessionTerms, sensitive: dict[str, bool], grants: list[Filed]) -> str:
    meaning = {
        "identity": session.identity,
        "exempt": session.exempt,
        "risk_reducing": session.risk_reducing,
        "scopes": sensitive,
        "grants": [grant.meaning for grant in grants],
    }
    return hashlib.sha256(json.dumps(meaning, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _rule_sets(grants: Iterable[Filed], dictionary: Dictionary) -> dict[tuple[Direction, str], RuleSet]:
    """File the rules under direction and MsgType; they stay in the order of their scopes."""
    filed: dict[tuple[Direction, str], list[Filed]] = defaultdict(list)
    for grant in grants:
        filed[grant.direction, grant.msg_type].append(grant)
    return {key: _rule_set(dictionary.message_name(key[1]), found) for key, found in filed.items()}


def _rule_set(label: str, grants: list[Filed]) -> RuleSet:
    vary = tuple(sorted({tag for grant in grants for condition in grant.conditions for tag in condition.consulted}))
    verdicts = {scope: Verdict(True, scope, (), f"granted by `{scope}`", vary) for scope in {g.scope for g in grants}}
    return RuleSet(label, tuple(Rule(g.scope, g.conditions, verdicts[g.scope]) for g in grants), vary)
