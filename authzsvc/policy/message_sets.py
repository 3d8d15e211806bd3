"""Sets of messages: what a mapping says once of `orders` or `cancels`, so that a rule names the set.

A set may name messages of any FIX version: those that the mapping's version does not have are not in it.
"""

from __future__ import annotations

from collections.abc import Mapping

from authzsvc.fix import dictionary as fix
from authzsvc.fix.dictionary import did_you_mean
from authzsvc.policy import language, shape
from authzsvc.policy.lookup import Lookup
from authzsvc.policy.source import Spot
from authzsvc.policy.terms import Said

MessageSets = Mapping[str, tuple[str, ...]]
"""The name of a set → its MsgTypes, in the order in which they are written."""


def read(said: Said, lookup: Lookup) -> MessageSets:
    """Give every set of a mapping, by its name."""
    found = {}
    for name, spot in said.named("messages"):
        fragment = shape.part(language.Fragment, {"messages": {name: spot.data}})
        words = fragment.messages.get(name, []) if fragment is not None else []
        if _is_message(lookup, name):
            lookup.fault(spot, f"`{name}` is a message already", "call the set otherwise")
        listed = isinstance(spot.data, list)
        members = [_member(lookup, spot.at(index) if listed else spot, word) for index, word in enumerate(words)]
        found[name] = tuple(dict.fromkeys(member for member in members if member is not None))
    return found


def _is_message(lookup: Lookup, name: str) -> bool:
    return lookup.dictionary.find_message(name) is not None


def _member(lookup: Lookup, spot: Spot, word: str) -> str | None:
    """Give the MsgType of a member; None where only another version has it, and a fault where none has."""
    if not _is_message(lookup, word) and any(fix.load(version).find_message(word) for version in fix.VERSIONS):
        return None
    return lookup.message(spot, word)


def expand(
    lookup: Lookup, sets: MessageSets, words: list[str], without: list[str], spot: Spot, except_spot: Spot
) -> list[tuple[str, Spot]]:
    """Give each MsgType that a rule's words name, once, with the place of the word, without those left out."""
    left_out = {}
    for index, word in enumerate(without):
        msg_type = _member(lookup, except_spot.at(index), word)
        if msg_type is not None:
            left_out[msg_type] = except_spot.at(index)
    found: dict[str, Spot] = {}
    for index, word in enumerate(words):
        at = spot.at(index) if isinstance(spot.data, list) else spot
        if word not in sets:
            msg_type = _message(lookup, sets, at, word)
            if msg_type is not None:
                found.setdefault(msg_type, at)
            continue
        if not sets[word]:
            lookup.fault(at, f"no message of the set `{word}` is in {lookup.dictionary.version}", "leave it out")
        for msg_type in sets[word]:
            found.setdefault(msg_type, at)
    for msg_type, at in left_out.items():
        if found.pop(msg_type, None) is None:
            name = lookup.dictionary.message_name(msg_type)
            lookup.fault(at, f"the rule is not about `{name}` anyway", "take it out")
    return list(found.items())


def _message(lookup: Lookup, sets: MessageSets, spot: Spot, word: str) -> str | None:
    """Give the MsgType of a message; the fault of an unknown one proposes a message or a set."""
    if sets and not _is_message(lookup, word):
        near = did_you_mean(word, [*sets, *lookup.dictionary.message_names]).removeprefix("; ")
        lookup.fault(spot, f"{lookup.dictionary.version} has no message, and the mapping no set `{word}`", near)
        return None
    return lookup.message(spot, word)
