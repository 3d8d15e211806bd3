"""`visible`: text of others, fit for a terminal; `json_line`: a record, fit for a log.

Counterparties choose many of the texts that this package prints: FIX fields, claims, names in certificates, words of
authorization servers. None of them may steer a terminal, hide, or show itself in another order than it has. So whatever
Unicode does not call printable is written as its escape: control characters (C0, DEL, C1), format characters (bidi
overrides, isolates and marks, zero-width ones), line and paragraph separators, lone surrogates, and what is unassigned;
and so are the letters and marks that show nothing.

Invariants: nothing that these functions return has such a character; no two texts have one visible form.
"""

from __future__ import annotations

import re

import orjson

_BLANK = "\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef"
"""Characters that Unicode calls printable and that no font shows (Default_Ignorable_Code_Point)."""
_BLANKS = re.compile(f"[{_BLANK}]")
_NOT_ASCII = re.compile(r"[^\n\x20-\x7e]")


def visible(text: str) -> str:
    """The same on one line: what must not be printed is written as `\\xNN`, `\\uNNNN` or `\\UNNNNNNNN`, and a backslash
    as two, so that escapes are told from text that looks like them."""
    if text.isprintable() and "\\" not in text and (text.isascii() or not _BLANKS.search(text)):
        return text
    return "".join(_shown(character) for character in text)


def printable(text: str) -> str:
    """Text of several lines, of ours with others' words in it. What must not be printed is escaped as by `visible`;
    backslashes stay, so that this is the last net and no substitute for it."""
    if text.isascii() and (text.isprintable() or text.replace("\n", "").isprintable()):
        return text
    return "".join(character if character in "\n\\" else _shown(character) for character in text)


def json_line(record: object) -> bytes:
    """The record as a line of JSON, with its newline. What must not be printed stands there as JSON's own `\\uNNNN`, so
    that a reader of the JSON gets it as it was; only lone surrogates, which UTF-8 has none for, become text."""
    try:
        line = orjson.dumps(record, default=str, option=orjson.OPT_UTC_Z)
    except orjson.JSONEncodeError:  # lone surrogates
        line = orjson.dumps(_escaped_surrogates(record), default=str, option=orjson.OPT_UTC_Z)
    if line.isascii() and b"\x7f" not in line:
        return line + b"\n"
    return json_text(line.decode()).encode() + b"\n"


def json_text(text: str) -> str:
    """JSON in which nothing that must not be printed stands as it is; line breaks between its parts may."""
    return _NOT_ASCII.sub(lambda found: _for_json(found[0]), text)


def _shown(character: str) -> str:
    if character == "\\":
        return "\\\\"
    if is_plain(character):
        return character
    number = ord(character)
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def is_plain(character: str) -> bool:
    """Whether a character may be printed as it stands."""
    return character.isprintable() and not _BLANKS.match(character)


def _for_json(character: str) -> str:
    if is_plain(character):
        return character
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at] << 8 | units[at + 1]:04x}" for at in range(0, len(units), 2))


def _escaped_surrogates(value: object) -> object:
    """The same, with lone surrogates written out, for JSON in UTF-8 has none."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {_escaped_surrogates(name): _escaped_surrogates(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_escaped_surrogates(inner) for inner in value]
    return value
