"""Conditions as people write them in tables: `SecurityType=CS; OrderQty<=1000; Account=claim:accounts`.

| | the value |
|---|---|
| `Tag=v` or `Tag=v\\|w` | is this, is one of these |
| `Tag!=v` or `Tag!=v\\|w` | is there and is none of these |
| `Tag<=n`, `Tag>=n`, `Tag=n..m` | is a number in this range |
| `Tag=claim:PATH` | is in this claim of the token |
| `Tag present`, `Tag absent` | is there, is not there |

Conditions are parted by `;`, by a line break or by ` and `. In a column of its own a tag's condition stands without the
tag: `CS|OPT`, `<=1000`, `absent`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal

from authzsvc.errors import AuthzError, UnknownName
from authzsvc.fix.dictionary import Dictionary
from authzsvc.policy.lookup import HEADER_FIELDS, NEVER_SENT
from authzsvc.policy.words import NUMBER_SHAPE
from authzsvc.workflow.imports.limits import Absent, Claimed, Limit, NoneOf, OneOf, Present, Range, Test, numeric

_PARTS = re.compile(r"\s*(?:;|\n|\s+and\s+)\s*", re.IGNORECASE)
_CONDITION = re.compile(
    r"(?P<tag>[^=<>!]+?)\s*(?P<test>(?:!=|<=|>=|=|<|>).*|\s(?:present|absent))", re.DOTALL | re.IGNORECASE
)
_TEST = re.compile(r"(?P<sign>!=|<=|>=|=|<|>)?\s*(?P<value>.*?)\s*", re.DOTALL)
_NUMBER = re.compile(NUMBER_SHAPE)
_RANGE = re.compile(rf"({NUMBER_SHAPE})\s*\.\.\s*({NUMBER_SHAPE})")
_CLAIM = re.compile(r"claim:\s*(\S+)")


class WordingError(AuthzError):
    """A condition that cannot be read; its text says why, and `hint` how to mend it."""

    def __init__(self, text: str, hint: str = "") -> None:
        super().__init__(text)
        self.hint = hint


def read(dictionary: Dictionary, msg_type: str, text: str) -> Iterator[Limit]:
    """Gives the limits of a cell of conditions. Raises `WordingError`."""
    for part in _PARTS.split(text.strip()):
        if not part:
            continue
        found = _CONDITION.fullmatch(part)
        if found is None:
            raise WordingError(f"`{part}` is no condition", "write `Tag=value`, `Tag<=number` or `Tag absent`")
        yield test_of(dictionary, msg_type, found["tag"].strip(), found["test"].strip())


def test_of(dictionary: Dictionary, msg_type: str, word: str, text: str) -> Limit:
    """Returns the limit that a text sets to a tag. Raises `WordingError`."""
    try:
        tag = dictionary.tag(word)
    except UnknownName as error:
        raise WordingError(*_told(error)) from None
    name = dictionary.tag_name(tag)
    if tag in NEVER_SENT or (tag in dictionary.envelope and tag not in HEADER_FIELDS):
        raise WordingError(f"`{name}` is a header field or a secret, which no condition sees")
    if tag not in HEADER_FIELDS and not dictionary.has_field(msg_type, tag):
        raise WordingError(f"`{name}` is no field of `{dictionary.message_name(msg_type)}` in {dictionary.version}")
    return Limit(tag, _test(dictionary, tag, text))


def merged(limits: Iterator[Limit]) -> tuple[Limit, ...]:
    """Returns limits with one for each tag: two ends of a range become one. Raises `WordingError` for others."""
    found: dict[int, Limit] = {}
    for limit in limits:
        before = found.get(limit.tag)
        if before is None:
            found[limit.tag] = limit
        elif isinstance(before.test, Range) and isinstance(limit.test, Range):
            found[limit.tag] = Limit(limit.tag, _both(before.test, limit.test))
        elif before != limit:
            raise WordingError(f"the tag {limit.tag} has two conditions", "write them as one: `Tag=v|w`")
    return tuple(found[tag] for tag in sorted(found))


def _both(one: Range, other: Range) -> Range:
    lows = [bound for bound in (one.low, other.low) if bound is not None]
    highs = [bound for bound in (one.high, other.high) if bound is not None]
    return _range(max(lows, default=None), min(highs, default=None))


def _test(dictionary: Dictionary, tag: int, text: str) -> Test:
    plain = text.strip().lower()
    if plain in ("present", "absent"):
        return Present() if plain == "present" else Absent()
    found = _TEST.fullmatch(text)
    sign, value = (found["sign"] or "=", found["value"]) if found else ("=", text)
    if not value:
        raise WordingError(f"`{text}` has no value", "write `Tag=value`, or `Tag present`")
    if sign in ("<", ">"):
        raise WordingError(f"`{text}` has `{sign}`", f"write `{sign}=` with the last number that is allowed")
    if sign in ("<=", ">="):
        bound = _bound(dictionary, tag, value)
        return Range(None, bound) if sign == "<=" else Range(bound, None)
    claim = _CLAIM.fullmatch(value)
    if claim and sign == "=":
        return Claimed(claim[1])
    ends = _RANGE.fullmatch(value)
    if ends and sign == "=":
        return _range(_bound(dictionary, tag, ends[1]), _bound(dictionary, tag, ends[2]))
    values = tuple(dict.fromkeys(_value(dictionary, tag, part.strip()) for part in value.split("|")))
    return OneOf(values) if sign == "=" else NoneOf(values)


def _range(low: Decimal | None, high: Decimal | None) -> Range:
    if low is not None and high is not None and low > high:
        raise WordingError(f"the range from {low} to {high} has no number")
    return Range(low, high)


def _bound(dictionary: Dictionary, tag: int, text: str) -> Decimal:
    plain = text.replace(",", "").replace("'", "").replace("_", "")
    free = dictionary.stands_anywhere(tag) and dictionary.type(tag) in (None, "STRING")
    if not _NUMBER.fullmatch(plain):
        raise WordingError(f"`{text}` is no number")
    if not numeric(dictionary, tag) and not free:
        raise WordingError(f"`{dictionary.tag_name(tag)}` of type {dictionary.type(tag)} is no number")
    return Decimal(plain)


def _value(dictionary: Dictionary, tag: int, word: str) -> str:
    if not word:
        raise WordingError("an empty value", "write `v|w` with a value on both sides")
    try:
        value = dictionary.value(tag, word).decode()
    except UnknownName as error:
        raise WordingError(*_told(error)) from None
    if " " in value and dictionary.data_type(tag).several:
        raise WordingError(f"`{word}` is several values", f"write `{value.replace(' ', '|')}`")
    return value


def _told(error: UnknownName) -> tuple[str, str]:
    text, _, hint = str(error).partition("; ")
    return text, hint
