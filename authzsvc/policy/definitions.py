"""The definitions of attributes, as their authors wrote them, looked up in the dictionaries of all FIX versions.

A definition may speak of tags and values that the mapping's version does not have, so that one library serves all
versions. What no version has is a fault.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from authzsvc.errors import Fault
from authzsvc.fix import dictionary as fix
from authzsvc.fix.dictionary import Dictionary, did_you_mean
from authzsvc.policy import clock, language, shape
from authzsvc.policy.classes import Alternative
from authzsvc.policy.conditions import Condition
from authzsvc.policy.lookup import HEADER_FIELDS, NEVER_SENT, Lookup
from authzsvc.policy.source import Spot
from authzsvc.policy.terms import Said

if TYPE_CHECKING:
    from authzsvc.policy.clauses import Clauses

_RANGE = ".."


@dataclass(frozen=True, slots=True)
class Definition:
    """An attribute as an author wrote it."""

    name: str
    part: language.Attribute
    spot: Spot

    @property
    def by_version(self) -> bool:
        """Whether it says something else in different versions."""
        part = self.part
        listed = (*part.values.values(), *part.hints.values())
        alternatives = (alternative for alternatives in listed for alternative in alternatives)
        limited = any(one.versions for one in alternatives) or any(one.versions for one in part.sources)
        return limited or isinstance(part.otherwise, dict)


@dataclass(frozen=True, slots=True)
class KnownSource:
    """A tag of a definition, and what must stand beside it."""

    tag: int
    where: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Known:
    """A definition whose names are all known."""

    definition: Definition
    alternatives: tuple[Alternative, ...] = ()
    hints: tuple[Alternative, ...] = ()
    otherwise: str | None = None
    sources: tuple[KnownSource, ...] = ()

    @property
    def part(self) -> language.Attribute:
        """The definition's own words."""
        return self.definition.part


@dataclass(frozen=True, slots=True)
class AnyVersion(Lookup):
    """Looks names up in the mapping's version first, and then in the others, the newest first."""

    @property
    def dictionaries(self) -> Iterator[Dictionary]:
        """Give the mapping's dictionary, and then the others."""
        yield self.dictionary
        for version in reversed(fix.VERSIONS):
            if version != self.dictionary.version:
                yield fix.load(version)

    def tag(self, spot: Spot, word: str) -> int | None:
        """Give a field's number, if any version has it."""
        found = (dictionary.find_tag(word) for dictionary in self.dictionaries)
        tag = next((tag for tag in found if tag is not None), None)
        return self.found(spot, self.dictionary.tag, word) if tag is None else tag

    def value(self, spot: Spot, tag: int, word: str) -> bytes | None:
        """Give a value in its form on the wire, if any version lists it, or none lists values of the field."""
        if not self.dictionary.find_listed(tag, word) and any(word in one.values(tag) for one in self.dictionaries):
            return word.encode()  # told without comparing names, of which there are many
        found = (dictionary.find_listed(tag, word) for dictionary in self.dictionaries)
        value = next((value for value in found if value is not None), None)
        return self.found(spot, self.dictionary.value, tag, word) if value is None else value


def read(said: Said) -> dict[str, Definition]:
    """Give the definitions of all files. One with `override: true` replaces one of another file."""
    found: dict[str, list[Definition]] = {}
    for source in said.files.sources:
        there = Spot(source, ("attributes",))
        for name in there.data if isinstance(there.data, dict) else ():
            spot = there.at(name)
            if name == clock.NAME:
                said.faults.append(spot.fault("is the gateway's clock", "call the attribute otherwise"))
                continue
            part = shape.part(language.Attribute, spot.data)
            if part is not None:
                found.setdefault(name, []).append(Definition(name, part, spot))
    return {name: _one(said, definitions) for name, definitions in found.items()}


def _one(said: Said, definitions: list[Definition]) -> Definition:
    """Give the definition that counts; a second one that replaces none is a fault."""
    overriding = [one for one in definitions if one.part.override]
    plain = [one for one in definitions if not one.part.override]
    if not plain:
        said.faults.append(overriding[0].spot.at("override").fault("replaces nothing", "leave `override` out"))
    for again in (*plain[1:], *overriding[1:]):
        hint = "write `override: true` where it replaces the other" if again in plain else "keep one of them"
        said.faults.append(again.spot.fault(f"is there twice, first in {definitions[0].spot}", hint))
    return (overriding or plain)[0]


def versions(faults: list[Fault], spot: Spot, words: Iterable[str]) -> frozenset[str]:
    """Give the FIX versions that words name, as `FIX.4.2` or `FIX.4.0..FIX.4.2`."""
    found: set[str] = set()
    for word in words:
        first, dots, last = word.partition(_RANGE)
        ends = (first, last if dots else first)
        strange = next((end for end in ends if end not in fix.VERSIONS), None)
        if strange is not None:
            near = did_you_mean(strange, fix.VERSIONS).removeprefix("; ")
            faults.append(spot.fault(f"`{strange}` is no FIX version", near))
            continue
        low, high = (fix.VERSIONS.index(end) for end in ends)
        if low > high:
            faults.append(spot.fault(f"`{word}` begins with the later version"))
        found.update(fix.VERSIONS[low : high + 1])
    return frozenset(found)


@dataclass(frozen=True, slots=True)
class Reader:
    """Looks the names of definitions up; what no version has becomes a fault."""

    lookup: AnyVersion
    clauses: Clauses
    """Reads conditions by the same lookup."""
    version: str
    """The version that alternatives and sources must count in."""

    def known(self, definition: Definition) -> Known:
        """Give a definition in numbers, as far as it has no fault."""
        part, spot = definition.part, definition.spot
        known = Known(definition)
        if part.values:
            alternatives = tuple(self._alternatives(definition, "values"))
            hints = tuple(self._alternatives(definition, "hints"))
            for name in part.hints:
                check_value(self.lookup, part, spot.at("hints", name), name)
            for index, name in enumerate(part.by_entries):
                check_value(self.lookup, part, spot.at("by_entries", index), name)
            self._check_families(part, spot.at("families"))
            otherwise = self._otherwise(part, spot.at("otherwise"))
            return replace(known, alternatives=alternatives, hints=hints, otherwise=otherwise)
        return replace(known, sources=tuple(self._sources(definition)))

    def _check_families(self, part: language.Attribute, spot: Spot) -> None:
        for family, members in part.families.items():
            if family in part.values:
                self.lookup.fault(spot.at(family), "is a value of it already", "call the family otherwise")
            for index, name in enumerate(members):
                check_value(self.lookup, part, spot.at(family, index), name)

    def _otherwise(self, part: language.Attribute, spot: Spot) -> str | None:
        if part.otherwise is None or isinstance(part.otherwise, str):
            if part.otherwise is not None:
                check_value(self.lookup, part, spot, part.otherwise)
            return part.otherwise
        found = None
        for word, name in part.otherwise.items():
            check_value(self.lookup, part, spot.at(word), name)
            if self.version in versions(self.lookup.faults, spot.at(word), [word]):
                found = name
        return found

    def _counts(self, spot: Spot, words: list[str] | None) -> bool:
        """Whether a part of a definition counts in the version."""
        return words is None or self.version in versions(self.lookup.faults, spot, words)

    def _alternatives(self, definition: Definition, key: Literal["values", "hints"]) -> Iterator[Alternative]:
        renamings = list(self._renamings(definition))
        part = definition.part
        for value, alternatives in (part.values if key == "values" else part.hints).items():
            for index, said in enumerate(alternatives):
                spot = definition.spot.at(key, value, index)
                conditions = self._conditions(said.when, spot if spot.at("when").data is None else spot.at("when"))
                if conditions is None or not self._counts(spot.at("versions"), said.versions):
                    continue
                yield Alternative(value, conditions)
                for renaming in renamings:
                    if all(condition.tag in renaming for condition in conditions):
                        yield Alternative(value, tuple(self._renamed(one, renaming[one.tag]) for one in conditions))

    def _conditions(self, when: Mapping[str, language.EntryCondition], spot: Spot) -> tuple[Condition, ...] | None:
        """Give conditions in the order in which they are written; None where one has a fault."""
        found = []
        for word, said in when.items():
            before = len(self.lookup.faults)
            tag = self._tag(word, spot.at(word))
            if tag is None:
                return None
            condition = self.clauses.on_tag(tag, said, spot.at(word), "")
            if len(self.lookup.faults) > before:
                return None
            found.append(condition)
        return tuple(found)

    def _tag(self, word: str, spot: Spot) -> int | None:
        """Give the number of a field of any version that decisions see."""
        tag = self.lookup.tag(spot, word)
        if tag in NEVER_SENT:
            self.lookup.fault(spot, "is a secret, or measures one: decisions do not see it")
            return None
        if tag in self.lookup.dictionary.envelope - HEADER_FIELDS:
            self.lookup.fault(spot, "is a header or trailer field that no condition can be on")
            return None
        return tag

    def _renamings(self, definition: Definition) -> Iterator[Mapping[int, int]]:
        for index, said in enumerate(definition.part.also):
            spot = definition.spot.at("also", index)
            tags = {self._tag(old, spot.at(old)): self._tag(new, spot.at(old)) for old, new in said.items()}
            yield {old: new for old, new in tags.items() if old is not None and new is not None}

    def _renamed(self, condition: Condition, tag: int) -> Condition:
        """Give a condition for another tag that says the same."""
        named = (one for one in self.lookup.dictionaries if one.type(tag) is not None)
        dictionary = next(named, self.lookup.dictionary)
        return replace(condition, tag=tag, name=dictionary.tag_name(tag), type=dictionary.data_type(tag))

    def _sources(self, definition: Definition) -> Iterator[KnownSource]:
        for index, said in enumerate(definition.part.sources):
            spot = definition.spot.at("sources", index)
            tag = self._tag(said.tag, spot)
            where = self._conditions(said.where, spot.at("with"))
            if tag is not None and where is not None and self._counts(spot.at("versions"), said.versions):
                yield KnownSource(tag, where)


def check_value(lookup: Lookup, part: language.Attribute, spot: Spot, name: str) -> None:
    """Tell of a name that is no value of an attribute."""
    if name not in part.values:
        lookup.fault(spot, f"`{name}` is no value of it", did_you_mean(name, part.values).removeprefix("; "))


def check_product(lookup: Lookup, known: Known, others: Mapping[str, Known]) -> None:
    """Tell of factors that a product cannot have."""
    for index, name in enumerate(known.part.product or ()):
        spot = known.definition.spot.at("product", index)
        factor = others.get(name)
        if factor is None:
            lookup.fault(spot, f"the mapping has no attribute `{name}`", did_you_mean(name, others).removeprefix("; "))
        elif not factor.part.sources or factor.part.product:
            lookup.fault(spot, f"`{name}` has no values of its own to multiply", "name one with `sources`")
