"""The words of a denial: one line, lower case, bounded, with no secret in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from authzsvc.fix.direction import Direction
from authzsvc.policy.truth import Truth

if TYPE_CHECKING:
    from authzsvc.policy.question import Question
    from authzsvc.policy.rules import Forbid, Grant

ID_NAMES = {
    "comp_id": "SenderCompID",
    "sub_id": "SenderSubID",
    "location_id": "SenderLocationID",
    "on_behalf_of": "OnBehalfOfCompID",
    "target_comp_id": "TargetCompID",
    "on_behalf_of_sub": "OnBehalfOfSubID",
    "on_behalf_of_location": "OnBehalfOfLocationID",
}
"""Field of `CompIds` → what to call it: as the client's own messages do."""

_NAMED = 5
"""How many scopes or forbids a reason lists at most."""
_NAMED_RULES = 3
_NAMED_VALUES = 3
_VALUE_LENGTH = 32
_LINE_LENGTH = 400


def shown(value: str | bytes) -> str:
    """Make a value from a message fit for a line of text: printable ASCII, bounded."""
    text = value.decode("ascii", "replace") if isinstance(value, bytes) else value
    if len(text) <= _VALUE_LENGTH and text.isascii() and text.isprintable() and "`" not in text:
        return text
    plain = "".join(char if char.isascii() and char.isprintable() and char != "`" else "?" for char in text)
    return plain if len(plain) <= _VALUE_LENGTH else plain[: _VALUE_LENGTH - 1] + "…"


def no_scope(label: str, direction: Direction, missing: Sequence[str], *, sure: bool) -> str:
    """Word a denial for want of any scope for this type; `sure` where each missing one would have granted it."""
    offer = "any of these would" if sure else "these grant some"
    return _bounded(f"no scope of the token grants `{label}` {direction}; {offer}: {_listed(missing)}")


@dataclass(frozen=True, slots=True)
class Needs:
    """What the grants that a session holds ask of a message, worded once for all its denials."""

    words: str
    tags: tuple[tuple[str, tuple[tuple[int, str], ...]], ...]
    """What they look at: a tag's or an attribute's name, with its tags and their names."""


def needs(held: Sequence[Grant]) -> Needs:
    """Word what these grants need."""
    told = held[:_NAMED_RULES]
    words = "; ".join(f"`{rule.scope}` needs {' and '.join(map(str, rule.conditions))}" for rule in told)
    asked = {condition.tags: condition.name for rule in told for condition in rule.conditions}
    tags = tuple((name, tags) for tags, name in sorted(asked.items()))
    return Needs(words + ("; …" if len(held) > len(told) else ""), tags)


def conditions_failed(needed: Needs, question: Question, would_grant: Sequence[str]) -> str:
    """Word a denial where the token has scopes for this type, and no rule of theirs holds for this message."""
    found = {told: values for name, tags in needed.tags for told, values in _found(question, name, tags)}
    offer = f"; any of these would grant it: {_listed(would_grant)}" if would_grant else ""
    return _bounded(f"{needed.words}, the message has {_has(found)}{offer}")


def forbidden(label: str, question: Question, firing: Sequence[Forbid], *, granted: bool) -> str:
    """Word a denial by forbids. The first forbid is described in full; `granted` says that nothing but the forbids
    denies.

    A value in doubt is shown, because the forbid fires although it does not name that value.
    """
    forbid, *others = firing
    because = f" where {' and '.join(map(str, forbid.conditions))}" if forbid.conditions else ""
    doubt = _doubt(question, forbid)
    lifted = f"; any of these lifts it: {_listed(forbid.unless)}" if forbid.unless else ""
    also = f"; forbidden by {_listed([other.name for other in others])} too" if others else ""
    ungranted = "" if granted else "; no scope of the token grants it either"
    return _bounded(f"`{forbid.name}` forbids `{label}` {question.direction}{because}{doubt}{lifted}{also}{ungranted}")


def _doubt(question: Question, forbid: Forbid) -> str:
    for condition in forbid.conditions:
        for tag, name in condition.tags:
            for value in question.fields.all(tag):
                if condition.in_doubt(tag, value):
                    return f"; {name}={shown(value)} is in doubt, for it is not {condition.types[tag].words}"
        if len(condition.tags) > 1 and condition.truth(question.fields, question.claims) is Truth.DOUBT:
            return f"; `{condition.name}` cannot be told"
    return ""


def in_shadow(denial: str) -> str:
    """Word a denial that is not enforced."""
    return _bounded(f"in shadow mode, else denied: {denial}")


def _found(question: Question, name: str, tags: Sequence[tuple[int, str]]) -> list[tuple[str, str]]:
    """Give the values of a tag, or of those tags of an attribute that are there; none under its own name."""
    if len(tags) == 1:
        return [(name, _values(question.fields.all(tags[0][0])))]
    there = [(told, _values(question.fields.all(tag))) for tag, told in tags]
    return [found for found in there if found[1]] or [(name, "")]


def _has(found: dict[str, str]) -> str:
    if len(found) == 1:
        ((name, values),) = found.items()
        return values or f"no {name}"
    return " and ".join(f"{name}={values}" if values else f"no {name}" for name, values in found.items())


def _values(values: list[bytes]) -> str:
    distinct = list(dict.fromkeys(shown(value) for value in values))
    return ",".join(distinct[:_NAMED_VALUES]) + (",…" if len(distinct) > _NAMED_VALUES else "")


def _listed(names: Sequence[str]) -> str:
    more = ", …" if len(names) > _NAMED else ""
    return ", ".join(f"`{name}`" for name in names[:_NAMED]) + more


def _bounded(line: str) -> str:
    return line if len(line) <= _LINE_LENGTH else line[: _LINE_LENGTH - 1] + "…"
