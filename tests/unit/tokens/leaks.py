"""What an object holds on to, all the way down."""

from __future__ import annotations

import gc
from types import FunctionType, ModuleType


def held_by(root: object) -> list[str | bytes]:
    """Every text that can be reached from an object, code and modules aside."""
    seen: set[int] = set()
    found: list[str | bytes] = []
    todo = [root]
    while todo:
        item = todo.pop()
        if id(item) in seen or isinstance(item, ModuleType | type | FunctionType):
            continue
        seen.add(id(item))
        if isinstance(item, str | bytes):
            found.append(item)
        todo.extend(gc.get_referents(item))
    return found


def holds(root: object, secret: str) -> bool:
    """Whether a secret can be reached from an object."""
    return any(secret in item if isinstance(item, str) else secret.encode() in item for item in held_by(root))
