"""What a venue adds to the dictionary: fields and messages of its own, under names and numbers that are still free.

And repeating groups, of its own or of the standard's, whose entries begin with a field that the venue chooses.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from authzsvc.errors import UnknownName
from authzsvc.fix import data_types
from authzsvc.fix.dictionary import CustomField, CustomGroup, Dictionary, did_you_mean
from authzsvc.policy import clock, language
from authzsvc.policy.lookup import NEVER_SENT, Lookup
from authzsvc.policy.source import Spot
from authzsvc.policy.terms import Said

_TAG = re.compile(r"[1-9][0-9]{0,5}")
_MSG_TYPE = re.compile(r"[A-Za-z0-9]{1,8}")


def extend(said: Said, dictionary: Dictionary) -> Dictionary:
    """Give the dictionary with what is said under `custom`."""
    fields: dict[int, CustomField] = {}
    messages: dict[str, str] = {}
    taken: set[str] = set()
    for word, spot, tag in said.parts(language.CustomTag, "custom", "tags"):
        _check_type(said, spot, tag)
        if _free_tag(said, spot, word, dictionary) and _free_name(said, spot, tag.name, taken, dictionary.tag):
            fields[int(word)] = CustomField(tag.name, tag.type, tag.values)
    taken.clear()
    for word, spot, message in said.parts(language.CustomMessage, "custom", "messages"):
        if _free_type(said, spot, word, dictionary) and _free_name(said, spot, message.name, taken, dictionary.message):
            messages[word] = message.name
    extended = dictionary.with_custom(fields, messages) if fields or messages else dictionary
    groups = dict(_groups(said, Lookup(extended, said.faults, {})))
    return dictionary.with_custom(fields, messages, groups) if groups else extended


def _groups(said: Said, lookup: Lookup) -> Iterator[tuple[int, CustomGroup]]:
    """Give the groups whose names are all known, each with its count field. One that is there twice is a fault."""
    seen: set[int] = set()
    for word, spot, group in said.parts(language.CustomGroup, "custom", "groups"):
        count, first = lookup.tag(spot, word), lookup.tag(spot.at("first"), group.first)
        fields = [lookup.tag(spot.at("fields", index), field) for index, field in enumerate(group.fields)]
        messages = lookup.messages(spot.at("messages"), group.messages)
        if count is None or first is None or None in fields or len(messages) < len(set(group.messages)):
            continue
        if count in seen:
            lookup.fault(spot, f"`{lookup.dictionary.tag_name(count)}` is there twice, by name and by number")
        elif count in {first, *fields}:
            lookup.fault(spot, "counts its own entries, and cannot be a field of one")
        elif NEVER_SENT.intersection((first, *(field for field in fields if field))):
            lookup.fault(spot, "has a field that is a secret, or measures one: decisions do not see it")
        else:
            yield count, CustomGroup(first, frozenset(field for field in fields if field), frozenset(messages))
        seen.add(count)


def _check_type(said: Said, spot: Spot, tag: language.CustomTag) -> None:
    """Tell of a data type that FIX does not have, and of listed values that are not of the type."""
    type_ = data_types.BY_NAME.get(tag.type)
    if type_ is None:
        near = did_you_mean(tag.type, data_types.BY_NAME).removeprefix("; ")
        said.faults.append(spot.at("type").fault(f"FIX has no data type `{tag.type}`", near or "`STRING` is any text"))
        return
    for value in tag.values:
        if type_.plain(value.encode()) != value.encode():
            said.faults.append(spot.at("values").at(value).fault(f"is not of type {tag.type}", f"write {type_.words}"))


def _free_tag(said: Said, spot: Spot, word: str, dictionary: Dictionary) -> bool:
    if not _TAG.fullmatch(word):
        said.faults.append(spot.fault("is no tag", "a number from 1 to 999999"))
    elif int(word) in NEVER_SENT:
        said.faults.append(spot.fault("is a secret, or measures one: decisions do not see it"))
    elif dictionary.type(int(word)):
        name = dictionary.tag_name(int(word))
        said.faults.append(spot.fault(f"is `{name}` in {dictionary.version} already", "leave it out"))
    else:
        return True
    return False


def _free_type(said: Said, spot: Spot, word: str, dictionary: Dictionary) -> bool:
    if not _MSG_TYPE.fullmatch(word):
        said.faults.append(spot.fault("is no MsgType", "letters and digits, at most 8"))
        return False
    try:
        dictionary.message(word)
    except UnknownName:
        return True
    said.faults.append(spot.fault(f"is a message of {dictionary.version} already", "leave it out"))
    return False


def _free_name(said: Said, spot: Spot, name: str, taken: set[str], known: Callable[[str], object]) -> bool:
    try:
        known(name)
    except UnknownName:
        if name.lower() not in {*taken, clock.NAME}:
            taken.add(name.lower())
            return True
    said.faults.append(spot.at("name").fault(f"the name `{name}` is taken already"))
    return False
