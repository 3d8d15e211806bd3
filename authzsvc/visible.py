"""`visible` escapes others' text for a terminal; `json_line` writes a record for a log.

Counterparties choose many of the texts that this package prints: FIX fields, claims, names in certificates, texts of
authorization servers. Such a text must not steer a terminal, be invisible, or appear in another order than it has. So
every character that Unicode does not call printable is escaped: control characters (C0, DEL, C1), format characters
(bidi overrides, isolates and marks, zero-width ones), line and paragraph separators, lone surrogates, and unassigned
characters. Letters and marks that show nothing are escaped too.

Invariants: nothing that these functions return has such a character; `visible` gives two different texts two different
forms.
"""

from __future__ import annotations

import re

import orjson

_BLANK = "\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef"
"""Characters that Unicode calls printable but that no font shows (Default_Ignorable_Code_Point)."""
_BLANKS = re.compile(f"[{_BLANK}]")
_NOT_ASCII = re.compile(r"[^\n\x20-\x7e]")


def visible(text: str) -> str:
    """Returns the text on one line: a character that must not be printed becomes `\\xNN`, `\\uNNNN` or `\\UNNNNNNNN`,
    and a backslash becomes two, so that an escape differs from text that looks like one."""
    if text.isprintable() and "\\" not in text and (text.isascii() or not _BLANKS.search(text)):
        return text
    return "".join(_shown(character) for character in text)


def printable(text: str) -> str:
    """Returns text of several lines, in which others' words have already passed `visible`. Characters that must not be
    printed are escaped once more, in case some did not pass it; backslashes stay as they are."""
    if text.isascii() and (text.isprintable() or text.replace("\n", "").isprintable()):
        return text
    return "".join(character if character in "\n\\" else _shown(character) for character in text)


def json_line(record: object) -> bytes:
    """Returns the record as a line of JSON, with its newline. A character that must not be printed becomes JSON's own
    `\\uNNNN`, so a reader of the JSON gets it back. Only lone surrogates, which UTF-8 cannot hold, become plain
    text."""
    try:
        line = orjson.dumps(record, default=str, option=orjson.OPT_UTC_Z)
    except orjson.JSONEncodeError:  # lone surrogates
        line = orjson.dumps(_escaped_surrogates(record), default=str, option=orjson.OPT_UTC_Z)
    if line.isascii() and b"\x7f" not in line:
        return line + b"\n"
    return json_text(line.decode()).encode() + b"\n"


def json_text(text: str) -> str:
    """Returns JSON with every character escaped that must not be printed. Line breaks between its parts stay."""
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
    """Returns the value with lone surrogates as plain text, because JSON in UTF-8 cannot hold them."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {_escaped_surrogates(name): _escaped_surrogates(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_escaped_surrogates(inner) for inner in value]
    return value
