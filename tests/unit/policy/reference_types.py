"""The reference's own idea of FIX data types: plain, slow, and with no code of `authzsvc`.

A value becomes a list of items, or None where engines may read it differently. An item has a key, which is equal for
equal values and is a number, a moment or text, and the text that `prefix` and `matches` look at.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

TEXTS = {"STRING", "CURRENCY", "EXCHANGE", "COUNTRY", "LANGUAGE", "DATA", "XMLDATA", "XID", "XIDREF"}
WHOLE = {
    "INT": (-(2**31), 2**31 - 1),
    "LENGTH": (0, 2**31 - 1),
    "NUMINGROUP": (0, 2**31 - 1),
    "TAGNUM": (0, 2**31 - 1),
    "DAYOFMONTH": (1, 31),
    "SEQNUM": (0, 2**63 - 1),
}
DECIMALS = {"FLOAT", "QTY", "PRICE", "PRICEOFFSET", "AMT", "PERCENTAGE"}
TIMESTAMPS = {"UTCTIMESTAMP", "TIME"}
DAYS = {"LOCALMKTDATE", "UTCDATEONLY", "UTCDATE", "DATE"}
LETTERS = {18, 286, 291, 292, 529, 546}


@dataclass(frozen=True)
class Item:
    """One value that can be compared."""

    key: Any
    text: str


def is_text(type_: str | None) -> bool:
    """Whether values are compared byte by byte."""
    return type_ is None or type_ in TEXTS


def read(type_: str | None, tag: int, raw: bytes) -> list[Item] | None:
    """The items of a value; None where it is in doubt."""
    if is_text(type_):
        return [Item(raw, raw.decode("latin-1"))]
    text = raw.decode("latin-1")
    if any(not "!" <= char <= "~" for char in text.replace(" ", "")) or not text:
        return None
    if type_ in ("MULTIPLECHARVALUE", "MULTIPLESTRINGVALUE", "MULTIPLEVALUESTRING"):
        parts = text.split(" ")
        single = type_ == "MULTIPLECHARVALUE" or (type_ == "MULTIPLEVALUESTRING" and tag in LETTERS)
        if "" in parts or (single and max(map(len, parts)) > 1):
            return None
        return [Item(part.encode(), part) for part in parts]
    item = _one(type_ or "", text)
    return None if item is None else [item]


def _one(type_: str, text: str) -> Item | None:
    if type_ == "CHAR":
        return Item(text.encode(), text) if len(text) == 1 and text != " " else None
    if type_ == "BOOLEAN":
        return Item(text.encode(), text) if text in {"Y", "N"} else None
    if type_ in WHOLE:
        return _whole(text, *WHOLE[type_])
    if type_ in DECIMALS:
        return decimal(text)
    if type_ in TIMESTAMPS:
        return timestamp(text)
    if type_ == "UTCTIMEONLY":
        return time_of_day(text)
    return _calendar(type_, text)


def _calendar(type_: str, text: str) -> Item | None:
    if type_ in DAYS:
        return _day(text)
    if type_ == "MONTHYEAR":
        return _month(text)
    if type_ == "LOCALMKTTIME":
        return time_of_day(text) if len(text) == len("HH:MM:SS") else None
    return _zoned(text, dated=type_ == "TZTIMESTAMP")


def _whole(text: str, least: int, most: int) -> Item | None:
    try:
        number = int(text)
    except ValueError:
        return None
    return Item(number, text) if str(number) == text and least <= number <= most else None


def decimal(text: str) -> Item | None:
    """A number that is told apart from all others in floating point."""
    sign, digits = ("-", text[1:]) if text.startswith("-") else ("", text)
    whole, point, fraction = digits.partition(".")
    digits_only = set(whole + fraction) <= set("0123456789")
    if not digits_only or not whole or bool(point) != bool(fraction) or len(text) > 32:
        return None
    if whole != "0" and whole.startswith("0"):
        return None
    number = Fraction(text)
    if (sign and number == 0) or not _told_apart(text, number):
        return None
    fraction = fraction.rstrip("0")
    return Item(number, sign + whole + ("." + fraction if fraction else ""))


def _told_apart(text: str, number: Fraction) -> bool:
    """Whether this is the shortest number that has its floating point."""
    floating = float(text)
    shortest = next(found for digits in range(18) if float(found := f"{floating:.{digits}e}") == floating)
    return Fraction(shortest) == number


def timestamp(text: str) -> Item | None:
    """A moment in UTC."""
    day, dash, clock = text.partition("-")
    date, time = _day(day), time_of_day(clock)
    if not dash or date is None or time is None:
        return None
    return Item((date.key, time.key), f"{day}-{time.text}")


def time_of_day(text: str) -> Item | None:
    """Seconds since midnight."""
    clock, point, fraction = text.partition(".")
    if point and (len(fraction) not in (3, 6, 9) or not fraction.isdigit()):
        return None
    parsed = _parsed(clock, "%H:%M:%S", 8)
    if parsed is None:
        return None
    seconds = parsed.hour * 3600 + parsed.minute * 60 + parsed.second + Fraction(f"0.{fraction or 0}")
    rest = fraction.rstrip("0")
    return Item(seconds, clock + ("." + rest if rest else ""))


def _parsed(text: str, form: str, length: int) -> datetime | None:
    if len(text) != length or not text.isascii() or " " in text:
        return None
    try:
        return datetime.strptime(text, form).replace(tzinfo=UTC)
    except ValueError:
        return None


def _day(text: str) -> Item | None:
    return Item(text, text) if text.isdigit() and _parsed(text, "%Y%m%d", 8) else None


def _month(text: str) -> Item | None:
    in_month = text[:6] if len(text) == 6 or (len(text) == 8 and text[6] == "w" and text[7] in "12345") else ""
    if in_month.isdigit() and _parsed(in_month, "%Y%m", 6):
        return Item(text, text)
    return _day(text)


def _zoned(text: str, *, dated: bool) -> Item | None:
    day, _, rest = text.partition("-") if dated else ("20000102", "", text)
    at = next((index for index, char in enumerate(rest) if char in "Z+-"), None)
    if at is None or _day(day) is None:
        return None
    clock, zone = rest[:at], rest[at:]
    time = time_of_day(clock if len(clock) != 5 else clock + ":00")
    ahead = _ahead(zone)
    if time is None or ahead is None or (len(clock) == 5 and clock.count(":") != 1):
        return None
    start = datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC)
    try:
        minute = start + timedelta(seconds=int(time.key)) - ahead
    except OverflowError:
        return None
    fraction = time.text.partition(".")[2]
    shown = ("%Y%m%d-" if dated else "") + "%H:%M:%S"
    told = minute.strftime(shown) + ("." + fraction if fraction else "") + "Z"
    return Item(told, told)


def _two_digits(part: str) -> bool:
    return len(part) == 2 and part.isdigit()


def _ahead(zone: str) -> timedelta | None:
    if zone == "Z":
        return timedelta()
    hours, colon, minutes = zone[1:].partition(":")
    if not _two_digits(hours) or int(hours) > 14 or (colon and not (_two_digits(minutes) and int(minutes) < 60)):
        return None
    return (1 if zone[0] == "+" else -1) * timedelta(hours=int(hours), minutes=int(minutes or 0))
