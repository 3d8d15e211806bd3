"""The mapping language, first form: the shape of a mapping as pydantic models.

The models say which keys there are and what may stand in them, nothing about FIX: the compiler holds the names against
the dictionary. What stands here in the author's words (a message, a tag, a value: a name or a number) is text.

Later forms add keys to these models (shadow mode, roles, forbidding rules); `version` tells the forms apart.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from authzsvc.fix.direction import Direction
from authzsvc.policy.scopes import SCOPE_SHAPE


def _as_text(value: object) -> object:
    """Take whole numbers for the text that they look like; leave all else to be refused."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Word = Annotated[str, BeforeValidator(_as_text), StringConstraints(min_length=1, max_length=256)]
"""A name, a number or a raw value."""

Description = Annotated[str, StringConstraints(max_length=2000)]

ScopeName = Annotated[str, StringConstraints(pattern=rf"^{SCOPE_SHAPE.pattern}$", max_length=200)]
"""`resource:action[:qualifier…]`."""


class Part(BaseModel):
    """What all parts of a mapping have in common: no unknown keys, no changes."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)


class Condition(Part):
    """What the values of one tag must be: exactly one of `equals`, `in`, `claim`."""

    equals: Word | None = None
    any_of: Annotated[list[Word], Field(min_length=1)] | None = Field(None, alias="in")
    claim: Word | None = None
    """The value equals this claim of the token, or is in it."""
    every: Word | None = None
    """The count field of a repeating group, each entry of which must carry the tag."""

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: object) -> object:
        """Read `CommonStock` as `{equals: CommonStock}`."""
        return {"equals": value} if isinstance(value, str | int) and not isinstance(value, bool) else value

    @model_validator(mode="after")
    def _one_test(self) -> Self:
        if sum(test is not None for test in (self.equals, self.any_of, self.claim)) != 1:
            raise ValueError("takes exactly one of `equals`, `in` and `claim`")
        return self


class Grant(Part):
    """One kind of message that a scope grants: all conditions of `when` must hold."""

    message: Word
    direction: Direction = Direction.INBOUND
    when: dict[Word, Condition] = Field(default_factory=dict)


class Scope(Part):
    """A scope of the token, and what it grants."""

    description: Description = ""
    sensitive: bool = False
    """Its use deserves attention, even when granted."""
    grants: Annotated[list[Grant], Field(min_length=1)]


class Session(Part):
    """What holds for a session as a whole."""

    identity: dict[Word, Word]
    """Field of the client's own identity → claim; an explicit `{}` binds nothing."""
    exempt: list[Word] = Field(default_factory=list)
    risk_reducing: list[Word] = Field(default_factory=list)


class Mapping(Part):
    """A whole mapping."""

    version: Literal[1]
    """Of the language."""
    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9 _.-]*$", max_length=100)]
    description: Description = ""
    fix: str
    """The dictionary that names are looked up in, as `FIX.4.4`."""
    session: Session
    scopes: Annotated[dict[ScopeName, Scope], Field(min_length=1)]


def known_keys(part: type[Part]) -> list[str]:
    """Give the keys of a part as authors write them."""
    return [field.alias or name for name, field in part.model_fields.items()]


def part_at(place: tuple[Any, ...]) -> type[Part] | None:
    """Give the model of the part that holds the key at a place: what its neighbours can be called."""
    match place:
        case (_,):
            return Mapping
        case ("session", _):
            return Session
        case ("scopes", _, _):
            return Scope
        case ("scopes", _, "grants", _, _):
            return Grant
        case ("scopes", _, "grants", _, "when", _, _):
            return Condition
    return None
