"""Texts as YAML writes them, to be read back as they were: plain where that is safe, else in double quotes."""

from __future__ import annotations

import re
from collections.abc import Iterable

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*(?::[A-Za-z0-9_.-]+)*")
_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,17}")
_WORDS = frozenset(("null", "true", "false", "yes", "no", "on", "off", "y", "n"))
"""What some reader of YAML takes for something else than text."""


def scalar(text: str) -> str:
    """Returns a text as a scalar of YAML. Whole numbers stay plain: mappings read them as the text that they are."""
    safe = _INTEGER.fullmatch(text) or (_PLAIN.fullmatch(text) and text.lower() not in _WORDS)
    return text if safe else quoted(text)


def quoted(text: str) -> str:
    """Returns a text in double quotes."""
    return f'"{"".join(map(_escaped, text))}"'


def flow_list(scalars: Iterable[str]) -> str:
    """Returns a list of scalars, each written already, on one line."""
    return f"[{', '.join(scalars)}]"


def comment(text: str) -> str:
    """Returns a text that may stand behind a `#`: on one line, without what must not be printed."""
    return "".join(char if char.isprintable() else " " for char in text)


def _escaped(char: str) -> str:
    if char in '"\\':
        return f"\\{char}"
    if char.isprintable() and ord(char) < 0x10000:
        return char
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
