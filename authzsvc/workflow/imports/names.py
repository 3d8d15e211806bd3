"""Whether a mapping may call a scope or a role by a name that was found somewhere."""

from __future__ import annotations

from pydantic import TypeAdapter, ValidationError

from authzsvc.policy.words import RoleName, ScopeName

_SCOPE: TypeAdapter[str] = TypeAdapter(ScopeName)
_ROLE: TypeAdapter[str] = TypeAdapter(RoleName)


def is_scope(name: str) -> bool:
    """Whether a mapping may define a scope of this name."""
    return _takes(_SCOPE, name)


def is_role(name: str) -> bool:
    """Whether a mapping may define a role of this name."""
    return _takes(_ROLE, name)


def _takes(adapter: TypeAdapter[str], name: str) -> bool:
    try:
        adapter.validate_python(name)
    except ValidationError:
        return False
    return True
