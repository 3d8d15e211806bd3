"""The mapping language: the shape of a mapping as pydantic models.

The models say which keys there are and what may stand in them, nothing about FIX: the compiler holds the names against
the dictionary. What stands here in the author's words (a message, a tag, a value: a name or a number) is text.
The published JSON Schema is made from these models (`authzsvc.policy.schema`).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    GetJsonSchemaHandler,
    StringConstraints,
    Tag,
    field_validator,
    model_validator,
)
from pydantic_core import CoreSchema

from authzsvc.fix.direction import Direction
from authzsvc.policy.rules import Mode
from authzsvc.policy.words import (
    AttributeName,
    Description,
    Moment,
    Name,
    Number,
    Pattern,
    RoleName,
    ScopeName,
    Word,
    Words,
    ZoneName,
)


class Part(BaseModel):
    """What all parts of a mapping have in common: no unknown keys, no changes."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=False, use_attribute_docstrings=True)

    @field_validator("*", mode="before")
    @classmethod
    def _said(cls, value: object) -> object:
        """Refuse a key without a value: it would otherwise read as if the key were not there."""
        if value is None:
            raise ValueError("has no value")
        return value


class Claimed(Part):
    """A bound that the token gives."""

    claim: Word
    """The claim's name; dots lead into nested claims."""


def _form(value: object) -> str:
    return CLAIMED if isinstance(value, dict | Claimed) else PLAIN


PLAIN, CLAIMED = "[plain]", "[claim]"
"""The forms of a bound: written out, or a claim's."""

Bound = Annotated[Annotated[Number, Tag(PLAIN)] | Annotated[Claimed, Tag(CLAIMED)], Discriminator(_form)]
Beginning = Annotated[Annotated[Word, Tag(PLAIN)] | Annotated[Claimed, Tag(CLAIMED)], Discriminator(_form)]
Weekday = Literal["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]


class Abbreviated(Part):
    """A part that may be written as the value of one of its keys, a text or a number."""

    short_key: ClassVar[str]
    """The key whose value stands for the whole."""

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Tell editors of the short form."""
        whole = handler.resolve_ref_schema(handler(core_schema))
        return {"anyOf": [{"type": ["string", "number"]}, whole]}

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: object) -> object:
        """Read `CommonStock` as `{equals: CommonStock}`, where `equals` is the short key."""
        return {cls.short_key: value} if isinstance(value, str | int) and not isinstance(value, bool) else value


class EntryCondition(Abbreviated):
    """What the values of one tag must be: one or more tests, all of which must hold."""

    short_key = "equals"

    equals: Word | None = None
    any_of: Annotated[list[Word], Field(min_length=1)] | None = Field(None, alias="in")
    none_of: Words | None = Field(None, alias="not")
    present: Literal[True] | None = None
    absent: Literal[True] | None = None
    prefix: Beginning | None = None
    """The value begins so, or as a claim of the token says."""
    matches: Pattern | None = None
    """The whole value matches this regular expression, in RE2's syntax."""
    minimum: Bound | None = Field(None, alias="min")
    maximum: Bound | None = Field(None, alias="max")
    after: Moment | None = None
    """At this time or later; a time of day, or a day and time, in UTC unless a time zone is named."""
    before: Moment | None = None
    """Earlier than this time."""
    days: Annotated[list[Weekday], Field(min_length=1)] | None = None
    """On one of these days of the week."""
    zone: ZoneName | None = None
    """The time zone of `after`, `before` and `days`, as `America/New_York`; UTC unless told otherwise."""
    in_list: Name | None = None
    not_in_list: Name | None = None
    claim: Word | None = None
    """The value equals this claim of the token, or is in it; dots lead into nested claims."""
    not_claim: Word | None = None
    """The token has this claim, and the value is not in it."""
    default: Word | None = None
    """Stands in where the tag is absent."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        said = {key for key in self.model_fields_set if getattr(self, key) is not None}
        tests = said - {"default", "occurrences", "every", "zone"}
        if not tests:
            raise ValueError(f"takes at least one test: {', '.join(f'`{name}`' for name in TEST_KEYS)}")
        if "zone" in said and not said & {"after", "before", "days"}:
            raise ValueError("has a `zone`, and neither `after` nor `before` nor `days`")
        if "absent" in tests and len(said) > 1:
            raise ValueError("takes nothing beside `absent`")
        if "default" in said and (tests == {"present"} or said & {"every", "any_entry", "each_entry"}):
            raise ValueError("has a `default` that could never matter")
        return self


class Condition(EntryCondition):
    """What one tag of a message must be; where it stands several times, or counts a group, which of them count."""

    any_entry: Annotated[dict[Word, EntryCondition], Field(min_length=1)] | None = None
    """Some entry of the group that this tag counts has all of these together."""
    each_entry: Annotated[dict[Word, EntryCondition], Field(min_length=1)] | None = None
    """There are entries, and each has all of these."""
    occurrences: Literal["every", "any"] | None = None
    """Of a tag that stands several times; a grant needs every one and a forbid any one, unless said otherwise."""
    every: Word | None = None
    """The count field of a repeating group, each entry of which must carry the tag."""


class Grant(Part):
    """Messages that a scope grants: all conditions of `when` must hold."""

    message: Words
    """One or several, or sets of them."""
    leaving_out: list[Word] = Field(default_factory=list, alias="except")
    """Messages of a set that it is not about."""
    direction: Direction = Direction.INBOUND
    when: dict[Word, Condition] = Field(default_factory=dict)


class Scope(Part):
    """A scope of the token, and what it grants."""

    description: Description = ""
    sensitive: bool = False
    """Its use deserves attention, even when granted."""
    mode: Mode | None = None
    """`shadow`: a message that only this scope would have granted passes, and is recorded as denied."""
    modifier: bool = False
    """It grants nothing, and only lifts the forbids that name it under `unless`."""
    grants: Annotated[list[Grant], Field(min_length=1)] = Field(default_factory=list)

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Tell editors that a scope has grants, or is a modifier."""
        whole = handler.resolve_ref_schema(handler(core_schema))
        modifier = {"required": ["modifier"], "properties": {"modifier": {"const": True}}}
        return whole | {"if": modifier, "then": {"properties": {"grants": False}}, "else": {"required": ["grants"]}}

    @model_validator(mode="after")
    def _grants_or_modifies(self) -> Self:
        if self.modifier and "grants" in self.model_fields_set:
            raise ValueError("is a modifier, which has no `grants`")
        if not self.modifier and not self.grants:
            raise ValueError("needs `grants`, or `modifier: true` if it only lifts forbids")
        return self


class Forbid(Part):
    """Messages that are denied whatever grants them, unless one of the scopes under `unless` is held."""

    name: Name
    description: Description = ""
    message: Words
    """One or several, or sets of them."""
    leaving_out: list[Word] = Field(default_factory=list, alias="except")
    """Messages of a set that it is not about."""
    direction: Direction = Direction.INBOUND
    when: dict[Word, Condition] = Field(default_factory=dict)
    unless: list[Word] = Field(default_factory=list)
    wildcards_lift: bool | None = None
    """Whether a wildcard that covers a scope under `unless` lifts it too; true by default in version 1 alone."""


class Role(Part):
    """A named bundle of scopes, and of other roles' scopes."""

    description: Description = ""
    scopes: list[Word] = Field(default_factory=list)
    roles: list[RoleName] = Field(default_factory=list)

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if not self.scopes and not self.roles:
            raise ValueError("bundles nothing: it needs `scopes` or `roles`")
        return self


class Outbound(StrEnum):
    """What becomes of outbound messages that no scope grants."""

    OPEN = "open"
    """Types that no grant names pass."""
    CLOSED = "closed"
    """They are withheld."""


class Session(Part):
    """What holds for a session as a whole."""

    identity: dict[Word, Word] | None = None
    """Field of the client's own identity → claim; an explicit `{}` binds nothing."""
    exempt: list[Word] = Field(default_factory=list)
    """Inbound messages that need no scope, besides the session level."""
    risk_reducing: list[Word] = Field(default_factory=list)
    """Inbound messages that may pass when no decision is to be had."""
    outbound: Outbound | None = None
    """What becomes of outbound messages that no scope grants; from version 2 of the language on, it must be said."""
    passes: list[Word] = Field(default_factory=list)
    """Outbound messages that every session sees, besides the session level, where `outbound` is closed."""


class Rollout(Part):
    """What is enforced and what is only recorded; an `enforce` that is written down wins over a `shadow`."""

    mode: Mode | None = None
    """Where nothing is said; `enforce` unless told otherwise."""
    messages: dict[Word, Mode] = Field(default_factory=dict)
    senders: dict[Word, Mode] = Field(default_factory=dict)
    """By the client's CompID."""


class ValueList(Part):
    """Values that conditions refer to by the list's name: in a file of its own, one a line, or written out."""

    file: Annotated[str, StringConstraints(min_length=1, max_length=500)] | None = None
    values: Annotated[list[Word], Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.file is None) == (self.values is None):
            raise ValueError("takes either `file` or `values`")
        return self


class CustomTag(Part):
    """A field that the venue adds to the dictionary."""

    name: Name
    type: Annotated[str, StringConstraints(pattern=r"^[A-Z]+$", max_length=30)] = "STRING"
    """A FIX data type, as INT, PRICE or MULTIPLECHARVALUE: how the field's values are compared."""
    values: dict[Word, Name] = Field(default_factory=dict)
    """Each listed value, with its name; none: any value will do."""


class CustomMessage(Part):
    """A message that the venue adds to the dictionary."""

    name: Name


class CustomGroup(Part):
    """A repeating group as the venue has it: of its own, or one that begins with another field than the standard's."""

    first: Word
    """The field that begins each entry."""
    fields: list[Word] = Field(default_factory=list)
    """Fields of an entry besides that one and those that the standard has in the group."""
    messages: list[Word] = Field(default_factory=list)
    """The messages in which it is so; all, unless told otherwise."""


class Custom(Part):
    """What this venue adds to the dictionary."""

    tags: dict[Word, CustomTag] = Field(default_factory=dict)
    messages: dict[Word, CustomMessage] = Field(default_factory=dict)
    groups: dict[Word, CustomGroup] = Field(default_factory=dict)
    """By the field that counts the entries."""


class Alternative(Part):
    """Conditions that hold together where an attribute has a value."""

    when: Annotated[dict[Word, EntryCondition], Field(min_length=1)]
    """The first tag is the source: the alternative says something where the message has it."""
    versions: Words | None = None
    """FIX versions, or ranges of them as `FIX.4.0..FIX.4.2`, in which it counts; all unless told otherwise."""

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Tell editors of the short form."""
        whole = handler.resolve_ref_schema(handler(core_schema))
        return {"anyOf": [whole["properties"]["when"], whole]}

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: object) -> object:
        """Read `{SecurityType: FUT}` as `{when: {SecurityType: FUT}}`."""
        return {"when": value} if isinstance(value, dict) and "when" not in value else value


class AttributeSource(Abbreviated):
    """A tag that has an attribute's value."""

    short_key = "tag"

    tag: Word
    where: dict[Word, EntryCondition] = Field(default_factory=dict, alias="with")
    """What stands beside it in the same entry, or in the message itself; elsewhere the tag does not count."""
    versions: Words | None = None
    """FIX versions, or ranges of them, in which it counts; all unless told otherwise."""


class Attribute(Part):
    """Defines a fact about a message, which the conditions under `when` use by its name: the class that the message
    belongs to, or the values that it contains."""

    description: Description = ""
    override: bool = False
    """Replaces an attribute of this name in another file."""
    values: dict[Name, Annotated[list[Alternative], Field(min_length=1)]] = Field(default_factory=dict)
    """What it can be, each with its alternatives; no message is two of these."""
    families: dict[Name, Annotated[list[Name], Field(min_length=1)]] = Field(default_factory=dict)
    """Names for several of its values together."""
    also: list[Annotated[dict[Word, Word], Field(min_length=1)]] = Field(default_factory=list)
    """Tags that say the same elsewhere in the message: `{SecurityType: LegSecurityType}`."""
    by_entries: list[Name] = Field(default_factory=list)
    """Values that leave it to the entries of a group, where there are any."""
    hints: dict[Name, Annotated[list[Alternative], Field(min_length=1)]] = Field(default_factory=dict)
    """What it is where no source is in the message, from tags that prove nothing beside a source."""
    otherwise: Name | dict[Word, Name] | None = None
    """What holds where no source is in the message; or that for versions, or ranges of them."""
    sources: list[AttributeSource] = Field(default_factory=list)
    """The tags that have its values."""
    product: Annotated[list[Name], Field(min_length=2)] | None = None
    """The attributes whose product it is, of what stands together."""
    ignore: list[Word] = Field(default_factory=list)
    """Values that stand for another tag's, as `[N/A]`."""
    fold: bool = False
    """A forbid also fires on a value that differs only in case, or in blanks at either end."""
    default: Word | None = None
    """Its value where no source is in the message."""

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        if bool(self.values) == bool(self.sources or self.product):
            raise ValueError("takes either `values`, or `sources` or a `product`")
        if self.values:
            strange, form = self._set("ignore", "fold", "default"), "values"
        else:
            strange, form = self._set("families", "also", "by_entries", "hints", "otherwise"), "sources"
        if self.product:
            strange, form = [*strange, *self._set("ignore", "fold", "default")], "product"
        if strange:
            raise ValueError(f"has `{strange[0]}`, which does not go with `{form}`")
        return self

    def _set(self, *keys: str) -> list[str]:
        return [key for key in keys if getattr(self, key)]


class Fragment(Part):
    """A file that a mapping includes: any part of a mapping but its head."""

    description: Description = ""
    include: list[Annotated[str, StringConstraints(min_length=1, max_length=500)]] = Field(default_factory=list)
    """Files or directories, relative to this file, inside the directory of the mapping."""
    custom: Custom = Custom()
    scope_prefixes: bool | None = None
    """Whether `order:create` of a token also covers `order:create:equity`."""
    role_claim: Word | None = None
    """The claim that names a token's roles; `roles` unless told otherwise."""
    lists: dict[Name, ValueList] = Field(default_factory=dict)
    attributes: dict[AttributeName, Attribute] = Field(default_factory=dict)
    """Facts about a message, by the name that `when` uses."""
    messages: dict[Name, Words] = Field(default_factory=dict)
    """Sets of messages, by the name that rules use."""
    session: Session = Session()
    roles: dict[RoleName, Role] = Field(default_factory=dict)
    rollout: Rollout = Rollout()
    scopes: dict[ScopeName, Scope] = Field(default_factory=dict)
    forbid: list[Forbid] = Field(default_factory=list)


class Served(Part):
    """The FIX versions of a mapping."""

    names: str
    """The version whose dictionary names are looked up in first, as `FIX.4.4`."""
    serves: Words | None = None
    """All versions whose sessions it decides for, or ranges of them as `FIX.4.2..FIX.4.4`; only the one unless said."""

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Tell editors of the short form."""
        return {"anyOf": [{"type": "string"}, handler.resolve_ref_schema(handler(core_schema))]}

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: object) -> object:
        """Read `FIX.4.4` as `{names: FIX.4.4}`."""
        return {"names": value} if isinstance(value, str) else value


class Mapping(Fragment):
    """A whole mapping, or the top file of one."""

    version: Literal[1, 2]
    """Of the language; what version 2 changes is in docs/mapping.md, and `mapping migrate` rewrites version 1."""
    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9 _.-]*$", max_length=100)]
    fix: Served
    """The dictionary that names are looked up in, as `FIX.4.4`; or that, and the versions that it serves."""


TEST_KEYS = tuple(
    field.alias or name
    for name, field in Condition.model_fields.items()
    if name not in ("default", "occurrences", "every", "zone")
)
"""The tests that a condition can make, as authors write them."""


def known_keys(part: type[Part]) -> list[str]:
    """Give the keys of a part as authors write them."""
    return [field.alias or name for name, field in part.model_fields.items()]


def part_at(place: tuple[Any, ...], whole: type[Part] = Mapping) -> type[Part] | None:
    """Give the model of the part that holds the key at a place: what its neighbours can be called."""
    match place:
        case (_,):
            return whole
        case ("custom", "messages", _, _):
            return CustomMessage
        case ("fix", _):
            return Served
        case ("custom", "groups", _, _):
            return CustomGroup
        case ("attributes", _, "sources", int(), _):
            return AttributeSource
        case ("session" | "rollout" | "custom" | "scopes" | "roles" | "lists" | "attributes" as part, *inner):
            return _INNER.get((part, len(inner))) or _rule_part(inner)
        case ("forbid", int(), _):
            return Forbid
        case ("forbid", *inner):
            return _rule_part(inner)
    return None


def _rule_part(place: list[Any]) -> type[Part] | None:
    match place:
        case [_, "grants", int(), _]:
            return Grant
        case [*_, "when", _, _]:
            return Condition
        case [*_, "when", _, "any_entry" | "each_entry", _, _]:
            return EntryCondition
        case [*_, "min" | "max" | "prefix", _]:
            return Claimed
    return None


_INNER: dict[tuple[str, int], type[Part]] = {
    ("session", 1): Session,
    ("rollout", 1): Rollout,
    ("custom", 1): Custom,
    ("custom", 3): CustomTag,
    ("scopes", 2): Scope,
    ("roles", 2): Role,
    ("lists", 2): ValueList,
    ("attributes", 2): Attribute,
}
