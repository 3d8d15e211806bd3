"""Finds a token's claim by its name or path, and compares values with the claim's items.

A path is a claim's whole name (which may hold dots, as a web address does), or otherwise the way into nested claims. A
claim can be used if it is text, a whole number, or a list; of a list, the items that are text or whole numbers are
used.

A field with a data type is compared with a claim's items as that type compares them: a claim of `5` or `"5"` equals an
INT of 5, and a claim of `"100.0"` a QTY of 100. The result is a doubt if an item has no plain form in the type, unless
another item equals the field's value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from authzsvc.fix.data_types import DataType
from authzsvc.policy.truth import DoubtError

Claims = Mapping[str, object]

_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")


def claim_at(claims: Claims, path: str) -> object:
    """Give a claim; None where the token has none of that name and none at that path."""
    found: object = claims.get(path)
    if found is not None or "." not in path:
        return found
    found = claims
    for step in path.split("."):
        found = found.get(step) if isinstance(found, Mapping) else None
    return found


def claim_values(claims: Claims, path: str) -> tuple[str, ...]:
    """Give the values of a claim as text; none where it is of no use."""
    claim = claim_at(claims, path)
    if isinstance(claim, str):
        return (claim,)
    items = claim if isinstance(claim, list | tuple) else (claim,)
    return tuple(str(item) for item in items if isinstance(item, str | int) and not isinstance(item, bool))


def in_claim(claims: Claims, path: str, value: str) -> bool:
    """Whether a value equals a claim, or is in it. Raises `DoubtError` where the claim is of no use.

    Made for claims of thousands of items: no copy is made of them.
    """
    claim = claim_at(claims, path)
    if isinstance(claim, str):
        return claim == value
    if isinstance(claim, list | tuple):
        return value in claim or any(_is_number(item, value) for item in _worth_a_look(claim, value))
    if isinstance(claim, int) and not isinstance(claim, bool):
        return str(claim) == value
    raise DoubtError(f"the token has no usable claim `{path}`")


def holds_item(claims: Claims, path: str, item: bytes, type_: DataType) -> bool:
    """Whether a claim equals or contains this item of a field of this type. The item is in its plain form.

    Raises `DoubtError` if the claim cannot be used, or if no item equals it but an item is in doubt.
    """
    claim = claim_at(claims, path)
    if not isinstance(claim, str | int | list | tuple) or isinstance(claim, bool):
        raise DoubtError(f"the token has no usable claim `{path}`")
    doubtful = False
    for claimed in claim if isinstance(claim, list | tuple) else (claim,):
        if isinstance(claimed, str | int | float) and not isinstance(claimed, bool):
            plain = None if isinstance(claimed, float) else type_.plain(str(claimed).encode())
            if plain == item:
                return True
            doubtful = doubtful or plain is None
    if doubtful:
        raise DoubtError(f"claim `{path}` has a value that is not {type_.words}")
    return False


def _worth_a_look(items: list[object] | tuple[object, ...], value: str) -> list[object] | tuple[object, ...]:
    """The items, where one of them could be the number that the value is written as."""
    return items if _INTEGER.fullmatch(value) and int(value) in items else ()


def _is_number(item: object, value: str) -> bool:
    return isinstance(item, int) and not isinstance(item, bool) and str(item) == value
