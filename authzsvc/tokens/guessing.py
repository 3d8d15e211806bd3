"""Login throttling: counts failed logons, and locks out for a while whoever fails too often.

A failure counts against the CompID at its address, against the address, and against the CompID from any address. Each
of the three has a limit within a sliding window. At the limit it is locked, and each further lock is twice as long.
Pure: the time is an argument (monotonic seconds).

Lock-outs are about credentials for which an authorization server must be asked, above all a client's secret. A token
whose signature is verified here cannot be guessed, and a good one is never refused because of others' failures
(`server.attempts`).

A stranger must not be able to lock a client out, or to escape the limits by filling the memory:

- If a CompID has lately logged on from an address, only its own failures there count for it there.
- Many clients may share an address. A lock of the address does not apply to a name that has lately logged on from
  anywhere, because that name's own limits bound the guesses at it. A locked address also still allows a few attempts
  by names that have not failed there (`spare`).
- A lock of a name at an address applies to everybody there who sends that name. Operators see it (`lockouts`) and can
  lift it (`clear`).
- A success does not cancel failures. Otherwise the owner of a good account could guess for ever, with a logon of his
  own now and then.
- No record is evicted while it matters. When a table is full of records that matter, newcomers share a fixed number of
  records. Some newcomers are then locked out for others' failures, unless they are known, and none escapes the limits.
- An IPv6 client owns a network and not a single address, so its /64 counts (RFC 6177, 2).

Invariants: memory is bounded, whatever is sent; names are kept as keyed digests of fixed size, and in clear only for a
bounded number of locks and cut to a bounded length; a lock ends only by time or by an operator.
"""

from __future__ import annotations

import hashlib
import ipaddress
import os
from collections import OrderedDict
from dataclasses import dataclass, field
from enum import StrEnum

TOO_MANY = "too many failed logons"
LOCKED = 6
"""SessionStatus (1409): account locked."""

_SHARED = 4_096
"""How many records newcomers share when a table is full."""
_LOOKED_AT = 4
"""How many old records are checked at each failure: more than one, so that they are dropped faster than new ones come.
"""


MAX_LOCKOUTS = 10_000
"""How many lock-outs are listed. With more, the oldest still hold but are not listed."""
MAX_SHOWN = 128
"""How many characters of a name or an address are listed."""


class Kind(StrEnum):
    """What is locked."""

    NAME_THERE = "name at address"
    ADDRESS = "address"
    NAME = "name"


@dataclass(frozen=True, slots=True)
class Lockout:
    """One lock, as it is listed. `name` or `address` is empty if the lock does not depend on it."""

    kind: Kind
    name: str
    address: str
    since: float
    """Monotonic seconds, as in the next field."""
    until: float
    locks: int
    """How many locks there were in a row, with this one."""
    shared: bool = False
    """Whether it also holds for other names or addresses, because the memory was full."""


@dataclass(frozen=True, slots=True)
class Limits:
    """After how many failures a lock begins, and for how long. Times are in seconds."""

    attempts: int = 5
    """Failures of a CompID at one address."""
    address_attempts: int = 20
    """Failures at an address, under any CompIDs."""
    comp_id_attempts: int = 50
    """Failures of a CompID, from any addresses."""
    window_s: float = 300.0
    """How long a failure counts."""
    lock_s: float = 60.0
    """The length of the first lock; each further one is twice as long."""
    longest_lock_s: float = 3_600.0
    """The longest lock. If this time passes after a lock without another, the next lock is a first one again."""
    known_s: float = 7 * 86_400.0
    """For how long a CompID is known at an address after a good logon from there."""
    capacity: int = 20_000
    """The most records of each kind."""


@dataclass(slots=True)
class _Record:
    """The failures that count under one key."""

    times: list[float] = field(default_factory=list)
    """The times of the failures within the window since the last lock, oldest first; fewer than the limit."""
    locked_until: float = 0.0
    locks: int = 0
    """How many locks there were in a row."""


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
        """Seconds left of the lock; 0 without one. A shared record counts for all its keys."""
        records = (self._records.get(key), self._shared.get(_share(key)))
        return max((record.locked_until - now for record in records if record is not None), default=0.0)

    def failed(self, key: bytes, now: float) -> _Record | None:
        """Count one failure. Failures of attempts that were under way when a lock began count towards the next lock.
        Returns the record if this failure locked it."""
        self._drop_stale(now)
        record = self._record(key)
        if record.locks and now >= record.locked_until + self._limits.longest_lock_s:
            record.locks = 0
        record.times = [time for time in record.times if time > now - self._limits.window_s]
        record.times.append(now)
        if len(record.times) < self._limit:
            return None
        record.times.clear()
        record.locked_until = max(record.locked_until, now + self._lock_s(record.locks))
        record.locks += 1
        return record

    def failures(self, key: bytes, now: float) -> int:
        """The number of failures that count now."""
        records = (self._records.get(key), self._shared.get(_share(key)))
        times = (time for record in records if record is not None for time in record.times)
        return sum(time > now - self._limits.window_s for time in times)

    def is_shared(self, record: _Record, key: bytes) -> bool:
        """Whether the record also counts for other keys."""
        return self._shared.get(_share(key)) is record

    def clear(self, key: bytes) -> None:
        """Forget all failures and the lock of a key."""
        self._records.pop(key, None)
        self._shared.pop(_share(key), None)

    def clear_all(self) -> None:
        """Forget everything."""
        self._records.clear()
        self._shared.clear()

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
        """Check a few records, in turn, and drop those that no longer matter."""
        for records in (self._records, self._shared):
            for _ in range(min(_LOOKED_AT, len(records))):
                key, record = records.popitem(last=False)
                if not self._is_stale(record, now):
                    records[key] = record

    def _is_stale(self, record: _Record, now: float) -> bool:
        counts = bool(record.times) and record.times[-1] > now - self._limits.window_s
        return not counts and (not record.locks or now >= record.locked_until + self._limits.longest_lock_s)


class Guessing:
    """Counts failed logons, and says who is locked out."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._key = os.urandom(32)  # nobody outside can tell which keys share a record
        self._pairs = _Table(limits.attempts, limits)
        self._known_pairs = _Table(limits.attempts, limits)
        self._addresses = _Table(limits.address_attempts, limits)
        self._comp_ids = _Table(limits.comp_id_attempts, limits)
        self._known: OrderedDict[bytes, float] = OrderedDict()
        self._known_anywhere: OrderedDict[bytes, float] = OrderedDict()
        self._spared: OrderedDict[bytes, list[float]] = OrderedDict()
        """By address: the times at which an attempt was allowed although the address was locked."""
        self._lockouts: OrderedDict[tuple[int, bytes], Lockout] = OrderedDict()

    def __len__(self) -> int:
        """The number of records of all kinds."""
        known = len(self._known) + len(self._known_anywhere)
        return sum(map(len, self._tables)) + known + len(self._spared) + len(self._lockouts)

    @property
    def limits(self) -> Limits:
        """After how many failures a lock begins."""
        return self._limits

    @property
    def _tables(self) -> tuple[_Table, _Table, _Table, _Table]:
        return self._pairs, self._known_pairs, self._addresses, self._comp_ids

    def locked(self, comp_id: str, address: str, now: float) -> float:
        """For how many more seconds logons of that CompID from that address are refused; 0 if they are not."""
        return max(self.locked_itself(comp_id, address, now), self.locked_by_address(comp_id, address, now))

    def locked_itself(self, comp_id: str, address: str, now: float) -> float:
        """The same, counting only locks that failures of that CompID caused."""
        pair, _, name = self._keys(comp_id, address)
        left = self._known_pairs.locked(pair, now)
        if not self._is_known(self._known, pair, now):
            left = max(left, self._pairs.locked(pair, now), self._comp_ids.locked(name, now))
        return max(0.0, left)

    def locked_by_address(self, comp_id: str, address: str, now: float) -> float:
        """The same, counting only the lock of the address, which failures of others may have caused."""
        pair, place, name = self._keys(comp_id, address)
        if self._is_known(self._known, pair, now) or self._is_known(self._known_anywhere, name, now):
            return 0.0
        return max(0.0, self._addresses.locked(place, now))

    def left(self, comp_id: str, address: str, now: float) -> tuple[int, int]:
        """How many more failures lock that CompID: at that address, and from all addresses together."""
        pair, _, name = self._keys(comp_id, address)
        there = self._known_pairs if self._is_known(self._known, pair, now) else self._pairs
        attempts, anywhere = self._limits.attempts, self._limits.comp_id_attempts
        return attempts - there.failures(pair, now), anywhere - self._comp_ids.failures(name, now)

    def spare(self, comp_ids: list[str], address: str, now: float) -> bool:
        """Whether an attempt under these names is allowed although its address is locked: the names have not failed
        there, and fewer than `attempts` such attempts were allowed within the window. Counts the attempt as allowed."""
        keys = [self._keys(comp_id, address) for comp_id in comp_ids]
        if not keys or any(self._pairs.failures(pair, now) for pair, _, _ in keys):
            return False
        _, place, _ = keys[0]
        times = [time for time in self._spared.pop(place, []) if time > now - self._limits.window_s]
        while len(self._spared) >= self._limits.capacity:
            self._spared.popitem(last=False)
        is_heard = len(times) < self._limits.attempts
        self._spared[place] = [*times, now] if is_heard else times
        return is_heard

    def failed(self, comp_id: str, address: str, now: float, *, once_more: bool = False) -> list[Lockout]:
        """Count a logon with bad credentials (not one that failed by an outage or a lock). `once_more` counts the same
        logon under another of its names, without counting it for the address again. Returns the locks that begin."""
        pair, place, name = self._keys(comp_id, address)
        there = self._known_pairs if self._is_known(self._known, pair, now) else self._pairs
        counted = [(there, pair, Kind.NAME_THERE, comp_id, network(address))]
        if not once_more:
            counted.append((self._addresses, place, Kind.ADDRESS, "", network(address)))
        counted.append((self._comp_ids, name, Kind.NAME, comp_id, ""))
        made = []
        for table, key, kind, shown, where in counted:
            record = table.failed(key, now)
            if record is not None:
                shared = table.is_shared(record, key)
                until, locks = record.locked_until, record.locks
                lockout = Lockout(kind, shown[:MAX_SHOWN], where[:MAX_SHOWN], now, until, locks, shared)
                self._show(self._tables.index(table), key, lockout)
                made.append(lockout)
        return made

    def succeeded(self, comp_id: str, address: str, now: float) -> None:
        """Remember that the CompID has logged on from there. Only holders of good credentials can fill this memory."""
        pair, _, name = self._keys(comp_id, address)
        for known, key in ((self._known, pair), (self._known_anywhere, name)):
            known[key] = now
            known.move_to_end(key)
            while len(known) > self._limits.capacity:
                known.popitem(last=False)

    def lockouts(self, now: float) -> list[Lockout]:
        """The current locks, oldest first."""
        return [lockout for lockout in self._lockouts.values() if lockout.until > now]

    def ended(self, now: float) -> list[Lockout]:
        """The locks that have ended by time since the last call."""
        gone = [(place, lockout) for place, lockout in self._lockouts.items() if lockout.until <= now]
        for place, _ in gone:
            del self._lockouts[place]
        return [lockout for _, lockout in gone]

    def clear(self, now: float, *, name: str | None = None, address: str | None = None) -> list[Lockout]:
        """Lift the locks of a name or of an address, or all locks, and forget the failures that led to them. Returns
        the lifted locks."""
        if name is None and address is None:
            held = self.lockouts(now)
            self._lockouts.clear()
            for table in self._tables:
                table.clear_all()
            return held
        if name is not None:
            self._comp_ids.clear(self._keys(name, "")[2])
        if address is not None:
            self._addresses.clear(self._keys("", address)[1])
        shown = (name or "")[:MAX_SHOWN]
        where = network(address or "")[:MAX_SHOWN]
        wanted = [
            (place, lockout)
            for place, lockout in self._lockouts.items()
            if (lockout.name == shown if name is not None else lockout.address == where)
        ]
        for place, _ in wanted:
            index, key = place
            self._tables[index].clear(key)
            del self._lockouts[place]
        return [lockout for _, lockout in wanted if lockout.until > now]

    def _show(self, table: int, key: bytes, lockout: Lockout) -> None:
        self._lockouts.pop((table, key), None)
        while len(self._lockouts) >= min(MAX_LOCKOUTS, self._limits.capacity):
            self._lockouts.popitem(last=False)
        self._lockouts[table, key] = lockout

    def _is_known(self, known: OrderedDict[bytes, float], key: bytes, now: float) -> bool:
        return known.get(key, -float("inf")) > now - self._limits.known_s

    def _keys(self, comp_id: str, address: str) -> tuple[bytes, bytes, bytes]:
        place = network(address)
        return self._digest("pair", comp_id, place), self._digest("address", place), self._digest("comp id", comp_id)

    def _digest(self, *parts: str) -> bytes:
        text = "".join(f"{len(part)}:{part}" for part in parts)
        return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), key=self._key, digest_size=16).digest()


def network(address: str) -> str:
    """What an address counts as: an IPv4 address as itself, an IPv6 address as its /64, anything else unchanged."""
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
