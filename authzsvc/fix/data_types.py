"""FIX data types: how the values of a tag are compared.

A `DataType` reads a value into its items, each in its plain form (`plain_forms`). A value has one item, or several if
its type holds several codes with blanks between them, as ExecInst does. Equal items are equal bytes. A value that
engines may read differently is a doubt, and has no items.

`of` returns the data type for a type name of a FIX dictionary. Comments say what was decided where FIX versions name
the same type differently.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from authzsvc.fix import plain_forms

Items = tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class DataType:
    """How values are read and compared. Data types with equal names are equal."""

    name: str
    words: str = field(compare=False)
    """What a value of this type is, in words."""
    plain: Callable[[bytes], bytes | None] = field(compare=False, repr=False)
    """Returns an item's plain form, or None for a doubt."""
    several: bool = field(default=False, compare=False)
    """Whether a value holds several items, with one blank between two of them."""
    rewrites: bool = field(default=False, compare=False)
    """Whether the plain form may differ from the bytes that were sent."""

    def read(self, raw: bytes) -> Items | None:
        """Return the items of a value, or None for a doubt."""
        if not self.several:
            item = self.plain(raw)
            return None if item is None else (item,)
        items = tuple(map(self.plain, raw.split(b" ")))
        return None if None in items else tuple(item for item in items if item is not None)


TEXT = DataType("text", "text", plain_forms.text)
CHARACTER = DataType("character", "one character", plain_forms.character)
BOOLEAN = DataType("boolean", "`Y` or `N`", plain_forms.boolean)
CHARACTERS = DataType("characters", "codes of one character, with one blank between", plain_forms.character, True)
WORDS = DataType("words", "codes with one blank between", plain_forms.visible, True)
INTEGER = DataType("integer", "a whole number of 32 bits in its plain form, as `5` or `-1`", plain_forms.integer)
COUNT = DataType("count", "a whole number of 32 bits in its plain form, as `5`", plain_forms.count)
DAY_OF_MONTH = DataType("day of month", "a day of the month, as `5`", plain_forms.day_of_month)
SEQUENCE_NUMBER = DataType("sequence number", "a whole number in its plain form, as `5`", plain_forms.sequence_number)
DECIMAL = DataType(
    "decimal", "a number in its plain form, as `100`, `100.0` or `-0.5`", plain_forms.decimal, rewrites=True
)
TIMESTAMP = DataType(
    "timestamp", "a moment in UTC, as `20260102-08:00:00` or with `.000`", plain_forms.timestamp, rewrites=True
)
TIME = DataType("time", "a time of day, as `08:00:00` or with `.000`", plain_forms.time, rewrites=True)
LOCAL_TIME = DataType("local time", "a time of day, as `08:00:00`", plain_forms.local_time)
DATE = DataType("date", "a day, as `20260102`", plain_forms.day)
MONTH = DataType("month", "a month, as `202601`, `20260102` or `202601w2`", plain_forms.month)
ZONED_TIMESTAMP = DataType(
    "zoned timestamp", "a moment with its zone, as `20260102-07:39Z`", plain_forms.zoned_timestamp, rewrites=True
)
ZONED_TIME = DataType(
    "zoned time", "a time of day with its zone, as `07:39Z` or `02:39-05`", plain_forms.zoned_time, rewrites=True
)

NUMBERS = frozenset((INTEGER, COUNT, DAY_OF_MONTH, SEQUENCE_NUMBER, DECIMAL))
"""Types that `min` and `max` compare."""
MOMENTS = frozenset((TIMESTAMP, TIME))
"""Types that `after` and `before` compare."""

BY_NAME: Mapping[str, DataType] = {
    **dict.fromkeys(("STRING", "CURRENCY", "EXCHANGE", "COUNTRY", "LANGUAGE", "XID", "XIDREF"), TEXT),
    **dict.fromkeys(("DATA", "XMLDATA", "PATTERN", "TENOR"), TEXT),
    "CHAR": CHARACTER,
    "BOOLEAN": BOOLEAN,
    "MULTIPLECHARVALUE": CHARACTERS,
    **dict.fromkeys(("MULTIPLESTRINGVALUE", "MULTIPLEVALUESTRING"), WORDS),
    "INT": INTEGER,
    **dict.fromkeys(("LENGTH", "NUMINGROUP", "TAGNUM"), COUNT),
    "DAYOFMONTH": DAY_OF_MONTH,
    "SEQNUM": SEQUENCE_NUMBER,
    **dict.fromkeys(("FLOAT", "QTY", "PRICE", "PRICEOFFSET", "AMT", "PERCENTAGE"), DECIMAL),
    **dict.fromkeys(("UTCTIMESTAMP", "TIME"), TIMESTAMP),  # FIX 4.0 and 4.1 call a timestamp TIME
    "UTCTIMEONLY": TIME,
    "LOCALMKTTIME": LOCAL_TIME,
    **dict.fromkeys(("UTCDATEONLY", "UTCDATE", "LOCALMKTDATE", "DATE"), DATE),
    "MONTHYEAR": MONTH,
    "TZTIMESTAMP": ZONED_TIMESTAMP,
    "TZTIMEONLY": ZONED_TIME,
}
"""The data type for each type name of a FIX dictionary."""

ONE_CHARACTER_EACH = frozenset((18, 286, 291, 292, 529, 546))
"""Tags of FIX 4.2 to 4.4's MULTIPLEVALUESTRING whose codes have one character, which 5.0 calls MULTIPLECHARVALUE."""


def of(tag: int, name: str | None) -> DataType:
    """Return the data type of a tag whose dictionary names the type `name`; text if it names none."""
    if name == "MULTIPLEVALUESTRING" and tag in ONE_CHARACTER_EACH:
        return CHARACTERS
    return BY_NAME.get(name or "STRING", TEXT)
