"""Messages as people type them: `35=D|167=CS`, whole or in part, with `|` or SOH between the fields."""

from __future__ import annotations

import shlex

from authzsvc.errors import FieldsError, ToolError
from authzsvc.fix import plain_forms
from authzsvc.fix.fields import SOH, Fields

MSG_TYPE = 35


def words(text: str) -> list[str]:
    """Give words that were typed with spaces between; one with a blank in it stands in `"`. Raises `ToolError`."""
    reader = shlex.shlex(text, posix=True)
    reader.whitespace_split, reader.quotes, reader.escape, reader.commenters = True, '"', "", ""
    try:
        return list(reader)
    except ValueError:
        raise ToolError(f'`{text}` has a `"` that nothing closes') from None


def moment(text: str) -> str:
    """Take a time in UTC as FIX writes it. Raises `ValueError`."""
    if plain_forms.timestamp(text.encode("utf-8", "replace")) is None:
        raise ValueError(f"`{text}` is no time in UTC; write it as `20260102-14:30:00`")
    return text


def read(message: str) -> tuple[str, Fields]:
    """Give the MsgType (35) and the fields of a message; the last separator may be missing.

    A blank at the end belongs to the last value. Raises `FieldsError`.
    """
    raw = message.lstrip().rstrip("\r\n").encode("utf-8", "surrogateescape")
    if SOH not in raw:
        raw = raw.replace(b"|", SOH)
    fields = Fields.parse(raw if raw.endswith(SOH) or not raw else raw + SOH)
    types = fields.all(MSG_TYPE)
    if len(types) != 1:
        problem = "has no MsgType" if not types else "has more than one MsgType"
        raise FieldsError(f"the message {problem}; say it once, as in `35=D|167=CS`")
    return types[0].decode("ascii", "replace"), fields
