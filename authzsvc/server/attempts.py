"""Counts failed credentials of every event, by the names and the address that they come from, and locks callers out.

A caller can guess only a credential about which the service must ask an authorization server: above all a client's
secret. So:

- A token whose signature is verified here is verified even for a locked caller. If the token is good, its holder is let
  in; if it is not, a locked caller gets the answer that he is locked out.
- A session goes on with its own credential, which is no guess, although others fail under its names. The session's
  secret name proves that the caller is that session (`contract.session_name`).
- Any other credential is refused without asking about it while one of its names is locked. Attempts that are still
  under way count too: no more of them are asked about at a time than may still fail.
- If an event may be of a session that another service let in, a locked attempt is denied like an outage, so that the
  session does not end.

The service's log has each lock and its end.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from cachetools import TTLCache

from authzsvc.contract.request import Event, FixRequest
from authzsvc.errors import TokenError
from authzsvc.tokens.claims import BAD_CREDENTIALS
from authzsvc.tokens.credential import Credential, Scheme
from authzsvc.tokens.guessing import LOCKED, MAX_SHOWN, TOO_MANY, Guessing, Kind, Lockout, network

COMP_ID, CLIENT = "CompID ", "client "
"""Prefixes that tell the two kinds of names apart."""

_ONCE = (Event.LOGON, Event.RENEWAL)
"""Events for which a client sends a credential on purpose. Other events bring the same one again and again."""
_REMEMBERED = 20_000

_log = logging.getLogger(__name__)


class LockedOut(TokenError):
    """The credential was not looked at, because its caller is locked out. A session does not end by that."""

    unavailable = True

    def __init__(self) -> None:
        super().__init__(TOO_MANY, "locked out after too many failed logons", LOCKED)


@dataclass(slots=True)
class Attempts:
    """Counts refused credentials, and locks out whoever has failed too often."""

    guessing: Guessing
    clock: Callable[[], float] = time.monotonic
    begun: Counter[Kind] = field(default_factory=Counter)
    """How many locks of each kind there have been."""
    _under_way: dict[tuple[str, str], Counter[bytes]] = field(default_factory=dict)
    """Credentials about which an authorization server is being asked, by name and address, and by name alone."""
    _refused: TTLCache[tuple[str, str, bytes], None] = field(init=False)
    """Refused credentials that are not counted again: whoever repeats one learns nothing new."""

    def __post_init__(self) -> None:
        """Nobody has failed yet."""
        self._refused = TTLCache(_REMEMBERED, self.guessing.limits.window_s, timer=self.clock)

    def is_locked(self, request: FixRequest, credential: Credential | None, *, spare: bool = False) -> bool:
        """Whether the caller is locked out, so that only a credential that is verified here is looked at. With `spare`,
        the attempt may use one of the few that a locked address still allows."""
        now = self.clock()
        names, host = _names(request, credential), _host(request)
        if any(self.guessing.locked_itself(name, host, now) > 0 for name in names):
            return True
        if not any(self.guessing.locked_by_address(name, host, now) > 0 for name in names):
            return False
        return not (spare and self.guessing.spare(names, host, now))

    @contextlib.contextmanager
    def asking(self, request: FixRequest, credential: Credential) -> Iterator[bool]:
        """Count a credential as under way for as long as an authorization server is asked about it. Yields False if too
        many others of its names are under way: then the server must not be asked."""
        host, digest, now = _host(request), credential.digest(), self.clock()
        bounds: list[tuple[tuple[str, str], int]] = []
        for name in _names(request, credential):
            there, anywhere = self.guessing.left(name, host, now)
            bounds += [((name, network(host)), there), ((name, ""), anywhere)]
        flights = [(self._under_way.get(key, Counter[bytes]()), most) for key, most in bounds]
        if any(len(flight) >= most and digest not in flight for flight, most in flights):
            yield False
            return
        for key, _ in bounds:
            self._under_way.setdefault(key, Counter())[digest] += 1
        try:
            yield True
        finally:
            for key, _ in bounds:
                self._land(key, digest)

    def _land(self, key: tuple[str, str], digest: bytes) -> None:
        flight = self._under_way[key]
        flight[digest] -= 1
        if not flight[digest]:
            del flight[digest]
        if not flight:
            del self._under_way[key]

    def failed(self, request: FixRequest, credential: Credential | None, error: TokenError) -> None:
        """Count a refused credential, if it may have been a guess."""
        if credential is None or not is_guess(error):
            return
        now, host, names = self.clock(), _host(request), _names(request, credential)
        mark = (names[0], host, credential.digest())
        if request.event not in _ONCE and mark in self._refused:
            return
        self._refused[mark] = None
        for index, name in enumerate(names):
            for lockout in self.guessing.failed(name, host, now, once_more=index > 0):
                self.begun[lockout.kind] += 1
                _log.warning("locked out after too many failed logons", extra=_told(lockout, now))

    def succeeded(self, request: FixRequest) -> None:
        """Note that the client has logged on from its address. The credential must be good for this CompID, because
        otherwise its holder would be taken for the CompID's owner there."""
        for name in _names(request, request.credential):
            self.guessing.succeeded(name, _host(request), self.clock())

    def lockouts(self) -> list[Lockout]:
        """The locks that hold."""
        return self.guessing.lockouts(self.clock())

    def levels(self) -> Mapping[Kind, int]:
        """How many locks of each kind hold."""
        return Counter(lockout.kind for lockout in self.lockouts())

    def clear(self, *, name: str | None = None, address: str | None = None) -> list[Lockout]:
        """Lift the locks of a CompID or client id, or of an address, or all locks. Returns the locks that held."""
        now = self.clock()
        names = [None] if name is None else [COMP_ID + name, CLIENT + name]
        lifted = [lockout for one in names for lockout in self.guessing.clear(now, name=one, address=address)]
        for lockout in lifted:
            _log.warning("a lock-out was lifted by an operator", extra=_told(lockout, now))
        return lifted

    def sweep(self) -> None:
        """Log the locks that have ended. To be called now and then."""
        now = self.clock()
        for lockout in self.guessing.ended(now):
            _log.info("a lock-out has ended", extra=_told(lockout, now))


def is_guess(error: TokenError) -> bool:
    """Whether a refused credential may have been a guess: it was wrong, and not merely expired or lost in an outage."""
    return error.session_status == BAD_CREDENTIALS and not error.unavailable


def _told(lockout: Lockout, now: float) -> dict[str, object]:
    return {
        "lockout": lockout.kind.value,
        "who": lockout.name,
        "address": lockout.address,
        "left_s": max(0, round(lockout.until - now)),
        "locks": lockout.locks,
    }


def _host(request: FixRequest) -> str:
    """The address without its port, cut to what may be remembered; no real one is that long."""
    return request.address.rpartition(":")[0][:MAX_SHOWN]


def _names(request: FixRequest, credential: Credential | None) -> list[str]:
    """Returns the names that an attempt counts for: its CompID, and the client id of a secret, because a guesser may
    send any CompID."""
    names = [COMP_ID + request.client.comp_id]
    if credential is not None and credential.scheme is Scheme.BASIC:
        names.append(CLIENT + credential.username)
    return names
