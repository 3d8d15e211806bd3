"""From what was observed of a kind of message to the limits of its grant.

- A tag with one of a few values by its type (a code, a flag, a listed value) is limited to the values seen.
- A number is held in a range: the bounds are the least and the greatest value seen, rounded outwards to 1, 2 or 5 times
  a power of ten. A quantity or an amount may also be less.
- A text is limited to the values seen if these are few, and if they are not ids, which differ from message to message.
- Ids, times, free text and data are not limited. A tag with a value that engines may read differently is not either.
- A tag that says what is traded, for whom or how (`TELLING`), and that no message had, must be absent; so must a tag
  that other messages of the type had, if it would be limited there.

A tag that not all messages have gets a default among the values seen.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from authzsvc.fix.data_types import COUNT, INTEGER
from authzsvc.fix.dictionary import Dictionary
from authzsvc.policy.lookup import HEADER_IDS
from authzsvc.policy.words import NUMBER_SHAPE
from authzsvc.workflow.imports.limits import Absent, Limit, OneOf, Range, listable, numeric, plain, takes
from authzsvc.workflow.imports.observed import Observed, Values, skipped, visible

FEW = 20
"""Values of a text tag that are a list, not ids."""

TELLING = (
    1, 18, 47, 48, 55, 59, 77, 78, 99, 100, 109, 110, 111, 114, 152, 167, 207, 210, 211, 388, 453, 460, 461, 528, 555,
    711, 762, 847, 1138,
)  # fmt: skip
"""Tags that say what an order is in, for whom it is and how it is to be filled. Where the day had none of them, a
message that has one is another kind of business."""

_INT_MOST = Decimal(2**31 - 1)
_SIZES = ("QTY", "AMT")
"""Types of which less is less risk."""
_NUMBER = re.compile(NUMBER_SHAPE)
_PATTERN = 300
"""Characters of the values that one regular expression may list."""


@dataclass(frozen=True, slots=True)
class Concluded:
    """The limits of a grant, and why other tags have none."""

    limits: tuple[Limit, ...]
    free: tuple[str, ...]
    """A line each."""


def conclude(
    observed: Observed, msg_type: str, elsewhere: Iterable[int], few: int, own: Mapping[int, Limit]
) -> Concluded:
    """Returns the limits of a grant for the messages observed. `elsewhere` are the tags that other messages of the type
    had. `own` are limits that are settled already, by tag."""
    dictionary = observed.dictionary
    limits: dict[int, Limit] = {}
    free: dict[str, list[int]] = {}
    for tag, values in sorted(observed.tags.items()):
        why = _unnameable(dictionary, msg_type, tag)
        if tag in own and not why:
            limits[tag] = own[tag]
            continue
        limit, why = (None, why) if why else _limit(dictionary, tag, values, observed.messages, few)
        if limit is not None:
            limits[tag] = limit
        elif why != "header or secret":
            free.setdefault(why, []).append(tag)
    telling = () if msg_type in dictionary.added.get("messages", {}) else TELLING  # nobody knows a venue's own fields
    for tag in sorted({*elsewhere, *telling} - observed.tags.keys()):
        if not _unnameable(dictionary, msg_type, tag) and _tells(dictionary, tag):
            limits[tag] = Limit(tag, Absent())
    told = tuple(f"{why}: {', '.join(map(dictionary.tag_name, tags))}" for why, tags in sorted(free.items()))
    return Concluded(tuple(limits[tag] for tag in sorted(limits)), told)


def _tells(dictionary: Dictionary, tag: int) -> bool:
    """Whether a tag's absence may be demanded."""
    typed = listable(dictionary, tag) or numeric(dictionary, tag)
    return tag in TELLING or (not skipped(dictionary, tag) and typed)


def _unnameable(dictionary: Dictionary, msg_type: str, tag: int) -> str:
    """Returns why a mapping cannot have a condition on a tag of a message; empty where it can."""
    if not visible(dictionary, tag):
        return "header or secret"
    if tag in HEADER_IDS:
        return ""
    if dictionary.type(tag) is None and not _user_defined(tag):
        return f"not in {dictionary.version}"
    if not dictionary.has_field(msg_type, tag):
        return f"no fields of the message in {dictionary.version}"
    return ""


def _user_defined(tag: int) -> bool:
    return 5000 <= tag < 40000 or tag >= 50000


def _limit(dictionary: Dictionary, tag: int, values: Values, messages: int, few: int) -> tuple[Limit | None, str]:
    why = skipped(dictionary, tag)
    if why:
        return None, why
    if values.doubtful or not values.seen:
        return None, "values that engines may read differently, or that no list can hold"
    optional = values.messages < messages
    if numeric(dictionary, tag):
        return _range(dictionary, tag, values, optional=optional)
    if values.many:
        return None, "many values"
    if not listable(dictionary, tag) and _looks_like_ids(values, few):
        return None, "many values"
    return _list(dictionary, tag, values, optional=optional)


def _looks_like_ids(values: Values, few: int) -> bool:
    """Whether there are more values than a list should have, or none was seen twice in more than a handful."""
    different = len(values.seen)
    return different > few or (different == values.occurrences and different > few // 4)


def _list(dictionary: Dictionary, tag: int, values: Values, *, optional: bool) -> tuple[Limit | None, str]:
    seen = tuple(sorted(values.seen))
    default = next((value for value in seen if takes(dictionary, tag, value)), None)
    if optional and default is None:
        return None, "values that the dictionary does not list, in some messages alone"
    if sum(map(len, seen)) > _PATTERN and not all(takes(dictionary, tag, value) for value in seen):
        return None, "many values that the dictionary does not list"
    return Limit(tag, OneOf(seen), default if optional else None), ""


def _range(dictionary: Dictionary, tag: int, values: Values, *, optional: bool) -> tuple[Limit | None, str]:
    if values.low is None or values.high is None:
        return None, "values that engines may read differently, or that no list can hold"
    low, high = values.low, values.high
    default = plain(high) if optional else None
    if dictionary.data_type(tag) is not COUNT:
        low, high = rounded(low, math.floor), rounded(high, math.ceil)
    if dictionary.type(tag) in _SIZES and low > 0:
        low = Decimal(0)
    if dictionary.data_type(tag) is INTEGER:
        low, high = max(low, -_INT_MOST - 1), min(high, _INT_MOST)
    least, most = (bound if _NUMBER.fullmatch(plain(bound)) else None for bound in (low, high))
    if least is None and most is None:
        return None, "numbers that a mapping cannot write"
    return Limit(tag, Range(least, most), default), ""


def rounded(number: Decimal, way: Callable[[Decimal], int]) -> Decimal:
    """Returns the nearest of 0 and ±1, 2, 5 times a power of ten that is not above (`math.floor`) or not below
    (`math.ceil`) a number."""
    if number == 0:
        return Decimal(0)
    steps = sorted(step.copy_sign(number) for step in _steps(number.adjusted()))
    if way is math.floor:
        return max(step for step in steps if step <= number)
    return min(step for step in steps if step >= number)


def _steps(exponent: int) -> Iterator[Decimal]:
    """Gives the round numbers around a power of ten."""
    for digit, more in ((5, -1), (1, 0), (2, 0), (5, 0), (1, 1)):
        yield Decimal(digit).scaleb(exponent + more)
