"""The shape of a mapping, held against the language: what pydantic finds, in plain words, each at its line.

Parts are also handed out one by one, so that names can be checked in those that are well formed while others are not:
an author sees every fault at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
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
_HINTS = {
    "min": ("is no number", "write it plainly, as `10` or `0.5`"),
    "max": ("is no number", "write it plainly, as `10` or `0.5`"),
    "after": ("is no time", "`HH:MM`, `HH:MM:SS` or `YYYYMMDD-HH:MM:SS`, with a time zone behind unless it is UTC"),
    "before": ("is no time", "`HH:MM`, `HH:MM:SS` or `YYYYMMDD-HH:MM:SS`, with a time zone behind unless it is UTC"),
    "zone": ("is no time zone", "a name as `America/New_York`"),
    "present": ("must be true", "write `absent: true` for a tag that must not be there"),
    "absent": ("must be true", "write `present: true` for a tag that must be there"),
}
_NO_KEYS = ("[key]", language.PLAIN, language.CLAIMED)
"""Steps in a place of pydantic's that are no keys of the mapping."""
_CONDITIONS = ("when", "any_entry", "each_entry")
_TOP_ONLY = ("version", "name", "fix")


def faults(source: Source, model: type[language.Fragment]) -> Iterator[Fault]:
    """Give every fault of shape in a file that should be of this model."""
    if not isinstance(source.data, dict):
        hint = "begin with `version: 1`" if model is language.Mapping else "begin with `scopes:`, say"
        yield source.fault((), "is no mapping: it has no keys", hint)
        return
    try:
        model.model_validate(source.data)
    except ValidationError as error:
        for details in error.errors(include_url=False, include_input=False):
            yield _fault(source, details, model)


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


def _fault(source: Source, details: ErrorDetails, model: type[language.Fragment]) -> Fault:
    place: Place = tuple(step for step in details["loc"] if step not in _NO_KEYS)
    if details["type"] == "extra_forbidden":
        return source.fault(place, "is not a key of the language", _nearest_key(place, model))
    text, hint = _words(details, place)
    return source.fault(place, text, hint)


def _words(details: ErrorDetails, place: Place) -> tuple[str, str]:
    kind = details["type"]
    is_key = details["loc"][-1:] == ("[key]",)
    parent = place[-2] if len(place) > 1 else ""
    if kind == "missing":
        return "is missing", ""
    if kind == "value_error":
        return str(details["ctx"]["error"]), ""
    if kind == "string_pattern_mismatch" and is_key and place[0] == "scopes":
        return "is no scope", 'printable ASCII without blanks, `"` and `\\`: `resource:action`, say'
    if kind == "string_pattern_mismatch" and (is_key or place[-1] != "name" or len(place) > 1):
        return _HINTS.get(str(place[-1]), ("is no name", "letters, digits, `_`, `.` and `-`"))
    if kind == "literal_error" and place[-1] in _HINTS:
        return _HINTS[str(place[-1])]
    if kind == "dict_type" and place[-1] in _CONDITIONS:
        return "must be a mapping of tags to conditions", ""
    if kind == "model_type" and parent in _CONDITIONS:
        tests = ", ".join(f"`{key}`" for key in language.TEST_KEYS)
        return f"must be a value, or a mapping with one of {tests}", ""
    return _WORDS.get(kind) or _lower(details["msg"]), ""


def _nearest_key(place: Place, whole: type[language.Fragment]) -> str:
    if len(place) == 1 and place[0] in _TOP_ONLY:
        return "it belongs in the mapping's top file"
    model = language.part_at(place, whole)
    known = language.known_keys(model) if model else []
    near = did_you_mean(str(place[-1]), known).removeprefix("; ")
    return near or f"known here: {', '.join(f'`{key}`' for key in known)}"


def _lower(message: str) -> str:
    message = message.replace("Input should be", "must be").replace("String should match", "must match")
    return message[:1].lower() + message[1:].replace("'", "`")
