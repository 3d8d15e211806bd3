"""Looks the names of a mapping up in its dictionary; those that are not found become faults at their place."""

from __future__ import annotations

import zoneinfo
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from authzsvc.errors import Fault, UnknownName
from authzsvc.fix.dictionary import Dictionary, did_you_mean
from authzsvc.policy.groups import Repeating
from authzsvc.policy.source import Spot

NEVER_SENT = frozenset((89, 90, 91, 93, 95, 96, 554, 925, 1400, 1401, 1402, 1403, 1404))
"""Secrets, and the length fields that go with them: the contract keeps them out of every request."""

HEADER_IDS = frozenset((50, 57, 115, 116, 128, 129, 142, 143, 144, 145))
"""Ids of a message's header, besides its CompIDs: each Check names them in headers of its own."""

HEADER_FIELDS = HEADER_IDS | {97}
"""Fields of the header that conditions can be on: those, and PossResend."""

SESSION_LEVEL = frozenset("012345")
"""Heartbeat, TestRequest, ResendRequest, Reject, SequenceReset, Logout: a session cannot live without them."""

LOGON = "A"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Lookup:
    """A dictionary, and where to tell of what it does not have."""

    dictionary: Dictionary
    faults: list[Fault]
    lists: Mapping[str, tuple[str, ...]]
    """The value lists of the mapping."""

    def fault(self, spot: Spot, text: str, hint: str = "") -> None:
        """Tell of a fault."""
        self.faults.append(spot.fault(text, hint))

    def found(self, spot: Spot, lookup: Callable[..., T], *words: object) -> T | None:
        """Look one name up; None where the dictionary does not have it."""
        try:
            return lookup(*words)
        except UnknownName as error:
            self.fault(spot, *text_and_hint(error))
            return None

    def is_zone(self, spot: Spot, name: str) -> bool:
        """Whether there is a time zone of that name; a fault where there is none."""
        try:
            zoneinfo.ZoneInfo(name)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            near = did_you_mean(name, zoneinfo.available_timezones()).removeprefix("; ")
            self.fault(spot, f"there is no time zone `{name}`", near or "a name of the IANA time zone database")
            return False
        return True

    def tag(self, spot: Spot, word: str) -> int | None:
        """Give a field's number."""
        return self.found(spot, self.dictionary.tag, word)

    def value(self, spot: Spot, tag: int, word: str) -> bytes | None:
        """Give a value in its form on the wire."""
        return self.found(spot, self.dictionary.value, tag, word)

    def item(self, spot: Spot, tag: int, word: str) -> bytes | None:
        """Give a single value in its form on the wire. A word that stands for several values is a fault."""
        value = self.value(spot, tag, word)
        if value is not None and b" " in value and self.dictionary.data_type(tag).several:
            hint = f"a condition looks at each value by itself: write `{{in: [{', '.join(value.decode().split())}]}}`"
            self.fault(spot, f"`{word}` is several values", hint)
            return None
        return value

    def message(self, spot: Spot, word: str) -> str | None:
        """Give the MsgType of a message that scopes decide on."""
        msg_type = self.found(spot, self.dictionary.message, word)
        if msg_type in SESSION_LEVEL:
            self.fault(spot, f"`{word}` is of the session level, which needs no scope", "leave it out")
            return None
        if msg_type == LOGON:
            self.fault(spot, "a Logon is decided by its token, not by a scope", "leave it out")
            return None
        return msg_type

    def messages(self, spot: Spot, words: list[str]) -> tuple[str, ...]:
        """Give the MsgTypes of a list, sorted."""
        found = [self.message(spot.at(index), word) for index, word in enumerate(words)]
        return tuple(sorted({msg_type for msg_type in found if msg_type is not None}))

    def body_tag(self, spot: Spot, msg_type: str, word: str) -> int | None:
        """Give the number of a field that a message can have, and that a decision can see."""
        tag = self.tag(spot, word)
        if tag is None:
            return None
        if tag in NEVER_SENT:
            self.fault(spot, "is a secret, or measures one: decisions do not see it")
        elif tag in HEADER_FIELDS and tag in self.dictionary.envelope:
            return tag
        elif tag in self.dictionary.envelope:
            hint = "conditions are on the body, on ids besides the CompIDs, and on PossResend; see `session.identity`"
            self.fault(spot, "is a header or trailer field", hint)
        elif not self.dictionary.has_field(msg_type, tag):
            message = self.dictionary.message_name(msg_type)
            self.fault(spot, f"is no field of `{message}` in {self.dictionary.version}")
        else:
            return tag
        return None

    def group(self, spot: Spot, msg_type: str, word: str, count_tag: int | None) -> Repeating | None:
        """Give the repeating group of a message that a field counts."""
        found = None if count_tag is None else self.dictionary.group(count_tag, msg_type)
        if count_tag is None:
            return None
        if found is None:
            message = self.dictionary.message_name(msg_type)
            self.fault(spot, f"`{word}` counts no repeating group of `{message}`")
            return None
        return Repeating(count_tag, found.delimiter, self.dictionary.tag_name(count_tag), found.nested)

    def in_group(self, spot: Spot, msg_type: str, count_tag: int, tag: int) -> bool:
        """Whether a group can have a field; a fault where it cannot."""
        group = self.dictionary.group(count_tag, msg_type)
        if group is None or tag in group.fields or self.dictionary.stands_anywhere(tag):
            return True
        names = self.dictionary.tag_name(count_tag), self.dictionary.message_name(msg_type)
        self.fault(spot, f"the group of `{names[0]}` in `{names[1]}` has no `{self.dictionary.tag_name(tag)}`")
        return False


def text_and_hint(error: UnknownName) -> tuple[str, str]:
    """Take the dictionary's complaint and its proposal apart."""
    text, _, hint = str(error).partition("; ")
    return text, hint
