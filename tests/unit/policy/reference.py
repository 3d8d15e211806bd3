"""A second opinion on every decision: slow, plain, and straight from the mapping as it was written.

It shares nothing with the engine but the dictionary's names: it takes the data of a mapping that compiles, and walks
through it anew for each question. Values are read as `reference_types` has it. Answers about a condition are "yes",
"no" or "doubt".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from authzsvc.fix.dictionary import load
from tests.unit.policy import reference_types
from tests.unit.policy.reference_types import Item

Pairs = tuple[tuple[int, bytes], ...]
Truths = list[str]
Said = Any
"""What stands in a mapping, whatever its form."""

YES, NO, DOUBT = "yes", "no", "doubt"

VALUE_TESTS = {
    "equals", "in", "not", "in_list", "not_in_list", "prefix", "matches", "min", "max", "after", "before", "days",
    "claim"
}  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """One message of one session."""

    direction: str
    msg_type: str
    pairs: Pairs
    scopes: frozenset[str]
    claims: Mapping[str, Any]
    comp_id: str
    now: float | None = None


@dataclass(frozen=True)
class Answer:
    """What should be decided."""

    allowed: bool
    scope: str | None
    missing: frozenset[str]
    shadow: bool
    forbid: str | None


class Reference:
    """Decides from a mapping's data."""

    def __init__(self, data: dict[str, Any], lists: dict[str, list[str]] | None = None) -> None:
        self.data = data
        self.dictionary = load(data["fix"])
        written = {name: found.get("values", []) for name, found in data.get("lists", {}).items()}
        self.lists = written | (lists or {})

    def decide(self, asked: Asked) -> Answer:
        """Decide one message; what is missing is found by asking anew with each scope of the mapping."""
        answer = self.decide_once(asked)
        if answer.allowed and not answer.shadow:
            return answer
        wider = {scope: replace(asked, scopes=asked.scopes | {scope}) for scope in self.data["scopes"]}
        answers = {scope: self.decide_once(again) for scope, again in wider.items()}
        missing = frozenset(scope for scope, found in answers.items() if found.allowed and not found.shadow)
        return replace(answer, missing=missing)

    def decide_once(self, asked: Asked) -> Answer:
        if asked.msg_type in "012345" and len(asked.msg_type) == 1:
            return Answer(True, None, frozenset(), False, None)
        exempt = {self.dictionary.message(word) for word in self.data["session"].get("exempt", [])}
        if asked.direction == "inbound" and asked.msg_type in exempt:
            return Answer(True, None, frozenset(), False, None)
        passes = {self.dictionary.message(word) for word in self.data["session"].get("passes", [])}
        if asked.direction == "outbound" and asked.msg_type in passes:
            return Answer(True, None, frozenset(), False, None)
        held, written = self.held(asked)
        for forbid in sorted(self.data.get("forbid", []), key=lambda forbid: str(forbid["name"])):
            widely = forbid.get("wildcards_lift", self.data["version"] == 1)
            if self.fires(forbid, asked, held if widely else written):
                return self.enforced(asked, Answer(False, None, frozenset(), False, forbid["name"]), set())
        return self.by_scopes(asked, held)

    def by_scopes(self, asked: Asked, held: set[str]) -> Answer:
        about = False
        granting: set[str] = set()
        for scope, said in self.data["scopes"].items():
            for grant in said.get("grants", []):
                if self.about(grant, asked, [grant["message"]]):
                    about = True
                    if self.all_hold(grant.get("when", {}), asked, forbids=False) == YES:
                        granting.add(scope)
        if asked.direction == "outbound" and not about and self.data["session"].get("outbound", "open") == "open":
            return Answer(True, None, frozenset(), False, None)
        if granting & held:
            return Answer(True, min(granting & held), frozenset(), False, None)
        return self.enforced(asked, Answer(False, None, frozenset(), False, None), granting - held)

    def enforced(self, asked: Asked, denial: Answer, would_grant: set[str]) -> Answer:
        rollout = self.data.get("rollout", {})
        messages = {self.dictionary.message(str(word)): mode for word, mode in rollout.get("messages", {}).items()}
        said = [rollout.get("senders", {}).get(asked.comp_id), messages.get(asked.msg_type)]
        scopes = [self.data["scopes"][scope].get("mode") for scope in would_grant]
        if "enforce" in said or "enforce" in scopes:
            mode = "enforce"
        elif "shadow" in said or (scopes and all(mode == "shadow" for mode in scopes)):
            mode = "shadow"
        else:
            mode = rollout.get("mode", "enforce")
        if mode == "enforce":
            return denial
        return replace(denial, allowed=True, shadow=True)

    def held(self, asked: Asked) -> tuple[set[str], set[str]]:
        """The mapping's scopes that the token has, by itself or by its roles; and those that are written out there."""
        named = set()
        for scope in asked.scopes:
            if scope.startswith("role:"):
                named.add(scope[len("role:") :])
        claim = self.claim(asked, self.data.get("role_claim", "roles"))
        for name in claim if isinstance(claim, list) else [claim]:
            named.add(name)
        words = set(asked.scopes)
        for name in named:
            words |= self.role(name, ())
        found: set[str] = set()
        for word in words:
            found |= self.covered(word)
        return found, words & set(self.data["scopes"])

    def role(self, name: object, above: tuple[str, ...]) -> set[str]:
        """The scopes of a role and of those that it includes, as they are written."""
        roles = self.data.get("roles", {})
        if not isinstance(name, str) or name not in roles or name in above:
            return set()
        found = set(roles[name].get("scopes", []))
        for inner in roles[name].get("roles", []):
            found |= self.role(inner, (*above, name))
        return found

    def covered(self, held: str) -> set[str]:
        return {scope for scope in self.data["scopes"] if self.covers(held.split(":"), scope.split(":"))}

    def covers(self, held: list[str], defined: list[str]) -> bool:
        if held == defined:
            return True
        if len(held) < 2 or len(defined) < 2 or set(held) == {"*"}:
            return False
        if not all(re.fullmatch(r"[\w.-]+", segment, re.ASCII) for segment in {*held, *defined} - {"*"}):
            return False
        if len(held) > len(defined) or (len(held) < len(defined) and not self.data.get("scope_prefixes", False)):
            return False
        return all(mine in ("*", theirs) for mine, theirs in zip(held, defined, strict=False))

    def about(self, rule: dict[str, Any], asked: Asked, messages: list[Any]) -> bool:
        types = {self.dictionary.message(str(word)) for word in messages}
        return rule.get("direction", "inbound") == asked.direction and asked.msg_type in types

    def fires(self, forbid: dict[str, Any], asked: Asked, held: set[str]) -> bool:
        messages = forbid["message"] if isinstance(forbid["message"], list) else [forbid["message"]]
        if not self.about(forbid, asked, messages) or held & set(forbid.get("unless", [])):
            return False
        return self.all_hold(forbid.get("when", {}), asked, forbids=True) != NO

    def all_hold(self, when: dict[Any, Any], asked: Asked, *, forbids: bool) -> str:
        return conjunction([self.holds(word, said, asked, forbids=forbids) for word, said in when.items()])

    def holds(self, word: str | int, said: Said, asked: Asked, *, forbids: bool) -> str:
        """Whether one condition holds for the message."""
        if word == "now":
            return self.at_this_time(said, asked)
        tag = self.dictionary.tag(str(word))
        said = said if isinstance(said, dict) else {"equals": said}
        parts: Truths = []
        if set(said) - {"any_entry", "each_entry", "every", "occurrences", "default", "present"} or (
            "present" in said and not {"any_entry", "each_entry"} & set(said)
        ):
            values = [value for number, value in asked.pairs if number == tag]
            some = said.get("occurrences", "any" if forbids else "every") == "any"
            parts.append(self.values_hold(tag, said, values, asked, some=some))
        if "every" in said:
            entries = self.entries(said["every"], [tag], asked)
            parts.append(DOUBT if entries is None else yes(bool(entries) and all(tag in entry for entry in entries)))
        for key in ("any_entry", "each_entry"):
            if key in said:
                parts.append(self.entries_hold(word, said[key], asked, each=key == "each_entry", forbids=forbids))
        return conjunction(parts)

    def at_this_time(self, said: dict[str, Any], asked: Asked) -> str:
        """Whether the gateway's clock is in a window."""
        if asked.now is None:
            return DOUBT
        item = reference_types.timestamp(f"{datetime.fromtimestamp(asked.now, UTC):%Y%m%d-%H:%M:%S}")
        assert item is not None
        return conjunction([self.in_time(key, said, item) for key in said if key != "zone"])

    def entries_hold(self, word: str | int, when: dict[Any, Any], asked: Asked, *, each: bool, forbids: bool) -> str:
        tags = [self.dictionary.tag(str(inner)) for inner in when]
        entries = self.entries(word, tags, asked)
        if entries is None:
            return DOUBT
        found = []
        for entry in entries:
            inner = Asked(asked.direction, asked.msg_type, tuple(entry.items()), asked.scopes, asked.claims, "")
            found.append(conjunction([self.holds(name, said, inner, forbids=forbids) for name, said in when.items()]))
        if not entries:
            return NO
        return conjunction(found) if each else disjunction(found)

    def entries(self, word: str | int, tags: list[int], asked: Asked) -> list[dict[int, bytes]] | None:
        """The entries of a group (which stands once); None where it is malformed."""
        count_tag = self.dictionary.tag(str(word))
        group = self.dictionary.group(count_tag, asked.msg_type)
        assert group is not None
        seen = [pair for pair in asked.pairs if pair[0] in {count_tag, group.delimiter, *tags}]
        if not seen:
            return []
        if seen[0][0] != count_tag or [tag for tag, _ in seen].count(count_tag) != 1:
            return None
        starts = [index for index, (tag, _) in enumerate(seen) if tag == group.delimiter]
        if seen[0][1] != str(len(starts)).encode() or (len(seen) > 1 and starts[:1] != [1]):
            return None
        slices = [seen[start:end] for start, end in zip(starts, [*starts[1:], len(seen)], strict=False)]
        if any(len({tag for tag, _ in entry}) != len(entry) for entry in slices):
            return None
        return [dict(entry) for entry in slices]

    def values_hold(self, tag: int, said: dict[str, Any], values: list[bytes], asked: Asked, *, some: bool) -> str:
        if "absent" in said:
            return yes(not values)
        if not values and "default" in said:
            values = [self.wire(tag, said["default"])]
        if not values:
            positive = set(said) - {"not", "not_in_list", "occurrences", "every", "any_entry", "each_entry", "zone"}
            return NO if positive else DOUBT
        found = [self.value_holds(tag, said, value, asked, some=some) for value in values]
        return disjunction(found) if some else conjunction(found)

    def value_holds(self, tag: int, said: dict[str, Any], value: bytes, asked: Asked, *, some: bool) -> str:
        """Whether a value passes: all or some of its items."""
        tests = VALUE_TESTS & set(said)
        if not tests:
            return YES
        items = reference_types.read(self.type_of(tag), tag, value)
        if items is None:
            return DOUBT
        found = [conjunction([self.test(tag, key, said, item, asked) for key in tests]) for item in items]
        return disjunction(found) if some else conjunction(found)

    def type_of(self, tag: int) -> str | None:
        custom = self.data.get("custom", {}).get("tags", {})
        return custom[str(tag)]["type"] if str(tag) in custom else self.dictionary.type(tag)

    def wire(self, tag: int, word: object) -> bytes:
        """A word of the mapping as it stands in a message: itself, or the value that has this name."""
        listed = self.dictionary.values(tag)
        named = [value for value, name in listed.items() if squeezed(name) == squeezed(str(word))]
        return (named[0] if named and str(word) not in listed else str(word)).encode()

    def key(self, tag: int, word: object) -> object:
        """What equal values have in common."""
        items = reference_types.read(self.type_of(tag), tag, self.wire(tag, word))
        assert items is not None
        assert len(items) == 1
        return items[0].key

    def test(self, tag: int, key: str, said: dict[str, Any], item: Item, asked: Asked) -> str:
        """One test of one item."""
        wanted = said[key]
        match key:
            case "equals" | "in" | "not":
                words = wanted if isinstance(wanted, list) else [wanted]
                there = item.key in [self.key(tag, word) for word in words]
                return yes(there is (key != "not"))
            case "in_list" | "not_in_list":
                there = item.key in [self.key(tag, word) for word in self.lists[wanted]]
                return yes(there is (key == "in_list"))
            case "prefix" if isinstance(wanted, dict):
                return self.begins_with_claim(wanted["claim"], item, asked)
            case "prefix":
                return yes(item.text.encode("latin-1").startswith(str(wanted).encode()))
            case "matches":
                return self.matches(wanted, item)
            case "min" | "max":
                return self.in_range(key, wanted, item, asked)
            case "after" | "before" | "days":
                return self.in_time(key, said, item)
            case "claim":
                return self.in_claim(tag, wanted, item, asked)
        return YES

    def matches(self, pattern: str, item: Item) -> str:
        try:
            return yes(re.fullmatch(pattern, item.text.encode("latin-1").decode(), re.ASCII) is not None)
        except UnicodeDecodeError:
            return DOUBT

    def begins_with_claim(self, path: str, item: Item, asked: Asked) -> str:
        claim = self.claim(asked, path)
        truths = [NO]
        for one in claim if isinstance(claim, list) else [claim]:
            usable = isinstance(one, str) and one != ""
            truths.append(yes(item.text.encode("latin-1").startswith(one.encode())) if usable else DOUBT)
        return disjunction(truths)

    def in_range(self, key: str, bound: Said, item: Item, asked: Asked) -> str:
        number: Any = item.key
        if isinstance(number, bytes):
            read = reference_types.decimal(item.text)
            if read is None:
                return DOUBT
            number = read.key
        if isinstance(bound, dict):
            claim = self.claim(asked, bound["claim"])
            written = reference_types.decimal(claim) if isinstance(claim, str) else None
            if written is None and (not isinstance(claim, int) or isinstance(claim, bool)):
                return DOUBT
            bound = claim
        limit = Fraction(str(bound))
        return yes(number >= limit if key == "min" else number <= limit)

    def in_time(self, key: str, said: dict[str, Any], item: Item) -> str:
        bound = str(said[key]).split(" ")[0]
        zones = {str(said[name]).split(" ")[1] for name in ("after", "before") if " " in str(said.get(name, ""))}
        zone = said.get("zone", min(zones, default="UTC"))
        read: Item | None = item
        if isinstance(item.key, bytes):
            read = reference_types.timestamp(item.text) or reference_types.time_of_day(item.text)
        if read is None:
            return DOUBT
        if zone != "UTC" or "days" in said:
            if not isinstance(read.key, tuple):
                return DOUBT
            local = datetime.strptime(read.text[:17], "%Y%m%d-%H:%M:%S").replace(tzinfo=UTC).astimezone(ZoneInfo(zone))
            if key == "days":
                return yes(local.strftime("%a") in said["days"])
            read = reference_types.timestamp(f"{local:%Y%m%d-%H:%M:%S}")
            assert read is not None
        day, _, clock = bound.rpartition("-")
        limit = reference_types.time_of_day(clock if clock.count(":") == 2 else f"{clock}:00")
        assert limit is not None
        own_day, own_time = read.key if isinstance(read.key, tuple) else ("", read.key)
        if day and not own_day:
            return DOUBT
        mine, other = ((own_day, own_time), (day, limit.key)) if day else (("", own_time), ("", limit.key))
        return yes(mine >= other if key == "after" else mine < other)

    def claim(self, asked: Asked, path: str) -> Said:
        found: Any = asked.claims
        if path in asked.claims:
            return asked.claims[path]
        for step in path.split("."):
            found = found.get(step) if isinstance(found, dict) else None
        return found

    def in_claim(self, tag: int, path: str, item: Item, asked: Asked) -> str:
        claim = self.claim(asked, path)
        if not usable(claim) and not isinstance(claim, list):
            return DOUBT
        claimed = claim if isinstance(claim, list) else [claim]
        type_ = self.type_of(tag)
        if not reference_types.is_text(type_):
            return self.in_typed_claim(type_, tag, item, claimed)
        try:
            text = item.text.encode("latin-1").decode()
        except UnicodeDecodeError:
            return DOUBT
        return yes(text in [str(other) for other in claimed if usable(other)])

    def in_typed_claim(self, type_: str | None, tag: int, item: Item, claimed: list[Any]) -> str:
        truths = [NO]
        for other in claimed:
            if isinstance(other, float):
                truths.append(DOUBT)
            elif usable(other):
                read = reference_types.read(type_, tag, str(other).encode())
                truths.append(DOUBT if read is None or len(read) > 1 else yes(read[0].key == item.key))
        return disjunction(truths)


def squeezed(name: str) -> str:
    return re.sub(r"[\W_]", "", name).lower()


def usable(claim: object) -> bool:
    return isinstance(claim, str | int) and not isinstance(claim, bool)


def yes(holds: bool) -> str:
    return YES if holds else NO


def conjunction(truths: Truths) -> str:
    if NO in truths:
        return NO
    return DOUBT if DOUBT in truths else YES


def disjunction(truths: Truths) -> str:
    if YES in truths:
        return YES
    return DOUBT if DOUBT in truths else NO
