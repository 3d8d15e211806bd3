"""`after`, `before`, `days` and `zone`: windows of time, in UTC or by the wall clock of a time zone.

A window is tested against a field that holds a moment in UTC, or against the gateway's own clock (`clock`). Bounds are
`HH:MM:SS` or `YYYYMMDD-HH:MM:SS`. Being whole seconds, they compare with the text of a moment, its fraction left out.
With a zone or with days, the moment must have a day; it is first put into the zone's wall-clock time (RFC 9557's zone
names, Python's `zoneinfo`). Where clocks are set back, an hour comes twice, and both times count.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from authzsvc.fix import plain_forms
from authzsvc.policy.claims import Claims
from authzsvc.policy.truth import DoubtError

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MAX_AHEAD_S = 86_400
"""How far `next_change` looks ahead, in seconds."""

_DAY = len("YYYYMMDD-")
_SECONDS = len("HH:MM:SS")
_MIDNIGHT = b"00:00:00"

Meaning = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class InTime:
    """The moment is not earlier than the one bound, earlier than the other, and on one of the days."""

    after: bytes | None
    before: bytes | None
    typed: bool = field(default=False, compare=False)
    """The field has a type of time, so that the value is one."""
    days: frozenset[int] = frozenset()
    """Days of the week, Monday is 0; none: any day."""
    zone: str = ""
    """The time zone whose wall clock counts; empty: UTC."""
    negative = False

    def passes(self, value: bytes, claims: Claims) -> bool:
        """Whether it is. Raises `DoubtError` for what is no UTC time, and where a day is needed and not told."""
        plain = value if self.typed else plain_forms.timestamp(value) or plain_forms.time(value)
        if plain is None:
            raise DoubtError("the value is no UTC time")
        if self.zone or self.days:
            return self._holds_at(self._local(_moment(plain)))
        day, clock = (plain[:_DAY], plain[_DAY:][:_SECONDS]) if b"-" in plain else (b"", plain[:_SECONDS])
        return self._within(day, clock)

    def next_change(self, now: float) -> float:
        """Give the Unix time until which the answer for the clock's time stays as it is at `now`; at most
        `MAX_AHEAD_S` from then."""
        start = int(now)
        today = self._local(datetime.fromtimestamp(start, UTC)).date()
        edges = (edge for ahead in (-1, 0, 1, 2) for edge in self._edges(today + timedelta(days=ahead)))
        end = min((edge for edge in edges if edge > now), default=start + MAX_AHEAD_S)
        return self._shift(start, min(end, start + MAX_AHEAD_S))

    def _edges(self, day: date) -> list[int]:
        """Give the Unix times at which the answer may change on a day."""
        bounds = [_MIDNIGHT, *(bound.rpartition(b"-")[2] for bound in (self.after, self.before) if bound is not None)]
        midnight = datetime.combine(day, time())
        parts = (map(int, bound.split(b":")) for bound in bounds)
        walls = [midnight + timedelta(hours=h, minutes=m, seconds=s) for h, m, s in parts]
        zone = UTC if not self.zone else ZoneInfo(self.zone)
        return [int(wall.replace(tzinfo=zone, fold=fold).timestamp()) for wall in walls for fold in (0, 1)]

    def _shift(self, start: int, end: int) -> int:
        """Give the moment between two at which the zone's clocks are set, or the later one."""
        before = self._offset(start)
        if self._offset(end) == before:
            return end
        while end - start > 1:
            middle = (start + end) // 2
            start, end = (middle, end) if self._offset(middle) == before else (start, middle)
        return end

    def _offset(self, unix: int) -> timedelta | None:
        return self._local(datetime.fromtimestamp(unix, UTC)).utcoffset()

    def _local(self, moment: datetime) -> datetime:
        if not self.zone:
            return moment
        try:
            return moment.astimezone(ZoneInfo(self.zone))
        except OverflowError:
            raise DoubtError("the value is out of the calendar in that zone") from None

    def _holds_at(self, local: datetime) -> bool:
        if self.days and local.weekday() not in self.days:
            return False
        return self._within(f"{local.year:04}{local:%m%d}-".encode(), f"{local:%H:%M:%S}".encode())

    def _within(self, day: bytes, clock: bytes) -> bool:
        started = self.after is None or _comparable(self.after, day, clock) >= self.after
        return started and (self.before is None or _comparable(self.before, day, clock) < self.before)

    @property
    def meaning(self) -> Meaning:
        """The bounds, and the days and the zone where there are any."""
        bounds = (self.after or b"").decode(), (self.before or b"").decode()
        if not self.days and not self.zone:
            return "time", *bounds
        return "window", *bounds, self.zone, *map(str, sorted(self.days))

    def __str__(self) -> str:
        since = f" not before {self.after.decode()}" if self.after else ""
        until = f" before {self.before.decode()}" if self.before else ""
        bounds = f"{since} and{until}" if since and until else since or until
        days = f" on {', '.join(WEEKDAYS[day] for day in sorted(self.days))}" if self.days else ""
        return f"{bounds}{days}" + (f" in {self.zone}" if self.zone else "")


def _comparable(bound: bytes, day: bytes, clock: bytes) -> bytes:
    """As much of a value as its bound has."""
    if b"-" not in bound:
        return clock
    if not day:
        raise DoubtError("the value tells no day")
    return day + clock


def _moment(plain: bytes) -> datetime:
    """Read the plain form of a moment, its fraction left out. Raises `DoubtError` for one without a day."""
    if b"-" not in plain:
        raise DoubtError("the value tells no day")
    hour, minute, second = map(int, plain[_DAY:][:_SECONDS].split(b":"))
    return datetime(int(plain[:4]), int(plain[4:6]), int(plain[6:8]), hour, minute, second, tzinfo=UTC)
