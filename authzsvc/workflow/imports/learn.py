"""Learns a mapping from recorded days: the tightest scopes that the messages needed, and a role for each client.

Inbound messages of a client are told apart by type, asset class (167) and kind (40 of orders, 263 of market data
requests, 530 of mass cancels), so that the limits of one kind are not those of another. Clients whose messages lead to
the same limits share a scope.

Outbound, reports that show somebody's orders, trades or positions need a scope (`SHOWING`), limited by account if they
name one: prices and quantities of reports are the venue's, and a report that is withheld is missed. All other outbound
types of the day pass for every session, with the rejects (`ANSWERS`); what the day did not have is withheld.

Invariant: the learnt mapping allows every message that it was learnt from.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from authzsvc.errors import ToolError
from authzsvc.fix.dictionary import Dictionary
from authzsvc.fix.direction import Direction
from authzsvc.fix.fields import Fields
from authzsvc.policy.language import Outbound
from authzsvc.policy.lookup import LOGON, SESSION_LEVEL
from authzsvc.workflow.imports.draft import Draft, DraftGrant, DraftRole, DraftScope, Pairs, Session
from authzsvc.workflow.imports.generalise import FEW, conclude
from authzsvc.workflow.imports.limits import Claimed, Limit
from authzsvc.workflow.imports.observed import Observed
from authzsvc.workflow.imports.vocabulary import ACCOUNT, SECURITY_TYPE, name_of, slug
from authzsvc.workflow.recorded import Found, heading_and_fields

SHOWING = frozenset(("8", "J", "N", "AE", "AK", "AP", "AS", "AW", "AY", "BA", "BL", "CJ", "CQ", "DC", "DN"))
"""Outbound MsgTypes that show orders, trades, allocations, positions or collateral of somebody."""

ANSWERS = ("9", "Y", "j", "r", "AG")
"""Outbound MsgTypes that refuse a client's own messages: every session is to see them, even if the day had none."""

MAX_KINDS = 2_000
MAX_SPLITS = 32
"""Kinds of one message type that one client's messages are told apart by."""
MAX_CLAIMED = 1_000

_KIND_TAGS = {"V": 263, "q": 530, "AD": 569, "AN": 724}
_ORD_TYPE = 40
_OTHER = "…"
"""Stands for the kinds beyond `MAX_SPLITS`."""

IDENTITY_CLAIM = "fix_comp_id"


@dataclass(frozen=True, slots=True, order=True)
class Kind:
    """Messages of one client that get a grant together."""

    comp_id: str
    direction: Direction
    msg_type: str
    asset: str
    """SecurityType (167); empty where there is none."""
    kind: str
    """The value of the tag that tells kinds of the type apart; empty where there is none."""


@dataclass(slots=True)
class Learner:
    """Learns from messages."""

    dictionary: Dictionary
    clients: frozenset[str]
    claims: Mapping[int, str] = field(default_factory=dict)
    """Tag → the claim of the token that its values are to be held against."""
    few: int = FEW
    """The most values of a text tag that are a list."""
    kinds: dict[Kind, Observed] = field(default_factory=dict)
    claimed: dict[tuple[str, str], dict[str, None]] = field(default_factory=dict)
    """CompID and claim → the values that the claim is to have."""
    messages: int = 0
    """Messages of the clients, those of the session level among them."""
    unreadable: int = 0
    passing: set[str] = field(default_factory=set)
    """Outbound MsgTypes that every session may see."""
    seen: set[str] = field(default_factory=set)
    """CompIDs of the clients that had messages."""
    unlearnt: set[str] = field(default_factory=set)
    """MsgTypes that the dictionary does not have and a mapping cannot add."""

    def run(self, found: Iterable[Found]) -> None:
        """Learns from the messages of a log; may be called again with more. Raises `ToolError` for too many kinds."""
        for _, raw in found:
            read = None if raw is None else heading_and_fields(raw)
            if read is None:
                self.unreadable += 1
                continue
            heading, fields = read
            if heading.sender in self.clients:
                self._take(heading.sender, Direction.INBOUND, heading.msg_type, fields)
            elif heading.target in self.clients:
                self._take(heading.target, Direction.OUTBOUND, heading.msg_type, fields)

    def _take(self, comp_id: str, direction: Direction, msg_type: str, fields: Fields) -> None:
        self.messages += 1
        self.seen.add(comp_id)
        if msg_type in SESSION_LEVEL or msg_type == LOGON:
            return
        if msg_type not in self.dictionary.msg_types:
            self.unlearnt.add(msg_type)
            return
        if direction is Direction.OUTBOUND and msg_type not in SHOWING:
            self.passing.add(msg_type)
            return
        kind = self._kind(comp_id, direction, msg_type, fields)
        observed = self.kinds.get(kind)
        if observed is None:
            if len(self.kinds) >= MAX_KINDS:
                raise ToolError(
                    f"the logs have more than {MAX_KINDS} kinds of messages (name the clients by `--client`)"
                )
            observed = self.kinds[kind] = Observed(self.dictionary)
        observed.add(fields)
        for tag, claim in self.claims.items():
            values = self.claimed.setdefault((comp_id, claim), {})
            for raw in fields.all(tag):
                if len(values) < MAX_CLAIMED:
                    values[raw.decode("utf-8", "replace")] = None

    def _kind(self, comp_id: str, direction: Direction, msg_type: str, fields: Fields) -> Kind:
        if direction is Direction.OUTBOUND:
            return Kind(comp_id, direction, msg_type, "", "")
        tag = _KIND_TAGS.get(msg_type, _ORD_TYPE)
        asset, kind = (_text(fields.first(one)) for one in (SECURITY_TYPE, tag))
        found = Kind(comp_id, direction, msg_type, asset, kind)
        if found in self.kinds:
            return found
        alike = sum((one.comp_id, one.msg_type) == (comp_id, msg_type) for one in self.kinds)
        return found if alike < MAX_SPLITS else Kind(comp_id, direction, msg_type, "", _OTHER)


def _text(value: bytes | None) -> str:
    return "" if value is None else value.decode("ascii", "replace")


def draft(learner: Learner, name: str, fix: str, made: str) -> Draft:
    """Returns what was learnt as a draft. Raises `ToolError` if nothing was."""
    if not learner.kinds:
        raise ToolError("no client sent or received a message that needs a scope (name the clients by `--client`)")
    named = _Named(learner)
    roles = tuple(named.roles())
    dictionary = learner.dictionary
    passes = tuple(sorted(learner.passing | dictionary.msg_types.intersection(ANSWERS)))
    custom = {*passes, *(kind.msg_type for kind in learner.kinds)}.intersection(dictionary.added.get("messages", {}))
    return Draft(
        name=name,
        fix=fix,
        made=made,
        scopes=tuple(sorted(named.scopes.values(), key=lambda scope: scope.name)),
        roles=roles,
        identity={"SenderCompID": IDENTITY_CLAIM},
        outbound=Outbound.CLOSED,
        passes=passes,
        custom_messages=tuple(sorted(custom)),
        notes=tuple(_notes(learner)),
        sessions={
            comp_id: Session(tuple(named.role_of.get(comp_id, ())), _session_claims(learner, comp_id))
            for comp_id in sorted(learner.seen)
        },
    )


def _notes(learner: Learner) -> Iterator[str]:
    yield f"Learnt from {learner.messages} messages of {', '.join(sorted(learner.clients))}."
    yield "Guessed: lists of values, and ranges rounded outwards. What the day did not have is denied."
    yield "Outbound types under `passes` are those of the day that show nobody's business, and the rejects."
    if learner.unlearnt:
        yield f"MsgTypes that no mapping can name, and that are denied: {', '.join(sorted(learner.unlearnt))}."
    if any(kind.direction is Direction.OUTBOUND for kind in learner.kinds):
        yield "Reports are withheld from a client that received none of their type on that day: give it the scope."


def _session_claims(learner: Learner, comp_id: str) -> dict[str, object]:
    claims: dict[str, object] = {IDENTITY_CLAIM: comp_id}
    for (owner, claim), values in learner.claimed.items():
        if owner == comp_id:
            put(claims, claim, list(values))
    return claims


def put(claims: dict[str, object], path: str, told: object) -> None:
    """Sets a claim at its path: `realm_access.desk` leads into nested claims."""
    *outer, last = path.split(".")
    for part in outer:
        inner = claims.setdefault(part, {})
        if not isinstance(inner, dict):
            raise ToolError(f"the claim `{path}` leads into the claim `{part}`, which has values of its own")
        claims = inner
    claims[last] = told


Meaning = tuple[tuple[str, Direction, tuple[Limit, ...]], ...]


class _Named:
    """The scopes of all clients, shared where they mean the same, each with a name of its own."""

    def __init__(self, learner: Learner) -> None:
        self.learner = learner
        self.scopes: dict[str, DraftScope] = {}
        self.held: dict[str, list[str]] = {}
        self.role_of: dict[str, list[str]] = {}
        bundles: dict[str, dict[Meaning, list[tuple[str, tuple[DraftGrant, ...]]]]] = {}
        for (comp_id, base), grants in sorted(_bundles(learner).items()):
            meaning = tuple((grant.msg_type, grant.direction, grant.limits) for grant in grants)
            bundles.setdefault(base, {}).setdefault(meaning, []).append((comp_id, grants))
        for base, by_meaning in bundles.items():
            for holders in by_meaning.values():
                self._add(base, holders, alone=len(by_meaning) == 1)

    def _add(self, base: str, holders: list[tuple[str, tuple[DraftGrant, ...]]], *, alone: bool) -> None:
        first, grants = holders[0]
        name = unused(base if alone else f"{base}:{slug(first)}", self.scopes)
        comp_ids = [comp_id for comp_id, _ in holders]
        self.scopes[name] = DraftScope(name, grants, "", (f"Needed by {', '.join(comp_ids)}.",))
        for comp_id in comp_ids:
            self.held.setdefault(comp_id, []).append(name)

    def roles(self) -> Iterator[DraftRole]:
        """Gives a role for each client."""
        taken: dict[str, None] = {}
        for comp_id, scopes in sorted(self.held.items()):
            name = unused(slug(comp_id).strip(".-_") or "client", taken)
            taken[name] = None
            self.role_of[comp_id] = [name]
            yield DraftRole(name, tuple(sorted(scopes)), (), f"What {comp_id} did on the recorded days")


def unused(name: str, taken: Iterable[str]) -> str:
    """Returns a name, with a number behind it if it is taken."""
    taken = set(taken)
    number, found = 1, name
    while found in taken:
        number += 1
        found = f"{name}-{number}"
    return found


def _bundles(learner: Learner) -> dict[tuple[str, str], tuple[DraftGrant, ...]]:
    """Returns the grants that each client needs, by CompID and the name that their scope should have."""
    found: dict[tuple[str, str], list[DraftGrant]] = {}
    tags: dict[tuple[Direction, str], set[int]] = {}
    for kind, observed in learner.kinds.items():
        tags.setdefault((kind.direction, kind.msg_type), set()).update(observed.tags)
    for kind, observed in sorted(learner.kinds.items(), key=lambda item: item[0]):
        split = kind.kind if kind.msg_type == "V" else kind.asset
        base = name_of(learner.dictionary, kind.direction, kind.msg_type, split or None)
        grant = _grant(learner, kind, observed, tags[kind.direction, kind.msg_type])
        found.setdefault((kind.comp_id, base), []).append(grant)
    return {key: tuple(_once(grants)) for key, grants in found.items()}


def _once(grants: Iterable[DraftGrant]) -> Iterator[DraftGrant]:
    seen: set[object] = set()
    for grant in grants:
        meaning = (grant.msg_type, grant.direction, grant.limits)
        if meaning not in seen:
            seen.add(meaning)
            yield grant


def _grant(learner: Learner, kind: Kind, observed: Observed, elsewhere: set[int]) -> DraftGrant:
    own = _claim_limits(learner, kind.comp_id, observed)
    concluded = conclude(observed, kind.msg_type, elsewhere, learner.few, own)
    limits, free = concluded.limits, concluded.free
    if kind.direction is Direction.OUTBOUND:
        always = observed.tags.get(ACCOUNT)
        named = always is not None and always.messages == observed.messages
        limits = tuple(limit for limit in limits if named and limit.tag == ACCOUNT)
        free = ("The venue's values are not limited.",)
    what = f"Seen {observed.messages} time{'' if observed.messages == 1 else 's'}, by {kind.comp_id} first."
    comments = (what, *(f"Not limited ({line})." if kind.direction is Direction.INBOUND else line for line in free))
    made = DraftGrant(kind.msg_type, kind.direction, limits, comments, _example(observed, limits))
    claims: dict[str, object] = {}
    for limit in limits:
        if isinstance(limit.test, Claimed):
            put(claims, limit.test.claim, list(learner.claimed[kind.comp_id, limit.test.claim]))
    return replace(made, claims=claims)


def _claim_limits(learner: Learner, comp_id: str, observed: Observed) -> dict[int, Limit]:
    """Returns the limits by claims. A tag with a value in doubt, or with more values than a claim should have, gets
    none."""
    found = {}
    for tag, claim in learner.claims.items():
        values = observed.tags.get(tag)
        if values is None or values.doubtful or values.many or not values.seen:
            continue
        if len(learner.claimed[comp_id, claim]) >= MAX_CLAIMED:
            continue
        default = None if values.messages == observed.messages else min(values.seen)
        found[tag] = Limit(tag, Claimed(claim), default)
    return found


def _example(observed: Observed, limits: tuple[Limit, ...]) -> Pairs | None:
    """Returns the first message, cut down to the tags that count."""
    if observed.example is None:
        return None
    counting = {limit.tag for limit in limits}
    return tuple((tag, raw.decode("ascii", "replace")) for tag, raw in observed.example.pairs if tag in counting)
