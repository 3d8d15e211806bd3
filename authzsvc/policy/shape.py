"""The shape of a mapping, held against the language: what pydantic finds, in plain words, each at its line.

Parts are also handed out one by one, so that names can be checked in those that are well formed while others are not:
an author sees every fault at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from authzsvc.errors import Fault
from authzsvc.fix.dictionary import did_you_mean
from authzsvc.policy import language
from authzsvc.policy.source import Data, Place, Source

PartT = TypeVar("PartT", bound=language.Part)

_WORDS = {
    "string_type": "must be text",
    "dict_type": "must be a mapping of keys to values",
    "model_type": "must be a mapping of keys to values",
    "list_type": "must be a list",
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "string_too_short": "must not be empty",
    "too_short": "must not be empty",
    "string_too_long": "is too long",
}


def faults(source: Source) -> list[Fault]:
    """Give every fault of shape in a mapping."""
    if not isinstance(source.data, dict):
        return [source.fault((), "is no mapping: it has no keys", "begin with `version: 1`")]
    try:
        language.Mapping.model_validate(source.data)
    except ValidationError as error:
        return [_fault(source, details) for details in error.errors()]
    return []


def part(model: type[PartT], data: Data) -> PartT | None:
    """Give a part of a mapping without what `faults` finds malformed in it; None where nothing of use is left."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        places = [details["loc"] for details in error.errors()]
    try:
        return model.model_validate(_without(data, places))
    except ValidationError:
        return None


def _without(data: Data, places: Iterable[Place]) -> Data:
    """Give a copy that lacks the keys at these places, or (deeper) the key below the first that leads there."""
    if not isinstance(data, dict):
        return data
    kept = {key: dict(value) if isinstance(value, dict) else value for key, value in data.items()}
    for key, *rest in (place for place in places if place):
        inner = kept.get(str(key))
        if rest and isinstance(inner, dict):
            inner.pop(str(rest[0]), None)
        else:
            kept.pop(str(key), None)
    return kept


def _fault(source: Source, details: ErrorDetails) -> Fault:
    place: Place = tuple(step for step in details["loc"] if step != "[key]")
    text, hint = _words(details, place)
    return source.fault(place, text, hint)


def _words(details: ErrorDetails, place: Place) -> tuple[str, str]:
    kind = details["type"]
    if kind == "missing":
        return "is missing", "an explicit `{}` binds nothing" if place == ("session", "identity") else ""
    if kind == "extra_forbidden":
        return "is not a key of the language", _nearest_key(place)
    if kind == "value_error":
        return str(details["ctx"]["error"]), ""
    if kind == "string_pattern_mismatch" and details["loc"][-1] == "[key]":
        return "is no scope", "write `resource:action` or `resource:action:qualifier`"
    if place and place[-1] == "when" and kind == "dict_type":
        return "must be a mapping of tags to conditions", ""
    if kind == "model_type" and len(place) == 6:
        return "must be a value, or a mapping with one of `equals`, `in` and `claim`", ""
    return _WORDS.get(kind) or _lower(details["msg"]), ""


def _nearest_key(place: Place) -> str:
    model = language.part_at(place)
    known = language.known_keys(model) if model else []
    near = did_you_mean(str(place[-1]), known).removeprefix("; ")
    return near or f"known here: {', '.join(f'`{key}`' for key in known)}"


def _lower(message: str) -> str:
    message = message.replace("Input should be", "must be").replace("String should match", "must match")
    return message[:1].lower() + message[1:].replace("'", "`")


def child(data: Data, *place: str) -> Data:
    """Give what stands at a place, None where there is nothing."""
    for step in place:
        data = data.get(step) if isinstance(data, dict) else None
    return data
