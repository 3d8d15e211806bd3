"""The names that scopes have by convention (`resource:action:qualifier`), and the messages that such names mean.

`learn` names the scopes of recorded messages by them. Imports from an authorization server guess by them what a scope
is for, and write into the mapping that this was guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from authzsvc.fix.categories import category_of
from authzsvc.fix.dictionary import Dictionary
from authzsvc.fix.direction import Direction
from authzsvc.workflow.imports.draft import DraftGrant
from authzsvc.workflow.imports.limits import Claimed, Limit, OneOf

INBOUND, OUTBOUND = Direction.INBOUND, Direction.OUTBOUND
SECURITY_TYPE, ORD_TYPE, SUBSCRIPTION, DEPTH, ACCOUNT = 167, 40, 263, 264, 1

_NAMES: Mapping[tuple[Direction, str], str] = {
    (INBOUND, "D"): "order:create",
    (INBOUND, "AB"): "order:create:multileg",
    (INBOUND, "E"): "order:create:list",
    (INBOUND, "s"): "order:create:cross",
    (INBOUND, "DJ"): "order:create:mass",
    (INBOUND, "G"): "order:replace",
    (INBOUND, "AC"): "order:replace:multileg",
    (INBOUND, "t"): "order:replace:cross",
    (INBOUND, "F"): "order:cancel",
    (INBOUND, "q"): "order:cancel:mass",
    (INBOUND, "K"): "order:cancel:list",
    (INBOUND, "u"): "order:cancel:cross",
    (INBOUND, "H"): "order:status",
    (INBOUND, "AF"): "order:status:mass",
    (INBOUND, "M"): "order:status:list",
    (INBOUND, "L"): "order:execute:list",
    (INBOUND, "CA"): "order:action:mass",
    (INBOUND, "Q"): "trade:dispute",
    (INBOUND, "R"): "quote:request",
    (INBOUND, "AH"): "quote:request:rfq",
    (INBOUND, "S"): "quote:create",
    (INBOUND, "i"): "quote:create:mass",
    (INBOUND, "AJ"): "quote:respond",
    (INBOUND, "Z"): "quote:cancel",
    (INBOUND, "a"): "quote:status",
    (INBOUND, "V"): "marketdata:request",
    (INBOUND, "AN"): "position:view",
    (INBOUND, "AL"): "position:maintain",
    (INBOUND, "AD"): "trade:request",
    (INBOUND, "AE"): "trade:report",
    (INBOUND, "J"): "allocation:create",
    (OUTBOUND, "8"): "trade:view",
    (OUTBOUND, "AE"): "trade:view:reports",
    (OUTBOUND, "AP"): "position:view:reports",
}

ASSETS: Mapping[str, str] = {
    "CS": "equity",
    "PS": "equity",
    "OPT": "option",
    "OOF": "option",
    "FUT": "future",
    "FXSPOT": "fx",
    "FXFWD": "fx",
    "FXSWAP": "fx",
    "FXNDF": "fx",
    "FOR": "fx",
    "CORP": "bond",
    "TBOND": "bond",
    "TNOTE": "bond",
    "TBILL": "bond",
    "REPO": "repo",
    "MF": "fund",
}
"""SecurityType (167) → asset class."""

_ACTIONS = {"0": "marketdata:snapshot", "1": "marketdata:subscribe", "2": "marketdata:unsubscribe"}
"""SubscriptionRequestType (263) of a MarketDataRequest."""

_SYNONYMS = {
    "orders": "order", "trading": "order", "trade": "order", "trades": "trade", "executions": "trade", "fills": "trade",
    "execution": "trade", "dropcopy": "trade", "quotes": "quote", "quoting": "quote", "positions": "position",
    "marketdata": "marketdata", "market": "marketdata", "prices": "marketdata", "md": "marketdata",
    "allocations": "allocation",
}  # fmt: skip
"""Word for a resource → the resource; `trade` alone is what traders do."""

_VERBS = {
    "create": "create", "new": "create", "place": "create", "enter": "create", "submit": "create", "write": "create",
    "send": "create", "cancel": "cancel", "delete": "cancel", "replace": "replace", "amend": "replace",
    "modify": "replace", "update": "replace", "status": "status", "view": "view", "read": "view", "get": "view",
    "subscribe": "subscribe", "snapshot": "snapshot", "unsubscribe": "unsubscribe", "request": "request",
    "respond": "respond", "report": "report",
}  # fmt: skip

_MEANINGS: Mapping[tuple[str, str], tuple[tuple[str, Direction], ...]] = {
    ("order", "create"): (("D", INBOUND),),
    ("order", "cancel"): (("F", INBOUND),),
    ("order", "replace"): (("G", INBOUND),),
    ("order", "status"): (("H", INBOUND),),
    ("order", "view"): (("H", INBOUND), ("8", OUTBOUND)),
    ("trade", "view"): (("8", OUTBOUND),),
    ("trade", "report"): (("AE", INBOUND),),
    ("trade", "request"): (("AD", INBOUND),),
    ("quote", "create"): (("S", INBOUND),),
    ("quote", "cancel"): (("Z", INBOUND),),
    ("quote", "request"): (("R", INBOUND),),
    ("quote", "respond"): (("AJ", INBOUND),),
    ("quote", "status"): (("a", INBOUND),),
    ("marketdata", "subscribe"): (("V", INBOUND),),
    ("marketdata", "snapshot"): (("V", INBOUND),),
    ("marketdata", "unsubscribe"): (("V", INBOUND),),
    ("marketdata", "view"): (("V", INBOUND),),
    ("position", "view"): (("AN", INBOUND),),
    ("allocation", "create"): (("J", INBOUND),),
}
_SUBSCRIPTIONS = {"snapshot": "0", "subscribe": "1", "unsubscribe": "2"}
_MULTILEG = {"D": "AB", "G": "AC"}
_LISTS = {"D": "E", "F": "K"}
_CROSSES = {"D": "s", "F": "u", "G": "t"}
_ORD_TYPES = {"market": "1", "limit": "2", "stop": "3"}
_LONG = 40
_BY_ASSET = {"equities": "equity", "stock": "equity", "options": "option", "futures": "future", "bonds": "bond"}


def slug(text: str) -> str:
    """Returns a text as a segment of a scope: lower case, without what a segment cannot have, and not long."""
    return re.sub(r"[^a-z0-9_.-]+", "-", text.lower())[:_LONG].strip("-") or "x"


def name_of(dictionary: Dictionary, direction: Direction, msg_type: str, split: str | None) -> str:
    """Returns the name of the scope for a kind of message. `split` is the SecurityType (167), or the
    SubscriptionRequestType (263) of a MarketDataRequest, if the message has one."""
    if msg_type == "V" and direction is INBOUND:
        return _ACTIONS.get(split or "", "marketdata:request")
    named = _NAMES.get((direction, msg_type))
    if named is None:
        way = "view" if direction is OUTBOUND else "send"
        named = f"{slug(category_of(msg_type)).replace('-', '')}:{way}:{slug(dictionary.message_name(msg_type))}"
    return named if split is None else f"{named}:{ASSETS.get(split, slug(split))}"


@dataclass(frozen=True, slots=True)
class Guess:
    """What a scope's name seems to mean."""

    grants: tuple[DraftGrant, ...]
    unread: tuple[str, ...]
    """Words of the name that were not understood, so that the scope may be meant narrower than it is drafted."""


def guess(dictionary: Dictionary, scope: str) -> Guess | None:
    """Returns what a scope's name seems to mean, or None if it does not name a resource and an action."""
    words = [word for word in re.split(r"[^a-z0-9]+", scope.lower().replace("market-data", "marketdata")) if word]
    if not words:
        return None
    resource, rest = _resource(words)
    verb = next((_VERBS[word] for word in rest if word in _VERBS), None)
    if resource is None or verb is None:
        return None
    kinds = _MEANINGS.get((resource, verb))
    if kinds is None:
        return None
    qualifiers = [word for word in rest if word not in _VERBS]
    return _qualified(dictionary, kinds, verb, qualifiers)


def _resource(words: list[str]) -> tuple[str | None, list[str]]:
    """Returns the resource, and the words behind it. What stands before it is a namespace, as in `fix/order:create`."""
    known = {resource for resource, _ in _MEANINGS}
    for place, word in enumerate(words):
        rest = words[place + 1 :]
        if word == "trade" and any(_VERBS.get(one) in ("view", "report", "request") for one in rest):
            return "trade", rest
        resource = word if word in known - {"trade"} else _SYNONYMS.get(word)
        if resource is not None:
            return resource, rest
    return None, []


def _qualified(
    dictionary: Dictionary, kinds: Iterable[tuple[str, Direction]], verb: str, qualifiers: list[str]
) -> Guess | None:
    limits: list[Limit] = []
    others: dict[str, str] = {}
    unread = []
    more: list[tuple[str, Direction]] = []
    kinds = list(kinds)
    if kinds[0][0] == "V" and verb in _SUBSCRIPTIONS:
        limits.append(Limit(SUBSCRIPTION, OneOf((_SUBSCRIPTIONS[verb],))))
    for word in qualifiers:
        asset = _BY_ASSET.get(word, word)
        types = tuple(type_ for type_, name in ASSETS.items() if name == asset)
        if types:
            known = tuple(type_ for type_ in types if type_ in dictionary.values(SECURITY_TYPE))
            limits.append(Limit(SECURITY_TYPE, OneOf(known or types)))
        elif word in _ORD_TYPES:
            limits.append(Limit(ORD_TYPE, OneOf((_ORD_TYPES[word],))))
        elif word == "own":
            limits.append(Limit(ACCOUNT, Claimed("accounts")))
        elif word == "level1":
            limits.append(Limit(DEPTH, OneOf(("1",))))
        elif word in ("multileg", "list", "cross"):
            others = {"multileg": _MULTILEG, "list": _LISTS, "cross": _CROSSES}[word]
        elif word in ("all", "mass") and verb == "cancel" and kinds == [("F", INBOUND)]:
            more = [("q", INBOUND)]
        else:
            unread.append(word)
    found = [(others.get(msg_type, msg_type), direction) for msg_type, direction in (*kinds, *more)]
    grants = tuple(DraftGrant(msg_type, direction, tuple(limits)) for msg_type, direction in found)
    possible = all(_possible(dictionary, grant) for grant in grants)
    return Guess(grants, tuple(unread)) if possible else None


def _possible(dictionary: Dictionary, grant: DraftGrant) -> bool:
    """Whether the version has the message, and the message the tags."""
    known = grant.msg_type in dictionary.msg_types
    return known and all(dictionary.has_field(grant.msg_type, limit.tag) for limit in grant.limits)
