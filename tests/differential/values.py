"""QuickFIX's reading of one value: what its converters make of it, or None where they refuse it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from tests.differential.readings import quickfix

TAG = 5_000
_NANOSECONDS = 9

Reading = object
"""A number, a character, a flag or a moment, as Python compares it; None for a value that is refused."""


class Converters:
    """The converters, each under the name that our data type has."""

    def __init__(self) -> None:
        self._engine = quickfix()
        self._readers: dict[str, Callable[[str], Reading]] = {
            "integer": self._field("IntField"),
            "count": self._field("IntField"),
            "day of month": self._field("IntField"),
            "sequence number": self._field("UInt64Field"),
            "decimal": self._field("DoubleField"),
            "character": self._field("CharField"),
            "boolean": self._field("BoolField"),
            "timestamp": self._field("UtcTimeStampField", _moment),
            "time": self._field("UtcTimeOnlyField", _clock),
            "date": self._field("UtcDateField", _day),
        }

    @property
    def types(self) -> list[str]:
        """The data types that it has a converter for."""
        return sorted(self._readers)

    def read(self, type_: str, value: bytes) -> Reading:
        """What it reads; its binding takes UTF-8 only, and other bytes count as refused."""
        try:
            text = value.decode()
        except UnicodeDecodeError:
            return None
        return self._readers[type_](text)

    def _field(self, name: str, convert: Callable[[Any], Reading] = lambda value: value) -> Callable[[str], Reading]:
        def read(text: str) -> Reading:
            message, field = self._engine.Message(), getattr(self._engine, name)(TAG)
            message.setField(self._engine.StringField(TAG, text))
            try:
                message.getField(field)
                return convert(field.getValue())
            except (self._engine.FieldConvertError, self._engine.IncorrectDataFormat):
                return None

        return read


def _day(value: Any) -> Reading:  # noqa: ANN401 (the binding has no types)
    return value.getYear(), value.getMonth(), value.getDay()


def _clock(value: Any) -> Reading:  # noqa: ANN401
    return value.getHour(), value.getMinute(), value.getSecond(), value.getFraction(_NANOSECONDS)


def _moment(value: Any) -> Reading:  # noqa: ANN401
    return _day(value), _clock(value)


def ours(type_: str, plain: bytes) -> Reading:
    """What a value in its plain form is, as the converters would tell it."""
    text = plain.decode()
    if type_ in ("integer", "count", "day of month", "sequence number"):
        return int(text)
    if type_ == "decimal":
        return float(text)
    if type_ == "boolean":
        return text == "Y"
    if type_ == "date":
        return _calendar(text)
    if type_ == "time":
        return _of_day(text)
    if type_ == "timestamp":
        day, _, clock = text.partition("-")
        return _calendar(day), _of_day(clock)
    return text


def _calendar(text: str) -> Reading:
    day = date(int(text[:4]), int(text[4:6]), int(text[6:]))
    return day.year, day.month, day.day


def _of_day(text: str) -> Reading:
    clock, _, fraction = text.partition(".")
    told = datetime.strptime(clock, "%H:%M:%S")
    return told.hour, told.minute, told.second, int(fraction.ljust(_NANOSECONDS, "0"))
