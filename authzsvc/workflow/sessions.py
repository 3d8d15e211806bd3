"""What the clients of a recorded day hold: a YAML file, CompID → scopes, roles, claims.

ALGO:
  scopes: [order:cancel]
  roles: [trader]
  claims: {accounts: [A1]}
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from authzsvc.errors import MappingFaults
from authzsvc.policy import source
from authzsvc.policy.scopes import ROLE_PREFIX


@dataclass(frozen=True, slots=True)
class Held:
    """What a session's token says."""

    scopes: frozenset[str] = frozenset()
    """Its roles among them, as `role:NAME`."""
    claims: Mapping[str, object] = field(default_factory=dict)


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    scopes: list[str] = Field(default_factory=list)
    roles: list[str] = Field(default_factory=list)
    claims: dict[str, Any] = Field(default_factory=dict)


_FILE = TypeAdapter(dict[str, _Entry])


def held(scopes: list[str], roles: list[str], claims: Mapping[str, object]) -> Held:
    """Make what a token says of its parts."""
    return Held(frozenset(scopes) | {f"{ROLE_PREFIX}{role}" for role in roles}, claims)


def read(path: Path) -> dict[str, Held]:
    """Read the file. Raises `MappingFaults` with every fault of it."""
    text = source.read(path)
    try:
        said = _FILE.validate_python(text.data)
    except ValidationError as error:
        faults = [
            text.fault(
                tuple(found["loc"]),
                found["msg"][:1].lower() + found["msg"][1:].replace("'", "`"),
                "write `COMPID: {scopes: […], roles: […], claims: {…}}`",
            )
            for found in error.errors()
        ]
        raise MappingFaults(faults) from None
    return {comp_id: held(entry.scopes, entry.roles, entry.claims) for comp_id, entry in said.items()}
