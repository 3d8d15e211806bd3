"""How long an answer stays fresh, by its headers (RFC 9111, 4.2). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from authzsvc.tokens.http import Answer


def fresh_for_s(answer: Answer) -> float | None:
    """How many seconds an answer stays fresh (RFC 9111, 4.2.1): `max-age` before `Expires`, less its `Age`; None where
    its headers do not say or cannot be read."""
    directives = _directives(answer.headers.get("cache-control", ""))
    if "no-store" in directives or "no-cache" in directives:
        return 0.0
    lifetime = _seconds(directives["max-age"]) if "max-age" in directives else _until_expiry(answer.headers)
    return None if lifetime is None else max(0.0, lifetime - (_seconds(answer.headers.get("age", "")) or 0.0))


def _directives(header: str) -> Mapping[str, str]:
    parts = (part.partition("=") for part in header.split(","))
    return {name.strip().lower(): value.strip().strip('"') for name, _, value in parts}


def _seconds(text: str) -> float | None:
    """A delta-seconds (RFC 9111, 1.2.2); a greater one than 2^31 counts as that."""
    return min(float(text), 2.0**31) if text.isascii() and text.isdigit() else None


def _until_expiry(headers: Mapping[str, str]) -> float | None:
    """`Expires` against the server's own `Date`, so that no other clock matters."""
    if "expires" not in headers or "date" not in headers:
        return None
    try:
        span = parsedate_to_datetime(headers["expires"]) - parsedate_to_datetime(headers["date"])
    except (ValueError, TypeError, OverflowError):  # `Expires: 0` is in the past
        return 0.0
    return span.total_seconds()
