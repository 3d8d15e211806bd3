"""Guessing at credentials: failed logons counted, and whoever fails too often locked out for a while.

Failures count against the CompID at its address, against the address, and against the CompID wherever it comes from.
Each has its limit within a sliding window; at the limit it is locked, the next time for twice as long. Pure: the time
is handed in (monotonic seconds).

A stranger must not be able to lock a client out, nor to free himself by flooding the memory:

- A CompID at an address from which it logged on well lately is judged by its own failures there alone.
- A success takes no failure back: who owns one good account would else guess for ever between two logons of his own.
- No record is evicted while it matters. When a table is full of such, newcomers share a fixed number of records:
  some are then locked out for what others did (unless they are known), and none goes free.
- An IPv6 client owns a network, not an address: the /64 counts (RFC 6177, 2).

Invariants: memory is bounded, whatever is sent; CompIDs are kept as keyed digests, of fixed size; a lock only ends by
time.
"""

from __future__ import annotations

import hashlib
import ipaddress
import os
from collections import OrderedDict
from dataclasses import dataclass, field

TOO_MANY = "too many failed logons"
LOCKED = 6
"""SessionStatus (1409): account locked."""

_SHARED = 4_096
"""Records that newcomers share when a table is full."""
_LOOKED_AT = 4
"""Old records looked at for each failure: more than one, so that they go faster than new ones come."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How many failures are too many, and what follows. Times are in seconds."""

    attempts: int = 5
    """Of a CompID at one address."""
    address_attempts: int = 20
    """Of an address, under whatever CompIDs."""
    comp_id_attempts: int = 50
    """Of a CompID, from whatever addresses."""
    window_s: float = 300.0
    """How long a failure counts."""
    lock_s: float = 60.0
    """The first lock; each further one is twice as long."""
    longest_lock_s: float = 3_600.0
    """No lock is longer. So long after a lock has ended, the next one is short again."""
    known_s: float = 7 * 86_400.0
    """How long a good logon makes a CompID known at an address."""
    capacity: int = 20_000
    """Records of each kind."""


@dataclass(slots=True)
class _Record:
    """The failures under one key."""

    times: list[float] = field(default_factory=list)
    """Of those within the window since the last lock, the oldest first; fewer than the limit."""
    locked_until: float = 0.0
    locks: int = 0
    """How many there were in a row."""


class _Table:
    """Failures by key, with one limit."""

    def __init__(self, limit: int, limits: Limits) -> None:
        self._limit = limit
        self._limits = limits
        self._records: OrderedDict[bytes, _Record] = OrderedDict()
        self._shared: OrderedDict[bytes, _Record] = OrderedDict()

    def __len__(self) -> int:
        return len(self._records) + len(self._shared)

    def locked(self, key: bytes, now: float) -> float:
        """Seconds left of the lock; 0 without one. A record that is shared counts for all its keys."""
        records = (self._records.get(key), self._shared.get(_share(key)))
        return max((record.locked_until - now for record in records if record is not None), default=0.0)

    def failed(self, key: bytes, now: float) -> None:
        """Count one failure; failures that were under way when the lock fell count towards the next one."""
        self._drop_stale(now)
        record = self._record(key)
        if record.locks and now >= record.locked_until + self._limits.longest_lock_s:
            record.locks = 0
        record.times = [time for time in record.times if time > now - self._limits.window_s]
        record.times.append(now)
        if len(record.times) >= self._limit:
            record.times.clear()
            record.locked_until = max(record.locked_until, now + self._lock_s(record.locks))
            record.locks += 1

    def _lock_s(self, locks: int) -> float:
        return min(self._limits.longest_lock_s, self._limits.lock_s * 2.0 ** min(locks, 64))

    def _record(self, key: bytes) -> _Record:
        record = self._records.get(key)
        if record is None and len(self._records) >= self._limits.capacity:
            return self._shared.setdefault(_share(key), _Record())
        if record is None:
            record = self._records[key] = _Record()
        return record

    def _drop_stale(self, now: float) -> None:
        """Look at the records in turn, a few each time, and drop those that no longer matter."""
        for records in (self._records, self._shared):
            for _ in range(min(_LOOKED_AT, len(records))):
                key, record = records.popitem(last=False)
                if not self._is_stale(record, now):
                    records[key] = record

    def _is_stale(self, record: _Record, now: float) -> bool:
        counts = bool(record.times) and record.times[-1] > now - self._limits.window_s
        return not counts and (not record.locks or now >= record.locked_until + self._limits.longest_lock_s)


class Guessing:
    """Who has failed to log on too often."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._key = os.urandom(32)  # nobody outside can tell which keys share a record
        self._pairs = _Table(limits.attempts, limits)
        self._known_pairs = _Table(limits.attempts, limits)
        self._addresses = _Table(limits.address_attempts, limits)
        self._comp_ids = _Table(limits.comp_id_attempts, limits)
        self._known: OrderedDict[bytes, float] = OrderedDict()

    def __len__(self) -> int:
        """Records held, of every kind."""
        tables = (self._pairs, self._known_pairs, self._addresses, self._comp_ids)
        return sum(len(table) for table in tables) + len(self._known)

    def locked(self, comp_id: str, address: str, now: float) -> float:
        """Seconds for which logons of that CompID from there are refused; 0 when they are not."""
        pair, place, name = self._keys(comp_id, address)
        left = self._known_pairs.locked(pair, now)
        if not self._is_known(pair, now):
            tables = ((self._pairs, pair), (self._addresses, place), (self._comp_ids, name))
            left = max(left, *(table.locked(key, now) for table, key in tables))
        return max(0.0, left)

    def failed(self, comp_id: str, address: str, now: float, *, once_more: bool = False) -> None:
        """Count a logon whose credentials were not good (not one that an outage or a lock refused); `once_more`: under
        another of its names, so that its address has counted it already."""
        pair, place, name = self._keys(comp_id, address)
        (self._known_pairs if self._is_known(pair, now) else self._pairs).failed(pair, now)
        if not once_more:
            self._addresses.failed(place, now)
        self._comp_ids.failed(name, now)

    def succeeded(self, comp_id: str, address: str, now: float) -> None:
        """Remember that the CompID logged on well from there: only a holder of good credentials can make this grow."""
        pair, _, _ = self._keys(comp_id, address)
        self._known[pair] = now
        self._known.move_to_end(pair)
        while len(self._known) > self._limits.capacity:
            self._known.popitem(last=False)

    def _is_known(self, pair: bytes, now: float) -> bool:
        return self._known.get(pair, -float("inf")) > now - self._limits.known_s

    def _keys(self, comp_id: str, address: str) -> tuple[bytes, bytes, bytes]:
        place = network(address)
        return self._digest("pair", comp_id, place), self._digest("address", place), self._digest("comp id", comp_id)

    def _digest(self, *parts: str) -> bytes:
        text = "".join(f"{len(part)}:{part}" for part in parts)
        return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), key=self._key, digest_size=16).digest()


def network(address: str) -> str:
    """What an address counts as: an IPv4 address itself, an IPv6 address its /64; anything else as it stands."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    mapped = parsed.ipv4_mapped
    return str(mapped) if mapped else str(ipaddress.ip_network((parsed, 64), strict=False))


def _share(key: bytes) -> bytes:
    return (int.from_bytes(key[:4], "big") % _SHARED).to_bytes(2, "big")
