"""The plain form of a value: the one way to write it that every FIX engine reads alike.

Each function takes the bytes of a value and returns its plain form, which is the same for all ways to write the same
value. It returns None for a *doubt*: bytes that are no value of the type, or that two engines may read differently.

Which values are a doubt follows from what engines do. QuickFIX reads `013` as 13 and `-0` as 0, and 31 February as 3
March. It refuses whole numbers of more than 32 bits; other engines keep only the lower 32 bits. Engines hold decimal
numbers in floating point, where `0.30000000000000001` and `0.3` are the same. `tests/differential` compares these
functions with QuickFIX's own.
"""

from __future__ import annotations

import re
from datetime import MINYEAR, date, datetime, timedelta
from decimal import Decimal

INT_BITS = 32
"""The bits in which engines hold an INT. QuickFIX refuses a longer one; others keep only the lower bits."""

_WHOLE = re.compile(rb"0|-?[1-9][0-9]{0,18}")
_DECIMAL = re.compile(rb"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?")
_DECIMAL_LENGTH = 32
_EXACT_DIGITS = 15
"""Any two different decimal numbers of up to this many digits also differ in floating point."""
_ZERO = ord("0")

_TIME_SHAPE = rb"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
_FRACTION_SHAPE = rb"(?:\.(?:[0-9]{3}){1,3})?"
_ZONE_SHAPE = rb"(Z|[+-](?:0[0-9]|1[0-4])(?::[0-5][0-9])?)"
_TIME = re.compile(_TIME_SHAPE + _FRACTION_SHAPE)
_WHOLE_SECONDS = re.compile(_TIME_SHAPE)
_TIMESTAMP = re.compile(rb"([0-9]{8})-" + _TIME_SHAPE + _FRACTION_SHAPE)
_DATE = re.compile(rb"[0-9]{8}")
_MONTH = re.compile(rb"([0-9]{4}(?:0[1-9]|1[0-2]))(?:w[1-5])?")
_ZONED = re.compile(
    rb"(?:([0-9]{8})-)?((?:[01][0-9]|2[0-3]):[0-5][0-9])(?::([0-5][0-9]))?(" + _FRACTION_SHAPE + rb")" + _ZONE_SHAPE
)
_ANY_DAY = datetime(2000, 1, 2)


def text(raw: bytes) -> bytes:
    """Return the text unchanged: every text is its own plain form."""
    return raw


def character(raw: bytes) -> bytes | None:
    """Return one visible character of ASCII."""
    return raw if len(raw) == 1 and 0x21 <= raw[0] <= 0x7E else None


def visible(raw: bytes) -> bytes | None:
    """Return a word of visible characters of ASCII."""
    return raw if raw and all(0x21 <= byte <= 0x7E for byte in raw) else None


def boolean(raw: bytes) -> bytes | None:
    """Return `Y` or `N`."""
    return raw if raw in (b"Y", b"N") else None


def integer(raw: bytes) -> bytes | None:
    """Return a whole number of 32 bits, without leading zeros; there is no `-0`."""
    return _whole(raw, -(1 << (INT_BITS - 1)), (1 << (INT_BITS - 1)) - 1)


def count(raw: bytes) -> bytes | None:
    """Return a whole number of 32 bits that is not negative."""
    return _whole(raw, 0, (1 << (INT_BITS - 1)) - 1)


def day_of_month(raw: bytes) -> bytes | None:
    """Return a whole number from 1 to 31."""
    return _whole(raw, 1, 31)


def sequence_number(raw: bytes) -> bytes | None:
    """Return a whole number of 64 bits that is not negative."""
    return _whole(raw, 0, (1 << 63) - 1)


def decimal(raw: bytes) -> bytes | None:
    """Return a decimal number without needless zeros: `100.0` is `100`. There is no `+`, no exponent and no `-0`."""
    if raw.isdigit() and len(raw) <= _EXACT_DIGITS and raw[0] != _ZERO:
        return raw
    if len(raw) > _DECIMAL_LENGTH or not _DECIMAL.fullmatch(raw):
        return None
    plain = raw.rstrip(b"0").rstrip(b".") if b"." in raw else raw
    return plain if plain != b"-0" and _exact(plain) else None


def timestamp(raw: bytes) -> bytes | None:
    """Return `YYYYMMDD-HH:MM:SS`, with a fraction of 3, 6 or 9 digits where it is not zero."""
    found = _TIMESTAMP.fullmatch(raw)
    return _without_zeros(raw) if found and day(found[1]) else None


def time(raw: bytes) -> bytes | None:
    """Return `HH:MM:SS`, with a fraction of 3, 6 or 9 digits where it is not zero."""
    return _without_zeros(raw) if _TIME.fullmatch(raw) else None


def local_time(raw: bytes) -> bytes | None:
    """Return `HH:MM:SS`."""
    return raw if _WHOLE_SECONDS.fullmatch(raw) else None


def day(raw: bytes) -> bytes | None:
    """Return `YYYYMMDD`, if the calendar has that day."""
    if not _DATE.fullmatch(raw):
        return None
    try:
        date(int(raw[:4]), int(raw[4:6]), int(raw[6:]))
    except ValueError:
        return None
    return raw


def month(raw: bytes) -> bytes | None:
    """Return `YYYYMM`, `YYYYMMDD` or `YYYYMMwN`, the week of the month."""
    return raw if _MONTH.fullmatch(raw) and int(raw[:4]) >= MINYEAR else day(raw)


def zoned_timestamp(raw: bytes) -> bytes | None:
    """Return a moment that names its time zone, in UTC: `20260102-07:39:00Z`."""
    return _in_utc(raw, dated=True)


def zoned_time(raw: bytes) -> bytes | None:
    """Return a time of day that names its time zone, in UTC: `07:39:00Z`."""
    return _in_utc(raw, dated=False)


def _whole(raw: bytes, least: int, most: int) -> bytes | None:
    return raw if _WHOLE.fullmatch(raw) and least <= int(raw) <= most else None


def _exact(plain: bytes) -> bool:
    """Whether no other decimal number has the same floating-point value."""
    return len(plain) <= _EXACT_DIGITS or Decimal(plain.decode()) == Decimal(repr(float(plain)))


def _without_zeros(raw: bytes) -> bytes:
    """Return a time with the fewest digits in its fraction that FIX has: 0, 3, 6 or 9. It is its own plain form."""
    whole, _, fraction = raw.partition(b".")
    while fraction.endswith(b"000"):
        fraction = fraction[:-3]
    return whole + b"." + fraction if fraction else whole


def _in_utc(raw: bytes, *, dated: bool) -> bytes | None:
    found = _ZONED.fullmatch(raw)
    if found is None or (found[1] is not None) is not dated or (found[4] and not found[3]):
        return None
    if dated and not day(found[1]):
        return None
    clock = f"{found[2].decode()}:{(found[3] or b'00').decode()}"
    start = datetime.strptime(f"{found[1].decode()}-{clock}", "%Y%m%d-%H:%M:%S") if dated else _today(clock)
    try:
        moment = start - _offset(found[5].decode())
    except OverflowError:
        return None
    told = f"{moment.year:04}{moment:%m%d-%H:%M:%S}" if dated else f"{moment:%H:%M:%S}"
    return _without_zeros(told.encode() + found[4]) + b"Z"


def _today(clock: str) -> datetime:
    hour, minute, second = map(int, clock.split(":"))
    return _ANY_DAY.replace(hour=hour, minute=minute, second=second)


def _offset(zone: str) -> timedelta:
    """Return by how much a time zone is ahead of UTC."""
    if zone == "Z":
        return timedelta()
    hours, _, minutes = zone[1:].partition(":")
    ahead = timedelta(hours=int(hours), minutes=int(minutes or 0))
    return -ahead if zone[0] == "-" else ahead
