"""Attributes: facts about a message that a mapping defines once and uses by name, made into conditions on its tags.

A definition speaks of tags of any FIX version. For each kind of message that a rule is about, those of its tags are
taken that the message has in the mapping's version. A message with none of them is a fault, because nothing could ever
be told of it, unless the definition says what holds then.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING

from authzsvc.errors import Fault
from authzsvc.fix.dictionary import Dictionary
from authzsvc.policy import language, places
from authzsvc.policy.by_version import VersionedCondition
from authzsvc.policy.classes import Alternative, ClassCondition, Classification
from authzsvc.policy.conditions import AnyCondition, Condition
from authzsvc.policy.definitions import AnyVersion, Definition, Known, KnownSource, Reader, check_product, check_value
from authzsvc.policy.lookup import HEADER_FIELDS, Lookup
from authzsvc.policy.places import Level
from authzsvc.policy.products import Factor, ProductCondition
from authzsvc.policy.source import Spot
from authzsvc.policy.value_tests import OneOf
from authzsvc.policy.values import Source, ValuesCondition, fold

if TYPE_CHECKING:
    from authzsvc.policy.clauses import Clauses

_OF_CLASSES = frozenset(("equals", "any_of", "none_of"))
_OF_PRODUCTS = frozenset(("minimum", "maximum"))
_WIDENING = frozenset(("any_entry", "each_entry", "every"))


@dataclass(frozen=True, slots=True)
class Lenient(Lookup):
    """Lets values pass that a tag does not list: another source of the attribute may have them."""

    strange: set[str] = field(default_factory=set)
    """The words that are no value of the tag that it was asked about."""

    def item(self, spot: Spot, tag: int, word: str) -> bytes | None:
        """Give a single value in its form on the wire; None for one that is not even of the tag's type."""
        listed = self.dictionary.find_listed(tag, word)
        items = self.dictionary.data_type(tag).read(word.encode())
        if listed is None and (items is None or self.dictionary.values(tag)):
            self.strange.add(word)
        if listed is not None:
            return listed
        return items[0] if items is not None and len(items) == 1 else None


class Attributes:
    """The attributes of a mapping, and the conditions that they come to."""

    def __init__(self, definitions: Mapping[str, Definition], lookup: Lookup, reader: type[Clauses]) -> None:
        """Look all names of the definitions up; `reader` reads conditions."""
        self.lookup = lookup
        self._reader = reader
        wide = AnyVersion(lookup.dictionary, lookup.faults, lookup.lists)
        clauses = reader(wide, "", forbids=False)
        self._names = lookup.dictionary.version
        self._known: dict[str, dict[str, Known]] = {}
        for version in lookup.dictionary.serves:
            before = set(lookup.faults)
            definer = Reader(wide, clauses, version)
            self._known[version] = {name: definer.known(definition) for name, definition in definitions.items()}
            if set(lookup.faults) - before:
                break  # the other versions have the same faults
        self._classified: dict[tuple[str, str, str], Classification] = {}
        self._levels: dict[tuple[str, frozenset[int]], Level] = {}
        self._definitions = definitions
        known = self._known[lookup.dictionary.serves[0]]
        for one in known.values():
            check_product(lookup, one, known)

    def __contains__(self, name: str) -> bool:
        return name in self._definitions

    def condition(
        self, name: str, said: language.EntryCondition, spot: Spot, clauses: Clauses, id: str
    ) -> AnyCondition | None:
        """Give a condition on an attribute for one kind of message; None, and a fault, where it cannot be made."""
        served = self.lookup.dictionary.serves
        if len(served) == 1 or len(self._known) < len(served) or not self._is_by_version(name):
            return self._condition(
                self._names if self._names in self._known else served[0], name, said, spot, clauses, id
            )
        faults = self.lookup.faults
        variants: dict[str, AnyCondition | None] = {}
        told: list[Fault] = []
        for version in served:
            before = len(faults)
            variants[version] = self._condition(version, name, said, spot, clauses, id)
            told += faults[before:]
            del faults[before:]
        found = [variant for variant in variants.values() if variant is not None]
        if not found:
            faults.extend(dict.fromkeys(told))
            return None
        if len(found) == len(served) and all(variant.meaning == found[0].meaning for variant in found):
            return found[0]
        return VersionedCondition(found[-1], self._names, variants)

    def _is_by_version(self, name: str) -> bool:
        """Whether an attribute, or a factor of it, says something else in different versions."""
        definition = self._definitions.get(name)
        if definition is None:
            return False
        return definition.by_version or any(map(self._is_by_version, definition.part.product or ()))

    def _condition(
        self, version: str, name: str, said: language.EntryCondition, spot: Spot, clauses: Clauses, id: str
    ) -> AnyCondition | None:
        known = self._known[version][name]
        if not self._fits(known, said, spot):
            return None
        if known.part.values:
            return self._class(version, known, said, spot, clauses, id)
        if known.part.product:
            return self._product(version, known, said, spot, clauses, id)
        return self._values(known, said, spot, clauses, id)

    def _fits(self, known: Known, said: language.EntryCondition, spot: Spot) -> bool:
        """Whether an attribute of this form can be tested so; a fault where it cannot."""
        keys = {key for key in said.model_fields_set if getattr(said, key) is not None}
        if known.part.values:
            form, strange = "one of named values", keys - _OF_CLASSES
        elif known.part.product:
            form, strange = "a product", keys - _OF_PRODUCTS
        else:
            form, strange = "several tags'", keys & _WIDENING
        for key in sorted(strange)[:1]:
            word = type(said).model_fields[key].alias or key
            self.lookup.fault(spot, f"is {form}, and cannot be tested by `{word}`")
        if not strange and known.part.values and len(keys) > 1:
            self.lookup.fault(spot, "takes one of `equals`, `in` and `not`")
            return False
        return not strange

    def _class(
        self, version: str, known: Known, said: language.EntryCondition, spot: Spot, clauses: Clauses, id: str
    ) -> ClassCondition | None:
        attribute = self._classification(version, known, clauses.msg_type)
        if not attribute.alternatives and attribute.otherwise is None:
            self._untold(known, spot, clauses.msg_type)
            return None
        words = said.any_of or said.none_of or ([said.equals] if said.equals is not None else [])
        wanted: set[str] = set()
        for word in words:
            wanted.update(known.part.families.get(word, [word]))
            if word not in known.part.families:
                check_value(self.lookup, known.part, spot, word)
        return ClassCondition(attribute, frozenset(wanted), said.none_of is not None, clauses.forbids, id)

    def _classification(self, version: str, known: Known, msg_type: str) -> Classification:
        """Give a classification as a message can tell it; the same one for all rules, so that it remembers for all."""
        key = (version if known.definition.by_version else "", known.definition.name, msg_type)
        if key not in self._classified:
            dictionary = self.lookup.dictionary
            told = (_told(dictionary, msg_type, alternative) for alternative in known.alternatives)
            alternatives = tuple(alternative for alternative in told if alternative is not None)
            hinted = (_told(dictionary, msg_type, alternative) for alternative in known.hints)
            hints = tuple(alternative for alternative in hinted if alternative is not None)
            tags = {condition.tag for alternative in (*alternatives, *hints) for condition in alternative.conditions}
            self._classified[key] = Classification(
                known.definition.name,
                alternatives,
                self._level(msg_type, tags),
                known.otherwise,
                frozenset(known.part.by_entries),
                hints,
            )
        return self._classified[key]

    def _values(
        self, known: Known, said: language.EntryCondition, spot: Spot, clauses: Clauses, id: str
    ) -> AnyCondition | None:
        name, part, dictionary = known.definition.name, known.part, self.lookup.dictionary
        default = said.default or part.default
        told = [source for source in known.sources if _stands(dictionary, clauses.msg_type, source)]
        if not told and default is None:
            self._untold(known, spot, clauses.msg_type)
            return None
        folds = part.fold and clauses.forbids
        tested = list(self._tested(told or known.sources[:1], said, spot, clauses, folds=folds))
        if not tested:
            return None
        tags = {tag for source in told for tag in (source.tag, *(one.tag for one in source.where))}
        level = self._level(clauses.msg_type, tags)
        widely = said.occurrences == "any" if isinstance(said, language.Condition) and said.occurrences else None
        condition = ValuesCondition(
            name=name,
            sources=tuple(tested),
            level=level,
            ignore=frozenset(word.encode() for word in part.ignore),
            default=default.encode() if default is not None else None,
            present=bool(said.present),
            absent=bool(said.absent),
            any_occurrence=clauses.forbids if widely is None else widely,
            words="".join(map(str, tested[0].condition.tests)) or " present",
            id=id,
        )
        return _plain(condition) or condition

    def _tested(
        self, told: Iterable[KnownSource], said: language.EntryCondition, spot: Spot, clauses: Clauses, *, folds: bool
    ) -> Iterator[Source]:
        """Give the sources with what their values must be. A word that is a value of none of them is a fault."""
        lenient, found = [], []
        for source in told:
            lookup = Lenient(self.lookup.dictionary, self.lookup.faults, self.lookup.lists)
            reader = self._reader(lookup, clauses.msg_type, forbids=clauses.forbids)
            before = len(self.lookup.faults)
            condition = replace(reader.on_tag(source.tag, said, spot, ""), present=False, absent=False, default=None)
            if len(self.lookup.faults) > before:
                return
            lenient.append(lookup.strange)
            found.append(Source(condition, source.where, _folded(condition) if folds else None))
        strange = set.intersection(*lenient)
        for word in sorted(strange)[:1]:
            self.lookup.item(spot, found[0].tag, word)
        if not strange:
            yield from found

    def _product(
        self, version: str, known: Known, said: language.EntryCondition, spot: Spot, clauses: Clauses, id: str
    ) -> ProductCondition | None:
        _dictionary, msg_type = self.lookup.dictionary, clauses.msg_type
        others = self._known[version]
        factors = tuple(self._factor(others[name], msg_type) for name in known.part.product or () if name in others)
        whole = replace(self._factor(known, msg_type), default=None)
        can_multiply = all(factor.sources or factor.default is not None for factor in factors) and factors[0].sources
        if not can_multiply and not whole.sources:
            self._untold(known, spot, msg_type)
            return None
        factors = factors if can_multiply else ()
        before = len(self.lookup.faults)
        tests = clauses.numbers(said, spot)
        if len(self.lookup.faults) > before:
            return None
        sources = [pair for factor in (*factors, whole) for pair in factor.sources]
        tags = {condition.tag for one, where in sources for condition in (one, *where)}
        level = self._level(msg_type, tags)
        return ProductCondition(known.definition.name, factors, whole, level, tests, clauses.forbids, id)

    def _factor(self, known: Known, msg_type: str) -> Factor:
        dictionary, default = self.lookup.dictionary, known.part.default
        sources = tuple(
            (
                Condition(source.tag, dictionary.tag_name(source.tag), type=dictionary.data_type(source.tag)),
                source.where,
            )
            for source in known.sources
            if _stands(dictionary, msg_type, source)
        )
        return Factor(known.definition.name, sources, Decimal(default) if default is not None else None)

    def _level(self, msg_type: str, tags: Collection[int]) -> Level:
        """Give where tags stand in a message, the same one for all rules that ask for them."""
        key = (msg_type, frozenset(tags))
        if key not in self._levels:
            self._levels[key] = places.level(self.lookup.dictionary, msg_type, tags)
        return self._levels[key]

    def _untold(self, known: Known, spot: Spot, msg_type: str) -> None:
        message, version = self.lookup.dictionary.message_name(msg_type), self.lookup.dictionary.version
        text = f"`{message}` of {version} has no tag that tells `{known.definition.name}`"
        self.lookup.fault(spot, text, f"leave the message out: `except: [{message}]`")


def _told(dictionary: Dictionary, msg_type: str, alternative: Alternative) -> Alternative | None:
    """Give an alternative as a message can meet it; None where it cannot. A tag that it never has is absent."""
    first, *others = alternative.conditions
    if not _has(dictionary, msg_type, first.tag):
        return None
    kept = [one for one in others if _has(dictionary, msg_type, one.tag) or not one.absent]
    if any(not _has(dictionary, msg_type, one.tag) and one.default is None for one in kept):
        return None
    return Alternative(alternative.value, (first, *kept))


def _stands(dictionary: Dictionary, msg_type: str, source: KnownSource) -> bool:
    """Whether a message can have a source, and what must stand beside it."""
    beside = (one for one in source.where if not one.absent)
    return all(_has(dictionary, msg_type, tag) for tag in (source.tag, *(one.tag for one in beside)))


def _has(dictionary: Dictionary, msg_type: str, tag: int) -> bool:
    """Whether a message can have a field: one that its version names, an id of the header, or a venue's own."""
    if tag in HEADER_FIELDS:
        return tag in dictionary.envelope
    return dictionary.find_tag(str(tag)) is not None and dictionary.has_field(msg_type, tag)


def _folded(condition: Condition) -> Condition:
    """Give a condition for values that were folded."""
    tests = (
        replace(test, values=frozenset(map(fold, test.values))) if isinstance(test, OneOf) else test
        for test in condition.tests
    )
    return replace(condition, tests=tuple(tests))


def _plain(condition: ValuesCondition) -> Condition | None:
    """Give the condition on the one tag that tells an attribute, where that is all; rules on it are found by value."""
    source = condition.sources[0]
    alone = len(condition.sources) == 1 and not source.where and source.folded is None and not condition.ignore
    if not alone or condition.level.groups or condition.level.tags != {source.tag}:
        return None
    return replace(
        source.condition,
        name=f"{condition.name} ({source.condition.name})",
        present=condition.present,
        absent=condition.absent,
        default=condition.default,
        any_occurrence=condition.any_occurrence,
        open=True,
        id=condition.id,
    )
